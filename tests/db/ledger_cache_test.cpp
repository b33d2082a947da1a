#include "tests/db/ledger_fixture.h"

namespace db {
namespace {

TEST_F(LedgerTest, TheCacheIsByImageAndName)
{
    EXPECT_FALSE(ledger.host_images()) << "nobody has looked yet";
    ledger.add_host_images({}, 5);
    EXPECT_EQ(ledger.host_images(), std::set<std::string>());
    ledger.add_host_images({"x", "y"}, 6);
    ledger.remove_host_image("y");
    EXPECT_TRUE(ledger.is_host_image("x"));
    EXPECT_FALSE(ledger.is_host_image("y"));

    ledger.put(Cached{"", "app:1", "", 10});  // a pull that is under way
    ledger.put(Cached{"i", "app:1", "", 20});
    ledger.end_pull("app:1");
    EXPECT_TRUE(ledger.is_cached("i", "app:1"));
    EXPECT_FALSE(ledger.is_cached("i", "app:2"));
    EXPECT_TRUE(ledger.is_unkept("i", "app:1"));
    ledger.put(Cached{"i", "app:1", "default", 15});
    EXPECT_FALSE(ledger.is_unkept("i", "app:1"));
    EXPECT_EQ(ledger.cached().at(0).used, 20) << "time does not go back";
    ledger.put(Cached{"i", "app:1", "", 30});
    EXPECT_EQ(ledger.cached().at(0).profile, "default") << "who keeps nothing takes nothing away";
    ledger.put(Cached{"i", "app:2", "default", 25});
    ledger.touch_cached("i", 40);
    ledger.touch_cached("app:2", 50);
    EXPECT_EQ(ledger.cached().at(0).used, 40);
    EXPECT_EQ(ledger.cached().at(1).used, 50);
    ledger.uncache("i", "app:1");
    EXPECT_EQ(ledger.cached().size(), 1U);
}

}  // namespace
}  // namespace db
