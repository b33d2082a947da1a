#include "bench/request.h"

#include <algorithm>
#include <charconv>

namespace bench {
namespace {

bool is_header(std::string_view line, std::string_view lower_name)
{
    if (line.size() <= lower_name.size() || line[lower_name.size()] != ':') return false;
    for (std::size_t i = 0; i < lower_name.size(); ++i)
        if ((line[i] | 0x20) != lower_name[i]) return false;
    return true;
}

}  // namespace

std::optional<Head> parse(std::string_view bytes)
{
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    Head head;
    head.size = end + 4;
    std::string_view lines = bytes.substr(0, end + 2);
    const std::string_view first = lines.substr(0, lines.find("\r\n"));
    const auto space = first.find(' ');
    head.request.method = first.substr(0, space);
    std::string_view target = first.substr(space + 1, first.rfind(' ') - space - 1);
    if (target.starts_with("/v1.")) target.remove_prefix(std::min(target.find('/', 1), target.size()));
    const auto mark = target.find('?');
    head.request.path = target.substr(0, mark);
    if (mark != std::string_view::npos) head.request.query = target.substr(mark + 1);
    for (lines.remove_prefix(first.size() + 2); !lines.empty();) {
        const auto line = lines.substr(0, lines.find("\r\n"));
        if (is_header(line, "content-length")) {
            std::uint64_t length = 0;
            std::from_chars(line.data() + line.find_first_not_of(' ', 15), line.data() + line.size(), length);
            head.length = length;
        } else if (is_header(line, "transfer-encoding")) {
            head.chunked = true;
        } else if (is_header(line, "upgrade")) {
            head.request.upgrade = true;
        } else if (is_header(line, "connection")) {
            head.close = line.find("lose") != std::string_view::npos;
        }
        lines.remove_prefix(line.size() + 2);
    }
    return head;
}

std::string parameter(std::string_view query, std::string_view key)
{
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=')
            return std::string(pair.substr(key.size() + 1));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
    }
    return {};
}

std::string unescaped(std::string_view text)
{
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        int code = 0;
        if (text[i] == '%' &&
            std::from_chars(text.data() + i + 1, text.data() + std::min(i + 3, text.size()), code, 16).ec ==
                std::errc{}) {
            result += static_cast<char>(code);
            i += 2;
        } else {
            result += text[i];
        }
    }
    return result;
}

std::string value_at(std::string_view json, std::string_view key, std::string_view otherwise)
{
    const std::string quoted = '"' + std::string(key) + "\":";
    const auto at = json.find(quoted);
    if (at == std::string_view::npos) return std::string(otherwise);
    const auto begin = at + quoted.size();
    if (begin >= json.size() || (json[begin] != '{' && json[begin] != '"')) return std::string(otherwise);
    bool inside = false;
    for (auto i = begin; i < json.size(); ++i) {
        if (json[i] == '\\') {
            ++i;
        } else if (json[i] == '"') {
            inside = !inside;
            if (!inside && json[begin] == '"') return std::string(json.substr(begin + 1, i - begin - 1));
        } else if (json[i] == '}' && !inside) {
            return std::string(json.substr(begin, i - begin + 1));
        }
    }
    return std::string(otherwise);
}

}  // namespace bench
