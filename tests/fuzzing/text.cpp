#include "rules/build/dockerfile.h"
#include "rules/json.h"
#include "rules/names/image_names.h"
#include "rules/names/names.h"
#include "rules/names/reference.h"
#include "rules/profile/knobs.h"
#include "rules/profile/profile_file.h"
#include "tests/fuzzing/target.h"

namespace fuzz {
namespace {

using rules::Json;

constexpr std::string_view key = "abcdefghijklmnopqrstuvwxyz", other_key = "zzzzzzzzzzzzzzzzzzzzzzzz77";

/// Counts the keys in a text as the library meets them, so that one that was lost is noticed.
struct Keys : nlohmann::json_sax<Json> {
    std::size_t count = 0, depth = 0, deepest = 0;
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return start_array(0); }
    bool key(string_t&) override { return ++count > 0; }
    bool end_object() override { return end_array(); }
    bool start_array(std::size_t) override
    {
        deepest = std::max(deepest, ++depth);
        return true;
    }
    bool end_array() override { return depth-- > 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};

std::size_t keys_in(const Json& value)
{
    std::size_t count = value.is_object() ? value.size() : 0;
    if (value.is_structured())
        for (const Json& each : value) count += keys_in(each);
    return count;
}

/// What is accepted is JSON to others too, has no key twice, is not deep, and is the same value when it is written anew.
void json(std::string_view input)
{
    const auto read = rules::parse_json(input);
    if (!read) return;
    Keys keys;
    must(Json::sax_parse(input, &keys), "what is accepted is JSON", input);
    must(keys.count == keys_in(*read), "no key stands twice", input);
    must(keys.deepest <= 64, "no deep nesting", input);
    must(Json::parse(input) == *read, "the same value as another reader's", input);
    const std::string ours = read->dump();
    const auto again = rules::parse_json(ours);
    must(again && *again == *read, "the forwarded body re-parses to the judged value", input, ours);
    must(again->dump() == ours, "a rewrite is idempotent", ours);
    must(rules::fold_key(rules::fold_key(input)) == rules::fold_key(input), "folding is idempotent", input);
}

/// Names and image references, both ways.
void reference(std::string_view input)
{
    using rules::Kind;
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume}) {
        const auto name = rules::checked_name(kind, input);
        if (!name || name->find("berth.") != name->npos || name->find(key) != name->npos) continue;  // its own text may look like a real name
        const std::string real = rules::real_name(key, *name);
        must(rules::virtual_name(key, real) == *name, "virtual to real to virtual is the identity", *name, real);
        must(!rules::virtual_name(other_key, real), "another job has no such name", real);
        must(rules::key_of(real) == key, "a real name tells whose it is", real);
        const std::string own = rules::scrub(key, "in use by " + real + " now"), foreign = rules::scrub(other_key, "in use by " + real + " now");
        must(own.find(key) == own.npos, "no real name is shown", own);
        must(foreign.find(key) == foreign.npos, "nothing foreign is shown", foreign);
    }
    const std::string once = rules::scrub(key, input);
    // A name of the job's own may look like a real one: it is the job's text.
    must(rules::scrub(key, once) == once || once.find("berth.") != once.npos, "scrubbing is idempotent", input, once);

    const auto read = rules::parse_reference(input);
    if (!read) return;
    for (const std::string& ours : {read->familiar(), read->domain + "/" + read->path + (read->tag.empty() ? "" : ":" + read->tag) +
                                                          (read->digest.empty() ? "" : "@" + read->digest)}) {
        const auto again = rules::parse_reference(ours);
        must(again && *again == *read, "a reference that is written anew is the same", input, ours);
    }
    rules::Reference tagged = *read;
    tagged.digest.clear();
    const auto real = rules::real_reference(key, tagged);
    if (!real) return;
    must(rules::is_real_reference(key, *real) && !rules::is_real_reference(other_key, *real), "a real reference is one job's", *real);
    const auto back = rules::virtual_reference(key, *real);
    must(back && *back == tagged, "virtual to real to virtual is the identity", input, *real);
    must(!rules::virtual_reference(other_key, *real), "another job has no such image", *real);
    const auto to_engine = rules::parse_reference(*real);
    must(to_engine && to_engine->tag == tagged.tag, "the engine reads the reference that we write", *real);
}

/// What is sent names the ids that were judged and no other image, reads as it did, and is not much longer.
void dockerfile(std::string_view input)
{
    const Json arguments = {{"BASE", "busybox"}, {"EMPTY", ""}, {"UNSET", nullptr}};
    static_cast<void>(rules::check_changes({std::string(input)}, 100));
    const auto names = rules::bases_of(input, arguments);
    if (!names) return;
    rules::BaseImages images;
    std::vector<std::string> ids;
    const auto id_of = [](std::size_t number) {
        const std::string digits = std::to_string(number);
        return "sha256:" + std::string(64 - digits.size(), '0') + digits;
    };
    for (std::size_t at = 0; at < names->size(); ++at) {
        ids.push_back(id_of(at));
        images[(*names)[at]] = {ids.back(), {"RUN true", "COPY --from=0 / /"}, 100};
    }
    const auto sent = rules::sealed(input, arguments, {}, images, rules::Profile{});
    if (!sent) return;  // its triggers made it too long
    const auto seen = rules::bases_of(sent->text, arguments);
    must(seen && *seen == ids, "the builder sees the ids that were judged, and no names", input, sent->text);
    rules::BaseImages same;
    for (const std::string& id : ids) same[id] = {id, {}, 100};
    const auto again = rules::sealed(sent->text, arguments, {}, same, rules::Profile{});
    must(again.has_value(), "what is sent can be read again", sent->text);
    const auto third = rules::sealed(again->text, arguments, {}, same, rules::Profile{});  // blanks at an instruction's end may differ
    must(third && third->text == again->text && third->shown.size() == again->shown.size(), "a rewrite of a rewrite says the same", sent->text,
         again->text);
}

/// A rules file: what is read and written anew is the same profile.
void rules_file(std::string_view input)
{
    const auto book = rules::read_rules({{"rules.toml", std::string(input)}});
    if (!book) {
        must(!book.error().message.empty(), "a mistake is told");
        return;
    }
    must(book->find("default") && book->find("strict"), "the ready profiles stay");
    must(book->find(book->selected({{"project", "a/b"}, {"fork", "true"}})) != nullptr, "what is selected is there");
    for (const auto& [name, profile] : book->profiles) {
        const std::string text = rules::profile_text(profile, nullptr);
        const auto again = rules::read_rules({{"rules.toml", text}});
        must(again.has_value(), "a profile that we write is one that we read", text, again ? "" : again.error().message);
        rules::Profile copy = *again->find(name);
        copy.lineage = profile.lineage;  // text_of has all values, and so no need to extend
        must(copy == profile, "a profile that is written anew is the same", text, rules::profile_text(copy, nullptr));
    }
}

constexpr Target targets[] = {{"json", json}, {"reference", reference}, {"dockerfile", dockerfile}, {"rules", rules_file}};

}  // namespace

std::span<const Target> text_targets()
{
    return targets;
}

}  // namespace fuzz
