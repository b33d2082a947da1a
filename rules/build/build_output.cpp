#include "rules/build/build_output.h"

#include <algorithm>

namespace rules {
namespace {

constexpr std::size_t made_max = 1'000;  // a step may print as many as it likes

bool is_short_id(std::string_view text)
{
    return text.size() == 12 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

void BuildOutput::read(const Json& message)
{
    if (!message.is_object()) return;
    if (message.contains("errorDetail") || message.contains("error")) failed_ = true;
    if (const auto aux = message.find("aux"); aux != message.end() && aux->is_object())
        if (const auto id = aux->find("ID"); id != aux->end() && id->is_string()) result_ = id->get<std::string>();
    const auto stream = message.find("stream");
    if (stream == message.end() || !stream->is_string()) return;
    std::string_view line = stream->get_ref<const std::string&>();
    constexpr std::string_view arrow = " ---> ";
    if (!line.starts_with(arrow)) return;
    line.remove_prefix(arrow.size());
    if (line.ends_with('\n')) line.remove_suffix(1);
    constexpr std::string_view running = "Running in ";
    if (line.starts_with(running)) {
        line.remove_prefix(running.size());
        if (!is_short_id(line)) return;
        running_ = line;
        if (started_.empty() || started_.back() != line) started_.emplace_back(line);
        return;
    }
    running_.clear();
    if (is_short_id(line) && made_.size() < made_max && std::ranges::find(made_, line) == made_.end())
        made_.emplace_back(line);
}

std::optional<std::string> BuildOutput::as_written(std::string_view stream)
{
    constexpr std::string_view step = "Step ", colon = " : ";
    if (steps_.empty() || !stream.starts_with(step)) return std::nullopt;
    const std::size_t begin = stream.find(colon);
    if (begin == stream.npos || !stream.substr(begin + colon.size()).starts_with(steps_.front().sent)) return std::nullopt;
    std::string shown(stream);
    shown.replace(begin + colon.size(), steps_.front().sent.size(), steps_.front().written);
    steps_.pop_front();
    return shown;
}

}  // namespace rules
