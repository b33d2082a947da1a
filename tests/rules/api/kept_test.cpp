#include "rules/api/kept.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rules/api/kept_text.h"
#include "rules/api/keyed_hash.h"
#include "rules/bodies/bodies.h"

// The table of what is kept of a request, and what stands for the rest.
namespace rules {
namespace {

TEST(Hidden, TellsLengthAndEqualityAndNothingElse)
{
    constexpr HashKey key{0x0123456789abcdef, 0xfedcba9876543210};
    EXPECT_EQ(hidden(key, "secret"), hidden(key, "secret"));
    EXPECT_NE(hidden(key, "secret"), hidden(key, "secreT"));
    EXPECT_NE(hidden(key, "secret"), hidden(HashKey{1, 2}, "secret")) << "who has no key cannot try texts out";
    EXPECT_EQ(hidden(key, "secret").substr(0, 9), "hidden.6.");
    EXPECT_EQ(hidden(key, "secret").size(), 9u + 16);
}

// The vectors of the algorithm's authors: key 00 01 ... 0f, texts 00, 00 01, ...
TEST(KeyedHash, IsSipHash)
{
    const HashKey counted{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string text;
    const std::map<int, std::uint64_t> vectors = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
    for (int length = 0; length < 16; ++length) {
        if (const auto wanted = vectors.find(length); wanted != vectors.end()) EXPECT_EQ(keyed_hash(counted, text), wanted->second) << length;
        text.push_back(static_cast<char>(length));
    }
}

TEST(Kept, EveryRowIsOfAFieldOrAParameterThatIsThereAndHasAText)
{
    std::set<const Kept*> used;
    for (const ValuePlace& place : value_places()) used.insert(place.kept);
    std::set<std::pair<std::string_view, std::string_view>> seen;
    const auto visit = [&](const auto& self, const Schema& schema) -> void {
        for (const Field& field : schema.fields) {
            used.insert(&kept_of(field));
            if (field.inside) self(self, *field.inside);
        }
    };
    for (const Endpoint& row : endpoints())
        if (row.schema) visit(visit, *row.schema);
    for (const Kept& row : kept()) {
        EXPECT_TRUE(used.contains(&row)) << row.holder << "." << row.field;
        EXPECT_TRUE(row.value != Keep::nothing || row.key != Keep::nothing) << row.holder << "." << row.field;
        EXPECT_TRUE(seen.emplace(row.holder, row.field).second) << row.holder << "." << row.field << " is there twice";
    }
}

}  // namespace
}  // namespace rules
