#include "rules/dockerfile.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rules {
namespace {

using Names = std::vector<std::string>;

/// What bases_of names, each once.
Result<Names> names_of(std::string_view text, const Json& build_args)
{
    const auto bases = bases_of(text, build_args);
    if (!bases) return tl::unexpected(bases.error());
    Names names;
    for (const Base& each : *bases)
        if (std::ranges::find(names, each.name) == names.end()) names.push_back(each.name);
    return names;
}

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
        {"FROM a\nONBUILD COPY --from=b / /\nONBUILD RUN x\n", {"a"}},
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
        Names names;
        for (const Base& base : *bases) names.push_back(base.name);
        EXPECT_EQ(names, each.bases) << each.text << each.target;
    }
}

TEST(Dockerfile, WhatTheEngineRefusesTooIsABadRequest)
{
    EXPECT_EQ(names_of("FROM a b\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("FROM\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("ARG V\nFROM $V\n", Json()).error().status, 400);
    EXPECT_EQ(names_of("FROM a\n", Json::array()).error().status, 400);
    EXPECT_EQ(names_of("FROM a\n", Json({{"V", 1}})).error().status, 400);
}

TEST(Dockerfile, ATriggerOfABaseKnowsNoStages)
{
    EXPECT_EQ(check_trigger("COPY --from=victim / /loot").error().status, 403);
    EXPECT_TRUE(check_trigger("RUN true"));
    EXPECT_TRUE(check_trigger("COPY --from=0 / /loot"));
    EXPECT_FALSE(check_trigger("COPY --fr\\om=victim / /loot"));
}

TEST(Dockerfile, IsWrittenAnewWithOtherNamesInPlaceOfItsImages)
{
    struct Rebased {
        std::string text, expected;
    };
    const std::vector<Rebased> cases = {
        {"FROM a\nRUN x\n", "FROM NEW0\nRUN x\n"},
        {"\xEF\xBB\xBF"
         "FROM a",
         "\xEF\xBB\xBF"
         "FROM NEW0"},
        {"# escape=`\r\nARG V=1\r\n  FROM --platform=x a:$V as b\r\nRUN y\r\nFROM B\r\n",
         "# escape=`\r\nARG V=1\r\nFROM --platform=x NEW0 as b\r\nRUN y\r\nFROM B\r\n"},
        {"FROM a\nCOPY \\\n # note\n --from=c --chown=1 [\"x\", \\\n\"y z\"]\nRUN FROM x\nFROM scratch\nFROM a\n",
         "FROM NEW0\nCOPY  --from=NEW1 --chown=1 [\"x\", \"y z\"]\nRUN FROM x\nFROM scratch\nFROM NEW2\n"},
    };
    for (const Rebased& each : cases) {
        const auto bases = bases_of(each.text, Json());
        ASSERT_TRUE(bases) << each.text << "\n" << bases.error().message;
        Names names;
        for (std::size_t i = 0; i < bases->size(); ++i) names.push_back("NEW" + std::to_string(i));
        EXPECT_EQ(rebased(each.text, *bases, names), each.expected);
    }
    EXPECT_EQ(bases_of("FROM a\nCOPY --from=a --FROM=b x y\n", Json()).error().status, 400);
}

// attack B-05
TEST(Dockerfile, AddTakesFilesOfTheContextAlone)
{
    const Profile profile;
    for (const char* text : {"FROM a\nADD http://169.254.169.254/ /x\n", "FROM a\nadd a https://x/y /x\n",
                             "FROM a\nADD --chown=1 HTTP://x /x\n", "FROM a\nADD [\"http://x\", \"/x\"]\n",
                             "FROM a\nADD [\"\\u0068ttp://x\", \"/x\"]\n", "FROM a\nONBUILD ADD http://x /x\n",
                             "FROM a\nADD \\\n  http\\\n://x /x\n"}) {
        const auto local = with_local_sources(text, profile);
        ASSERT_FALSE(local) << text;
        EXPECT_EQ(local.error().rule, "build.remote_files") << text;
    }
    EXPECT_EQ(with_local_sources("FROM a\nADD [\"a\", 1]\n", profile).error().rule, "dockerfile");
    EXPECT_EQ(with_local_sources("FROM a\nADD [\"http://x\", \"/x\"] more\n", profile).error().rule, "dockerfile");

    struct Case {
        const char* text;
        const char* expected;
    };
    const Case cases[] = {
        {"FROM a\nADD  b   /x\nRUN ADD http://x /x\nCOPY http://x /x\n", "FROM a\nADD  b   /x\nRUN ADD http://x /x\nCOPY http://x /x\n"},
        {"ADD b http://x\n", "ADD b http://x\n"},  // the target
        {"ADD [ \"b\",\"/x\" ]\n", "ADD [ \"b\",\"/x\" ]\n"},
        {"ADD $A /x\r\nRUN y\r\n", "ADD ./$A /x\r\nRUN y\r\n"},
        {"ADD --chown=$U ${A} h${B} 'http'://x \"$C\"/d h\\ttp://x /x", "ADD --chown=$U ./${A} ./h${B} ./'http'://x ./\"$C\"/d ./h\\ttp://x /x"},
        {"ADD [\"$A\", \"b\", \"/x\"]\n", "ADD [\"./$A\",\"b\",\"/x\"]\n"},
        {"ADD ./$A /$B/c src$D htt /x\n", "ADD ./$A /$B/c src$D htt /x\n"},
        {"ONBUILD ADD $A /x\n", "ONBUILD ADD ./$A /x\n"},
    };
    for (const Case& each : cases) {
        const auto local = with_local_sources(each.text, profile);
        ASSERT_TRUE(local) << each.text << local.error().message;
        EXPECT_EQ(*local, each.expected);
        EXPECT_EQ(*with_local_sources(*local, profile), *local) << "again";
    }

    Profile open;
    open.build_remote_files = true;
    EXPECT_EQ(*with_local_sources("FROM a\nADD http://x $A /x\n", open), "FROM a\nADD http://x $A /x\n");

    Profile observing;
    observing.mode = "observe";
    EXPECT_EQ(*with_local_sources("FROM a\nADD $A /x\n", observing), "FROM a\nADD $A /x\n");
    EXPECT_EQ(with_local_sources("FROM a\nADD http://x /x\n", observing).error().rule, "build.remote_files");

    EXPECT_TRUE(check_trigger_sources("ADD  a   /x", profile));
    EXPECT_TRUE(check_trigger_sources("ADD ./$A /x", profile));
    EXPECT_TRUE(check_trigger_sources("RUN wget http://x", profile));
    EXPECT_EQ(check_trigger_sources("ADD http://x /x", profile).error().rule, "build.remote_files");
    EXPECT_EQ(check_trigger_sources("ADD $A /x", profile).error().rule, "build.remote_files");
}

}  // namespace
}  // namespace rules
