#include "rules/api/keyed_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rules {
namespace {

struct State {
    std::uint64_t a, b, c, d;

    void mix()
    {
        a += b;
        b = std::rotl(b, 13) ^ a;
        a = std::rotl(a, 32);
        c += d;
        d = std::rotl(d, 16) ^ c;
        a += d;
        d = std::rotl(d, 21) ^ a;
        c += b;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    }

    void take(std::uint64_t word)
    {
        d ^= word;
        mix();
        mix();
        a ^= word;
    }
};

/// Up to eight bytes, the first the lowest.
std::uint64_t word_of(std::string_view bytes)
{
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
    return word;
}

}  // namespace

std::uint64_t keyed_hash(const HashKey& key, std::string_view text)
{
    State state{key.first ^ 0x736f6d6570736575, key.second ^ 0x646f72616e646f6d, key.first ^ 0x6c7967656e657261,
                key.second ^ 0x7465646279746573};
    const std::uint64_t length = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) state.take(word_of(text));
    state.take(word_of(text) | length << 56);
    state.c ^= 0xff;
    for (int turn = 0; turn < 4; ++turn) state.mix();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace rules
