#include "rules/names/reference.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

const std::string hash(64, 'a');
const std::string digest = "sha256:" + hash;

struct Case {
    std::string text;
    Reference reference;
    std::string familiar;
    std::string familiar_tagged;
};

class ReferenceIsParsed : public testing::TestWithParam<Case> {};

TEST_P(ReferenceIsParsed, AndNormalised)
{
    const Case& each = GetParam();
    const Result<Reference> parsed = parse_reference(each.text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->domain, each.reference.domain);
    EXPECT_EQ(parsed->path, each.reference.path);
    EXPECT_EQ(parsed->tag, each.reference.tag);
    EXPECT_EQ(parsed->digest, each.reference.digest);
    EXPECT_EQ(parsed->familiar(), each.familiar);
    EXPECT_EQ(parsed->familiar_tagged(), each.familiar_tagged);

    const Result<Reference> again = parse_reference(parsed->familiar());
    ASSERT_TRUE(again) << parsed->familiar();
    EXPECT_EQ(*again, *parsed);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ReferenceIsParsed,
    testing::Values(
        Case{"busybox", {"docker.io", "library/busybox", "", ""}, "busybox", "busybox:latest"},
        Case{"busybox:1.36", {"docker.io", "library/busybox", "1.36", ""}, "busybox:1.36", "busybox:1.36"},
        Case{"docker.io/busybox", {"docker.io", "library/busybox", "", ""}, "busybox", "busybox:latest"},
        Case{"index.docker.io/busybox:x", {"docker.io", "library/busybox", "x", ""}, "busybox:x", "busybox:x"},
        Case{"index.docker.io/a/b", {"docker.io", "a/b", "", ""}, "a/b", "a/b:latest"},
        Case{"docker.io/library/busybox", {"docker.io", "library/busybox", "", ""}, "busybox", "busybox:latest"},
        Case{"library/busybox", {"docker.io", "library/busybox", "", ""}, "busybox", "busybox:latest"},
        Case{"library/a/b", {"docker.io", "library/a/b", "", ""}, "library/a/b", "library/a/b:latest"},
        Case{"docker.io/evil.example/app",
             {"docker.io", "evil.example/app", "", ""},
             "docker.io/evil.example/app",
             "docker.io/evil.example/app:latest"},
        Case{"docker.io/localhost/app:1", {"docker.io", "localhost/app", "1", ""}, "docker.io/localhost/app:1", "docker.io/localhost/app:1"},
        Case{"user/app:V1_x.y-Z", {"docker.io", "user/app", "V1_x.y-Z", ""}, "user/app:V1_x.y-Z", "user/app:V1_x.y-Z"},
        Case{"registry:5000/app", {"registry:5000", "app", "", ""}, "registry:5000/app", "registry:5000/app:latest"},
        Case{"registry:5000/a/b/c:t", {"registry:5000", "a/b/c", "t", ""}, "registry:5000/a/b/c:t", "registry:5000/a/b/c:t"},
        Case{"localhost/app", {"localhost", "app", "", ""}, "localhost/app", "localhost/app:latest"},
        Case{"Reg/app", {"Reg", "app", "", ""}, "Reg/app", "Reg/app:latest"},
        Case{"ghcr.io/a-b/c__d/e.f_g--h", {"ghcr.io", "a-b/c__d/e.f_g--h", "", ""}, "ghcr.io/a-b/c__d/e.f_g--h", "ghcr.io/a-b/c__d/e.f_g--h:latest"},
        Case{"10.0.0.1:80/x", {"10.0.0.1:80", "x", "", ""}, "10.0.0.1:80/x", "10.0.0.1:80/x:latest"},
        Case{"[::1]:5000/x", {"[::1]:5000", "x", "", ""}, "[::1]:5000/x", "[::1]:5000/x:latest"},
        Case{"[fe80::1]/x", {"[fe80::1]", "x", "", ""}, "[fe80::1]/x", "[fe80::1]/x:latest"},
        Case{"app@" + digest, {"docker.io", "library/app", "", digest}, "app@" + digest, "app@" + digest},
        Case{"r.io/app:1@" + digest, {"r.io", "app", "1", digest}, "r.io/app:1@" + digest, "r.io/app:1@" + digest},
        Case{"localhost:5000", {"docker.io", "library/localhost", "5000", ""}, "localhost:5000", "localhost:5000"},
        Case{"app:" + std::string(128, 't'),
             {"docker.io", "library/app", std::string(128, 't'), ""},
             "app:" + std::string(128, 't'),
             "app:" + std::string(128, 't')}));

TEST(AReference, IsHeldByItsDigestAlone)
{
    EXPECT_EQ(parse_reference("app:1@" + digest)->held(), "app@" + digest);
    EXPECT_EQ(parse_reference("app:1")->held(), "app:1");
    EXPECT_EQ(parse_reference("app")->held(), "app:latest");
}

struct Refused {
    std::string text;
    std::string message;
};

class ReferenceIsRefused : public testing::TestWithParam<Refused> {};

TEST_P(ReferenceIsRefused, InDockersWords)
{
    const Result<Reference> parsed = parse_reference(GetParam().text);
    ASSERT_FALSE(parsed) << parsed->familiar();
    EXPECT_EQ(parsed.error().status, 400);
    EXPECT_EQ(parsed.error().message, GetParam().message);
}

const std::string invalid = "invalid reference format";

INSTANTIATE_TEST_SUITE_P(
    Texts, ReferenceIsRefused,
    testing::Values(Refused{"", invalid},
                    Refused{"Foo", "invalid reference format: repository name (library/Foo) must be lowercase"},
                    Refused{"a/B:T", "invalid reference format: repository name (a/B) must be lowercase"},
                    Refused{"r.io/A", "invalid reference format: repository name (A) must be lowercase"},
                    Refused{hash, "invalid repository name (" + hash + "), cannot specify 64-byte hexadecimal strings"},
                    Refused{"app:", invalid}, Refused{"app:a:b", invalid}, Refused{"app:.x", invalid},
                    Refused{"app:-x", invalid}, Refused{"app:" + std::string(129, 't'), invalid},
                    Refused{"app:t/x", invalid}, Refused{"-app", invalid}, Refused{"app-", invalid},
                    Refused{"a..b", invalid}, Refused{"a___b", invalid}, Refused{"a._b", invalid},
                    Refused{"a//b", invalid}, Refused{"/a", invalid}, Refused{"a/", invalid}, Refused{"a b", invalid},
                    Refused{"a\nb", invalid}, Refused{"a\xC3\xA9", invalid}, Refused{"../a", invalid},
                    Refused{"a/../b", invalid}, Refused{"reg:/a", invalid}, Refused{"reg:5x/a", invalid},
                    Refused{"-r.io/a", invalid}, Refused{"a_b.c/x", invalid}, Refused{"[::1/x", invalid},
                    Refused{"[]/x", invalid}, Refused{"[::1]x:5/x", invalid}, Refused{"r..io/x", invalid},
                    Refused{"http://r.io/x", invalid}, Refused{"app@", invalid}, Refused{"app@sha256", invalid},
                    Refused{"app@sha256:" + std::string(63, 'a'), "invalid checksum digest length"},
                    Refused{"app@sha256:" + std::string(64, 'A'), "invalid checksum digest format"},
                    Refused{"app@sha512:" + std::string(128, 'a'), "unsupported digest algorithm"},
                    Refused{"app@" + digest + "@" + digest, "invalid checksum digest length"},
                    Refused{"r.io/" + std::string(256, 'a'), "repository name must not be more than 255 characters"}));

TEST(Reference, AFullImageIdIsTheWholeHash)
{
    EXPECT_EQ(full_image_id(digest), digest);
    EXPECT_EQ(full_image_id(hash), digest);
    for (const std::string& text :
         {std::string(), std::string("busybox"), hash.substr(1), hash + "a", "sha256:" + hash.substr(1),
          std::string(64, 'A'), std::string(64, 'g'), "sha512:" + hash, "app@" + digest})
        EXPECT_EQ(full_image_id(text), std::nullopt) << text;
}

}  // namespace
}  // namespace rules
