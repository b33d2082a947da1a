#include "rules/policy/dial.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

Result<void> asked(const std::string& host, const DialFacts& facts = {}, const Profile& profile = {})
{
    const auto target = dial_target(host);
    if (!target) return tl::unexpected(target.error());
    return may_dial(*target, facts, profile, "fromImage");
}

DialFacts resolved(const std::vector<std::string>& addresses)
{
    DialFacts facts;
    for (const std::string& each : addresses) facts.addresses.push_back(parse_address(each).value());
    return facts;
}

TEST(Names, AreLookedUpWithTheirLastDotAndListedWithoutIt)
{
    const DialTarget target = login_target("https://Registry.test.:5000/v2").value();
    EXPECT_EQ(target.name, "registry.test.");
    EXPECT_EQ(target.text, "registry.test:5000");
    EXPECT_EQ(dial_target("registry.test").value().name, "registry.test");
}

TEST(Addresses, AreReadInEverySpelling)
{
    for (const std::string text :
         {"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0X7F.1", "017700000001", "0177.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1%lo"})
        EXPECT_EQ(to_string(read_address(text).value()), "127.0.0.1") << text;
    for (const std::string text : {"127.1", "0x7f000001", "", "1.2.3.4 ", "a"}) EXPECT_FALSE(parse_address(text)) << text;
    for (const std::string text : {"", "a", "x", "cafe", "1.2.3.4.5", "1.2.3.256", "09", "4294967296", "1.2.3.4 x"})
        EXPECT_FALSE(read_address(text)) << text;
    for (const std::string text : {"64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"})
        EXPECT_EQ(to_string(carried(parse_address(text).value())), "127.0.0.1") << text;
    for (const std::string text : {"::1", "::", "2001:db8::1", "1.2.3.4"})
        EXPECT_EQ(carried(parse_address(text).value()), parse_address(text)) << text;
}

TEST(Addresses, RangesAreOfBothFamilies)
{
    EXPECT_TRUE(parse_range("10.0.0.0/8")->contains(*parse_address("10.255.0.1")));
    EXPECT_FALSE(parse_range("10.0.0.0/8")->contains(*parse_address("11.0.0.0")));
    EXPECT_FALSE(parse_range("10.0.0.0/8")->contains(*parse_address("::a00:1")));
    EXPECT_TRUE(parse_range("fd00:ec2::/32")->contains(*parse_address("fd00:ec2:1::")));
    EXPECT_TRUE(parse_range("0.0.0.0/0")->is_v4());
    EXPECT_FALSE(parse_range("::/0")->is_v4());
    for (const std::string text :
         {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "fd00::1/64", "fd00::/129", "internet", "10.0.0.0/-1", ""})
        EXPECT_FALSE(parse_range(text)) << text;
    EXPECT_EQ(ranges_of(true, {"10.0.0.0/8", "fd00::/8", "x"}), std::vector<std::string>{"10.0.0.0/8"});
    EXPECT_EQ(ranges_of(false, {"10.0.0.0/8", "fd00::/8", "x"}), std::vector<std::string>{"fd00::/8"});
    for (const SpecialRange& each : special_ranges()) EXPECT_TRUE(parse_range(each.range)) << each.range;
    EXPECT_FALSE(cloud_ranges().empty());
}

TEST(MayDial, NothingOfTheHostInAnySpelling)
{
    for (const std::string host : {"127.0.0.1",
                                   "127.0.0.1:5000",
                                   "127.1",
                                   "2130706433:80",
                                   "0x7f000001",
                                   "017700000001",
                                   "0.0.0.0",
                                   "0:80",
                                   "[::1]:5000",
                                   "[::]",
                                   "[::ffff:7f00:1]",
                                   "[fe80::1]:80",
                                   "[64:ff9b::a9fe:a9fe]",
                                   "localhost",
                                   "LOCALHOST:5000",
                                   "x.localhost",
                                   "localhost.localdomain",
                                   "ip6-localhost",
                                   "169.254.170.23",
                                   "168.63.129.16",
                                   "100.100.100.200",
                                   "[fd00:ec2::23]",
                                   "[fd20:ce::254]",
                                   "224.0.0.1",
                                   "[ff02::1]",
                                   "255.255.255.255"}) {
        const auto judged = asked(host);
        ASSERT_FALSE(judged) << host;
        EXPECT_EQ(judged.error().status, 403) << host;
        EXPECT_EQ(judged.error().rule, "images.registries_local") << host;
        EXPECT_EQ(judged.error().field, "fromImage") << host;
    }
    for (const std::string host : {"docker.io", "index.docker.io", "ghcr.io", "10.1.2.3:5000", "192.168.1.1", "8.8.8.8", "[2001:db8::1]:443",
                                   "not-localhost", "registry:5000"})
        EXPECT_TRUE(asked(host)) << host;
}

TEST(MayDial, EveryAddressOfANameCounts)
{
    EXPECT_TRUE(asked("company.test", resolved({"192.168.77.7"})));
    EXPECT_FALSE(asked("company.test", resolved({"192.168.77.7", "::1"})));
    EXPECT_FALSE(asked("metadata.test", resolved({"169.254.169.254"})));
    EXPECT_TRUE(asked("docker.io", resolved({"127.0.0.1"}))) << "the engine's own";
}

TEST(MayDial, WhatIsWhose)
{
    DialFacts facts;
    facts.of_host = {*parse_address("192.168.1.2"), *parse_address("10.213.0.1"), *parse_address("10.213.0.65")};
    facts.of_others = {*parse_range("172.17.0.0/16"), *parse_range("10.213.0.64/26"), *parse_range("fd01::/64")};
    facts.of_job = {*parse_range("10.213.0.0/26")};
    for (const std::string host : {"192.168.1.2", "172.17.0.9:5000", "10.213.0.65", "10.213.0.70", "[fd01::5]"})
        EXPECT_FALSE(asked(host, facts)) << host;
    for (const std::string host : {"192.168.1.3", "10.213.0.1:5000", "10.213.0.9"}) EXPECT_TRUE(asked(host, facts)) << host;
    Profile closed;
    closed.host_reachable = false;
    EXPECT_FALSE(asked("10.213.0.1:5000", facts, closed)) << "the host's services are there too";
    EXPECT_TRUE(asked("10.213.0.9:5000", facts, closed));
}

TEST(MayDial, WhatTheProfileLists)
{
    Profile profile;
    profile.registries_local = {"127.0.0.1:5000", "localhost", "registry.test:*", "[::1]:5000"};
    EXPECT_TRUE(asked("127.0.0.1:5000", {}, profile));
    EXPECT_TRUE(asked("0x7f000001:5000", {}, profile));
    EXPECT_FALSE(asked("127.0.0.1:5001", {}, profile));
    EXPECT_FALSE(asked("127.0.0.1", {}, profile));
    EXPECT_TRUE(asked("localhost:1", {}, profile));
    EXPECT_TRUE(asked("registry.test:7", resolved({"127.0.0.1"}), profile));
    EXPECT_TRUE(asked("named.test:5000", resolved({"127.0.0.1", "::1"}), profile)) << "by each of its addresses";
    EXPECT_FALSE(asked("named.test:5001", resolved({"127.0.0.1"}), profile));
}

TEST(MayDial, ANameThatNobodyKnowsIsForTheList)
{
    Profile profile;
    profile.registries = {"ghcr.io/us/**", "docker.io/library/*"};
    EXPECT_TRUE(asked("ghcr.io", {}, profile));
    const auto judged = asked("evil.test", {}, profile);
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().rule, "images.registries");
    EXPECT_TRUE(asked("evil.test", resolved({"203.0.113.1"}), profile)) << "a pull is held to its repository elsewhere";
}

TEST(MayDial, LoginsAndUrlsAreReadInOneWay)
{
    for (const auto& [server, text] : std::map<std::string, std::string>{{"", "docker.io"},
                                                                         {"https://index.docker.io/v1/", "index.docker.io"},
                                                                         {"http://127.0.0.1:5000/v1/", "127.0.0.1:5000"},
                                                                         {"Registry.test:5000", "registry.test:5000"},
                                                                         {"https://a.test?x", "a.test"},
                                                                         {"http://[::1]:5000#x", "[::1]:5000"}})
        EXPECT_EQ(login_target(server).value().text, text) << server;
    for (const std::string server : {"http://a@127.0.0.1", "HTTP://127.0.0.1", "ftp://a.test", "http://", "http:///x", "a b", "http://a\\b",
                                     "a%2e.test", "a:b", "a:", "a:123456", "[::1", "[a]", "[1.2.3.4]", "[::1]x", "\xef\xbc\x91.test"})
        EXPECT_FALSE(login_target(server)) << server;
    EXPECT_EQ(url_target("HTTPS://Files.Test.:8000/x?y").value().text, "files.test:8000");
    for (const std::string url : {"files.test/x", "ftp://files.test", "http://u:p@files.test", "https://\xe2\x91\xa0.test/"})
        EXPECT_FALSE(url_target(url)) << url;
}

}  // namespace
}  // namespace rules
