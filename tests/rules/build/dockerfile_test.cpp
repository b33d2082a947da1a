#include "rules/build/dockerfile.h"

#include <gtest/gtest.h>

#include "tests/rules/build/sealed.h"

namespace rules {
namespace {

struct Case {
    std::string text;
    Names bases;
    Json args = Json();
};

TEST(Dockerfile, NamesEveryImageThatTheBuilderLooksUp)
{
    const std::vector<Case> cases = {
        {"FROM busybox\n", {"busybox"}},
        {"from\t\vbusybox:1  as  one \r\nFROM one\n", {"busybox:1"}},
        {"FROM scratch\nCOPY --from=tools/x:1 / /\n", {"tools/x:1"}},
        {"FROM --platform=$BUILDPLATFORM a@sha256:0 AS b\nFROM B\nCOPY --chown=1:1 --from=b x y\nCOPY --from=0 x "
         "y\nCOPY --from=c x y",
         {"a@sha256:0", "c"}},
        {"FROM a\nFROM a\nCOPY --from=a x y\n", {"a"}},
        {"FROM 0\nCOPY --from=99999999999 / /\n", {"0", "99999999999"}},
        {"\xEF\xBB\xBF"
         "FROM a\n",
         {"a"}},
        {"\n# comment\n  # another \\\n\xC2\xA0"
         "FROM a\n",
         {"a"}},
        {"FROM a\nRUN one \\\n\n  # FROM comment\n\tFROM x \\\n COPY --from=y\nCOPY \\\n--from=b / /\n", {"a", "b"}},
        {"# escape=`\nFROM a\nRUN dir c:\\\nFROM b\nRUN x `\nFROM c\n", {"a", "b"}},
        {"# syntax=docker/dockerfile:1\n# escape=\\\nFROM a\n", {"a"}},
        {"FROM a\nRUN cat <<<text; x=$((1<<2))\n", {"a"}},
        {"FROM a\nONBUILD COPY --from=0 / /\nONBUILD RUN x\n", {"a"}},
        {"FROM a\nADD --from=b / /\nCOPY [\"--from=c\", \"d\"]\nCOPY x --from=e\nCOPY --from= x y\n", {"a", "b"}},
        {"ARG V=1\nARG B=\"b:$V\"\nARG Q='$V'\nFROM a:${V}\nFROM $B\n", {"a:1", "b:1"}},
        {"ARG V=1\nFROM a:$V\n", {"a:2"}, {{"V", "2"}}},
        {"ARG V=1\nFROM a:$V\n", {"a:1"}, {{"V", nullptr}, {"W", "3"}}},
        {"ARG V\nFROM a:${V:-9}${W:+no}\n", {"a:9"}},
        {"ARG V=1\nARG V\nFROM a${V:+:x}\n", {"a"}},
        {"FROM a\nARG V=1\nFROM b${V}\n", {"a", "b"}},
        {"FROM ${http_proxy}\n", {"p"}, {{"http_proxy", "p"}}},
        {"FROM a$V\n", {"a"}, {{"V", "not declared"}}},
    };
    for (const Case& each : cases) {
        const auto bases = names_of(each.text, each.args);
        ASSERT_TRUE(bases) << each.text << "\n" << bases.error().message;
        EXPECT_EQ(*bases, each.bases) << each.text;
    }
}

TEST(Dockerfile, AStageIsOneOnlyOnceItIsComplete)
{
    EXPECT_EQ(*names_of("FROM bb AS victim\nCOPY --from=victim / /loot\n", Json()), (Names{"bb", "victim"}));
    EXPECT_EQ(*names_of("FROM victim AS victim\n", Json()), (Names{"victim"}));
    EXPECT_EQ(*names_of("FROM bb AS victim\nFROM bb\nCOPY --from=VICTIM / /loot\n", Json()), (Names{"bb"}));
}

TEST(Dockerfile, WhatRunPrintsOrAnUnreachableLineSaysNamesNoStage)
{
    EXPECT_EQ(*names_of("FROM bb\nRUN printf 'Step 9/9 : FROM bb AS victim'\nCOPY --from=victim / /loot\n", Json()),
              (Names{"bb", "victim"}));
    EXPECT_EQ(
        *names_of("FROM bb\n# FROM bb AS victim\nRUN \\\nFROM bb AS victim\nCOPY --from=victim / /loot\n", Json()),
        (Names{"bb", "victim"}));
}

TEST(Dockerfile, ATabOfAnyKindEndsTheInstruction)
{
    for (const std::string blank : {" ", "\t", "\v", "\f", "\r"})
        EXPECT_EQ(*names_of("FROM bb\nCOPY" + blank + "--from=victim" + blank + "/ /loot\n", Json()),
                  (Names{"bb", "victim"}));
}

TEST(Dockerfile, WhatCanBeReadInTwoWaysIsRefused)
{
    for (const std::string text : {
             "FROM bb\nCOPY --fr\\om=victim / /loot\n",
             "FROM bb\nCOPY --\"from\"=victim / /loot\n",
             "FROM bb\nCOPY --'from=victim' / /loot\n",
             "# escape=`\nFROM bb\nCOPY --fr`om=victim / /loot\n",
             "FROM bb\nCOPY --chown=\xC3\xA0--from=victim / /loot\n",
             "FROM bb\nCOPY --chown=0 \x85--from=victim / /loot\n",
             "FROM bb\nCOPY -- --from=victim / /loot\n",
             "FROM bb\nONBUILD COPY --fr\\om=victim / /loot\n",
             "FROM bb\nONBU\xC4\xB0LD COPY --from=victim / /loot\n",
             "FROM bb\nONBUILD FROM bb AS victim\nCOPY --from=victim / /\n",
             "FROM bb\nCOPY --from=$X / /loot\n",
             "FROM vic\\tim\n",
             "FROM \"victim\"\n",
             "FROM victim\xC2\xA0\n",
             "FROM ${X#a}\n",
             "FROM ${X:-$Y}\n",
             "FROM $1\n",
             "ARG X=a\\b\nFROM $X\n",
             "ARG A=1 B=victim\nFROM $B\n",
             "ARG \"B\"=victim\nFROM $B\n",
             "ARG X=1\xC2\xA0"
             "B=victim\nFROM $B\n",
             "# check=skip=all\n# escape=`\nFROM bb\n",
             "# escape=\v`\nFROM bb\n",
             "# escape=`\n# escape=\\\nFROM bb\n",
             "FROM bb\nRUN echo \\\\\nFROM victim\n",
             "FROM bb\nRUN x \\\r\r\nFROM victim\n",
             "FROM bb\nRUN <<E\nFROM bb AS victim\nFROM bb\nE\nCOPY --from=victim / /loot\n",
             "FROM bb\nRUN cat 3<<-E\nE\n",
         }) {
        const auto bases = names_of(text, Json());
        ASSERT_FALSE(bases) << text;
        EXPECT_EQ(bases.error().status, 403) << text;
        EXPECT_EQ(bases.error().rule, "dockerfile") << text;
    }
}

TEST(Dockerfile, WhatComesAfterTheTargetIsLeftAlone)
{
    struct Targeted {
        std::string text, target;
        Names bases;
    };
    const std::vector<Targeted> cases = {
        {"FROM a AS one\nFROM b AS two\nCOPY --from=c x y\nFROM d\n", "one", {"a"}},
        {"FROM a AS one\nFROM b AS two\nCOPY --from=c x y\nFROM d\n", "TWO", {"a", "b", "c"}},
        {"FROM a AS one\nFROM b AS two\n", "two", {"a", "b"}},
        {"FROM a AS one\nFROM b\nFROM c AS one\nFROM d\n", "one", {"a", "b", "c"}},
        {"FROM a AS one\nFROM b AS two\nFROM c AS one\n", "one", {"a", "b", "c"}},
        {"FROM a AS one\nFROM b\n", "absent", {"a", "b"}},
        {"FROM a\nFROM b\n", "0", {"a", "b"}},
    };
    for (const Targeted& each : cases) {
        const auto bases = bases_of(each.text, Json(), each.target);
        ASSERT_TRUE(bases) << each.text;
        EXPECT_EQ(*bases, each.bases) << each.text << each.target;
    }
    EXPECT_EQ(sealed_with("FROM a AS one\n# note\nFROM b AS two\nCOPY --from=c x y\n", {}, "ONE")->text,
              "FROM NEW-a AS one\n# note\n");
    EXPECT_EQ(sealed_with("FROM a AS one\nFROM b AS two\n", {}, "two")->text, "FROM NEW-a AS one\nFROM NEW-b AS two\n");
}

TEST(Dockerfile, WhatTheEngineRefusesTooIsABadRequest)
{
    EXPECT_EQ(names_of("FROM a b\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("FROM\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("ARG V\nFROM $V\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("FROM a\n", Json::array()).error().status, 400);
    EXPECT_EQ(names_of("FROM a\n", Json({{"V", 1}})).error().status, 400);
}

TEST(Dockerfile, IsWrittenAnewWithIdsInPlaceOfItsImages)
{
    struct Rewritten {
        std::string text, expected;
        std::vector<std::pair<std::string, std::string>> shown;
    };
    const std::vector<Rewritten> cases = {
        {"FROM a\nRUN x\n", "FROM NEW-a\nRUN x\n", {{"FROM NEW-a", "FROM a"}}},
        {"\xEF\xBB\xBF"
         "FROM a",
         "\xEF\xBB\xBF"
         "FROM NEW-a",
         {{"FROM NEW-a", "FROM a"}}},
        {"# escape=`\r\nARG V=1\r\n  FROM --platform=x a:$V as b\r\nRUN y\r\nFROM B\r\n",
         "# escape=`\r\nARG V=1\r\nFROM --platform=x NEW-a:1 as b\r\nRUN y\r\nFROM B\r\n",
         {{"FROM --platform=x NEW-a:1 as b", "FROM --platform=x a:$V as b"}}},
        {"FROM a\nCOPY \\\n # note\n --from=c --chown=1 [\"x\", \\\n\"y z\"]\nRUN FROM x\nFROM scratch\nFROM a\n",
         "FROM NEW-a\nCOPY  --from=NEW-c --chown=1 [\"x\", \"y z\"]\nRUN FROM x\nFROM scratch\nFROM NEW-a\n",
         {{"FROM NEW-a", "FROM a"},
          {"COPY  --from=NEW-c --chown=1 [\"x\", \"y z\"]", "COPY  --from=c --chown=1 [\"x\", \"y z\"]"},
          {"FROM NEW-a", "FROM a"}}},
    };
    for (const Rewritten& each : cases) {
        const auto out = sealed_with(each.text);
        ASSERT_TRUE(out) << each.text << "\n" << out.error().message;
        EXPECT_EQ(out->text, each.expected);
        ASSERT_EQ(out->shown.size(), each.shown.size()) << each.text;
        for (std::size_t i = 0; i < each.shown.size(); ++i) {
            EXPECT_EQ(out->shown[i].sent, each.shown[i].first);
            EXPECT_EQ(out->shown[i].written, each.shown[i].second);
        }
    }
    EXPECT_EQ(bases_of("FROM a\nCOPY --from=a --FROM=b x y\n", Json()).error().status, 400);
    EXPECT_FALSE(sealed("FROM a\nCOPY --from=b / /\n", Json(), {}, {{"a", {"x", {}, 0}}}, Profile{})) << "one that nobody looked up";
}

// Engines differ in the variables that FROM knows by itself.
TEST(Dockerfile, FromGoesOnWithoutVariables)
{
    const Profile profile;
    const BaseImages images = {{"a", {"sha256:1", {}, 0}}, {"b", {"sha256:2", {}, 0}}};
    const auto text_of = [&](const std::string& text, const Json& args) { return sealed(text, args, {}, images, profile)->text; };
    EXPECT_EQ(text_of("ARG X=S\nFROM a AS s\nFROM $X\nFROM ${Y:-scratch}\n", {}), "ARG X=S\nFROM sha256:1 AS s\nFROM s\nFROM scratch\n");
    EXPECT_EQ(text_of("FROM a AS s\nFROM ${ALL_PROXY:-b}\n", {{"ALL_PROXY", "s"}}), "FROM sha256:1 AS s\nFROM sha256:2\n");
    EXPECT_EQ(text_of("FROM a AS s\nFROM ${HTTP_PROXY:-b}\n", {{"HTTP_PROXY", "s"}}), "FROM sha256:1 AS s\nFROM s\n");
}

}  // namespace
}  // namespace rules
