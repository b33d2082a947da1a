#include "bench/ids.h"

#include <charconv>

namespace bench {

std::string hex(std::uint64_t value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    for (int i = 15; i >= 0; --i, value >>= 4) text[i] = digits[value & 15];
    return text;
}

std::string make_id(char kind, std::uint64_t number)
{
    std::uint64_t mixed = 256 * number + kind + 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    std::string id = hex(mixed ^ (mixed >> 31)) + "5b1f0a7de93c46825b1f0a7de93c4682" + hex(number);
    id[48] = kind;
    return id;
}

char kind_of(std::string_view id)
{
    return id.size() == 64 ? id[48] : '\0';
}

std::optional<std::uint64_t> number_of(std::string_view id)
{
    std::uint64_t number = 0;
    if (id.size() != 64) return std::nullopt;
    const auto [end, error] = std::from_chars(id.data() + 49, id.data() + 64, number, 16);
    if (error != std::errc{} || end != id.data() + 64) return std::nullopt;
    return number;
}

char container_kind(std::string_view body)
{
    if (body.find(R"("Cmd":["echo"])") != std::string_view::npos) return echo_kind;
    if (body.find(R"("Cmd":["sink"])") != std::string_view::npos) return sink_kind;
    if (body.find(R"("Cmd":["source"])") != std::string_view::npos) return source_kind;
    return plain_kind;
}

}  // namespace bench
