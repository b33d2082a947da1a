#include "rules/json.h"

#include <string>
#include <vector>

namespace rules {
namespace {

constexpr std::string_view long_s = "\u017F";
constexpr std::string_view kelvin_sign = "\u212A";

/// Builds the value as the parser reports it, and refuses what nlohmann lets through and what is beyond the budget.
class Builder : public nlohmann::json_sax<Json> {
public:
    explicit Builder(JsonBudget budget) : budget_(budget) {}

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }

    bool number_float(number_float_t value, const string_t& text) override
    {
        // The parser falls back to floating point when an integer does not fit.
        if (text.find_first_of(".eE") == string_t::npos) return refuse("the number " + text + " is out of range");
        return put(value);
    }

    bool string(string_t& value) override
    {
        if (value.find('\0') != string_t::npos) return refuse("a string has a NUL");
        return put(std::move(value));
    }

    bool binary(binary_t&) override { return refuse("binary values are not JSON"); }

    bool key(string_t& name) override
    {
        if (!spend()) return false;
        if (name.find('\0') != string_t::npos) return refuse("a key has a NUL");
        const auto [member, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name), nullptr);
        if (!is_new) return refuse("the key \"" + name + "\" is given twice");
        member_ = &member->second;
        return true;
    }

    bool start_object(std::size_t) override { return enter(Json::object()); }
    bool start_array(std::size_t) override { return enter(Json::array()); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override
    {
        // 406 is nlohmann's "number overflow": well-formed, but beyond what a double holds.
        const std::string what = error.id == 406 ? "a number is out of range" : "a syntax error";
        return refuse(what + " at byte " + std::to_string(position));
    }

    Json root;
    std::string problem;
    bool spent = false;  ///< the budget's nodes

private:
    bool refuse(std::string why)
    {
        problem = std::move(why);
        return false;
    }

    /// One more value or key.
    bool spend()
    {
        if (budget_.nodes-- > 0) return true;
        spent = true;
        return false;
    }

    Json* place(Json value)
    {
        if (open_.empty()) return &(root = std::move(value));
        if (open_.back()->is_array()) return &open_.back()->emplace_back(std::move(value));
        return &(*member_ = std::move(value));
    }

    template <class T>
    bool put(T&& value)
    {
        if (!spend()) return false;
        place(Json(std::forward<T>(value)));
        return true;
    }

    bool enter(Json value)
    {
        if (!spend()) return false;
        if (open_.size() == budget_.depth) return refuse("nested deeper than " + std::to_string(budget_.depth));
        open_.push_back(place(std::move(value)));
        return true;
    }

    bool leave()
    {
        open_.pop_back();
        return true;
    }

    JsonBudget budget_;  ///< what is left of it
    // Stays valid: a container is only appended to while it is the innermost one.
    std::vector<Json*> open_;
    Json* member_ = nullptr;  ///< whose key was read last
};

/// Whether `text`, if it is JSON, is within `budget`: counts what stands before or behind values, outside of strings.
bool is_within(std::string_view text, JsonBudget budget)
{
    std::size_t depth = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        switch (text[at]) {
            case '"':
                for (++at; at < text.size() && text[at] != '"'; ++at)
                    if (text[at] == '\\') ++at;
                break;
            case '{':
            case '[':
                if (++depth > budget.depth) return false;
                [[fallthrough]];
            case ',':
            case ':':
                if (budget.nodes-- == 0) return false;
                break;
            case '}':
            case ']':
                if (depth > 0) --depth;
                break;
            default:
                break;
        }
    }
    return true;
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonBudget budget)
{
    if (text.starts_with("\xEF\xBB\xBF")) return bad_request("invalid JSON: it starts with a byte-order mark");
    // nlohmann takes a NUL for the end of its input.
    if (text.find('\0') != std::string_view::npos) return bad_request("invalid JSON: it has a NUL");
    Builder builder(budget);
    if (Json::sax_parse(text, &builder)) return std::move(builder.root);
    if (builder.spent)
        return tl::unexpected(Error{413, "the JSON has more than " + std::to_string(budget.nodes) + " values and keys"});
    return bad_request("invalid JSON: " + builder.problem);
}

std::optional<Json> read_json(std::string_view text, JsonBudget budget)
{
    // The engine's own short answers hold no more: only what jobs had it keep makes them long.
    if (text.size() > budget.nodes / 2 && !is_within(text, budget)) return std::nullopt;
    Json value = Json::parse(text, nullptr, false);
    return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
}

std::size_t text_bytes(const Json& value)
{
    std::size_t bytes = 0;
    if (const auto* text = value.get_ptr<const std::string*>())
        bytes = text->size();
    else if (const auto* items = value.get_ptr<const Json::array_t*>())
        for (const Json& item : *items) bytes += text_bytes(item);
    else if (const auto* members = value.get_ptr<const Json::object_t*>())
        for (const auto& [key, member] : *members) bytes += key.size() + text_bytes(member);
    return bytes;
}

bool is_zero(const Json& value)
{
    switch (value.type()) {
        case Json::value_t::null:
            return true;
        case Json::value_t::boolean:
            return !value.get<bool>();
        case Json::value_t::number_integer:
        case Json::value_t::number_unsigned:
        case Json::value_t::number_float:
            return value == 0;
        case Json::value_t::string:
            return value.get_ref<const std::string&>().empty();
        default:
            return value.empty();
    }
}

std::string fold_key(std::string_view key)
{
    std::string folded;
    for (std::size_t at = 0; at < key.size(); ++at) {
        const char c = key[at];
        if (key.substr(at).starts_with(long_s)) {
            folded.push_back('s');
            at += long_s.size() - 1;
        } else if (key.substr(at).starts_with(kelvin_sign)) {
            folded.push_back('k');
            at += kelvin_sign.size() - 1;
        } else {
            folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        }
    }
    return folded;
}

}  // namespace rules
