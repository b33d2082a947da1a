#include "rules/build_output.h"

#include <algorithm>

#include "rules/reference.h"

namespace rules {
namespace {

std::string_view trim(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string_view take_word(std::string_view& text)
{
    text = trim(text);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

bool is_short_id(std::string_view text)
{
    return text.size() == 12 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

tl::unexpected<Error> foreign(std::string_view field, std::string_view image)
{
    return denied("image-visible", std::string(field), std::string(image), "this job has neither pulled nor built " + std::string(image) + ": run `docker pull " + std::string(image) + "` first");
}

}  // namespace

Result<void> BuildOutput::read(const Json& message)
{
    if (!message.is_object()) return {};
    const auto text_of = [&message](const char* key) {
        const auto found = message.find(key);
        return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    if (message.contains("errorDetail") || message.contains("error")) failed_ = true;
    if (const auto aux = message.find("aux"); aux != message.end() && aux->is_object())
        if (const auto id = aux->find("ID"); id != aux->end() && id->is_string()) result_ = id->get<std::string>();
    if (text_of("status").starts_with("Pulling from ")) base_pulled_ = true;

    const std::string stream = text_of("stream");
    const std::string_view line = trim(stream);
    if (line.starts_with("Step ")) {
        const std::size_t colon = line.find(" : ");
        if (colon != line.npos) return step(line.substr(colon + 3));
    } else if (line.starts_with("---> ") && is_short_id(line.substr(5))) {
        return image(std::string(line.substr(5)));
    }
    return {};
}

Result<void> BuildOutput::step(std::string_view instruction)
{
    base_.clear();
    const std::string verb = lower(take_word(instruction));
    if (verb == "from") {
        std::string_view word = take_word(instruction);
        while (word.starts_with("--")) word = take_word(instruction);
        base_ = std::string(word);
        base_pulled_ = false;
        if (lower(take_word(instruction)) == "as") stages_.push_back(lower(take_word(instruction)));
        return {};
    }
    if (verb != "copy") return {};
    for (std::string_view word = take_word(instruction); word.starts_with("--"); word = take_word(instruction)) {
        if (!word.starts_with("--from=")) continue;
        const std::string_view source = word.substr(7);
        const bool stage = source.find_first_not_of("0123456789") == source.npos || std::ranges::find(stages_, lower(source)) != stages_.end();
        if (!stage && !job_.image(source)) return foreign("COPY --from", source);
    }
    return {};
}

Result<void> BuildOutput::image(const std::string& id)
{
    if (base_.empty()) {
        if (std::ranges::find(made_, id) == made_.end()) made_.push_back(id);
        return {};
    }
    const std::string base = std::exchange(base_, {});
    if (std::ranges::find(made_, id) != made_.end()) return {};  // FROM an earlier stage
    if (job_.image("sha256:" + id)) return {};
    if (!base_pulled_) return foreign("FROM", base);
    pulled_.push_back(base);
    return {};
}

}  // namespace rules
