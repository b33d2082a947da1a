#include "rules/split.h"

#include <gtest/gtest.h>

// Each text is cut as dockerd cuts it, where it is taken at all.
namespace rules {
namespace {

TEST(Split, AtTheFirstSeparator)
{
    EXPECT_EQ(cut("a=b=c", '=').before, "a");
    EXPECT_EQ(cut("a=b=c", '=').after, "b=c");
    EXPECT_EQ(cut("abc", '=').before, "abc");
    EXPECT_FALSE(cut("abc", '=').found);
    EXPECT_TRUE(cut("=", '=').found);
}

TEST(Split, ExtraHosts)
{
    const auto host = parse_extra_host("a=b:host-gateway");
    ASSERT_TRUE(host);
    EXPECT_EQ(host->name, "a=b");
    EXPECT_TRUE(host->is_gateway());
    EXPECT_EQ(parse_extra_host("six:fe80::1")->address, "fe80::1");
    EXPECT_EQ(parse_extra_host("six:fe80::1")->text(), "six:fe80::1");
    for (const char* bad : {"", "a", ":1.2.3.4", "a=1.2.3.4", "a:", "a:host-gateway ", "a: 1.2.3.4", "a:Host-Gateway", "a:1.2.3", "a:01.2.3.4",
                            "a:fe80::1%eth0", "a:[::1]", "a\nb:1.2.3.4"})
        EXPECT_FALSE(parse_extra_host(bad)) << bad;
}

TEST(Split, Ports)
{
    EXPECT_EQ(parse_ports("80")->text(), "80/tcp");
    EXPECT_EQ(parse_ports("080/udp")->text(), "80/udp");
    EXPECT_EQ(parse_ports("8000-8010/sctp")->text(), "8000-8010/sctp");
    for (const char* bad : {"", "/tcp", "80/", "80/TCP", "80/tcp/udp", "80-", "-80", "81-80", "1-2-3", " 80", "+80", "0", "65536"})
        EXPECT_FALSE(parse_ports(bad)) << bad;
}

TEST(Split, Binds)
{
    EXPECT_EQ(parse_bind("/only")->target, "/only");
    EXPECT_TRUE(parse_bind("/only")->source.empty());
    const auto bind = parse_bind("data:/x:Z,ro,cached,nocopy");
    ASSERT_TRUE(bind);
    EXPECT_EQ(bind->mode, "ro,nocopy");
    EXPECT_TRUE(bind->read_only);
    EXPECT_EQ(parse_bind("data:/x:")->mode, "");
    for (const char* bad :
         {"", ":", ":/x", "a:ro", "a:", "a:b", "a:/b:ro:x", "a:/b:ro,rw", "a:/b:ro,ro", "a:/b:ro,", "a:/b:RO", "a:/b: ro", "a:/b:rslave", "a:/b:z,Z"})
        EXPECT_FALSE(parse_bind(bad)) << bad;
}

TEST(Split, OtherContainers)
{
    EXPECT_EQ(parse_volumes_from("db:ro")->mode, "ro");
    EXPECT_EQ(parse_volumes_from("db:")->mode, "");
    for (const char* bad : {"db:z", "db:ro:rw", "db:ro,rw", "db: ro"}) EXPECT_FALSE(parse_volumes_from(bad)) << bad;
    EXPECT_EQ(shared_container("container:a:b"), "a:b");
    EXPECT_EQ(shared_container("container:"), "");
    for (const char* other : {"container", "Container:a", " container:a", "host", ""}) EXPECT_FALSE(shared_container(other)) << other;
    EXPECT_EQ(parse_link("/db:/web/alias")->alias, "alias");
    EXPECT_EQ(parse_link("db:")->alias, "db");
    for (const char* bad : {"", ":", "a:b:c", "/", ":alias", "a:b\nc"}) EXPECT_FALSE(parse_link(bad)) << bad;
}

TEST(Split, OptionsAndVariables)
{
    EXPECT_EQ(security_option("seccomp:unconfined"), "seccomp=unconfined");
    EXPECT_EQ(security_option("seccomp:a=b"), "seccomp:a=b");
    EXPECT_EQ(security_option("no-new-privileges:true"), "no-new-privileges");
    EXPECT_EQ(security_option("no-new-privileges=false"), "no-new-privileges=false");
    EXPECT_EQ(variable_name("A=b=c").value(), "A");
    EXPECT_EQ(variable_name("A").value(), "A");
    EXPECT_FALSE(variable_name("=x"));
    EXPECT_FALSE(variable_name(""));
}

}  // namespace
}  // namespace rules
