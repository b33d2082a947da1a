#include "rules/build/dockerfile.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace rules {
namespace {

using Names = std::vector<std::string>;

Result<Names> names_of(std::string_view text, const Json& build_args)
{
    return bases_of(text, build_args);
}

/// Every image is there, under the id `NEW-<name>`, without triggers but those in `triggers`.
Result<SealedDockerfile> sealed_with(std::string_view text, const std::map<std::string, Names>& triggers = {},
                                     std::string_view target = {})
{
    const auto names = bases_of(text, Json(), target);
    if (!names) return tl::unexpected(names.error());
    BaseImages images;
    for (const std::string& name : *names) {
        const auto own = triggers.find(name);
        images[name] = {"NEW-" + name, own == triggers.end() ? Names() : own->second, 0};
    }
    return sealed(text, Json(), target, images, Profile{});
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

// attack V-01
TEST(Dockerfile, ATriggerOfAStageRunsWhereAnotherRestsOnIt)
{
    const auto refused = [](const auto& result) { return !result && result.error().rule == "dockerfile"; };
    for (const char* text : {
             "FROM a AS s\nONBUILD COPY --from=victim / /loot\nFROM s\n",
             "FROM a AS s\nONBUILD COPY --from=ab12 / /loot\nFROM S\n",
             "FROM a AS s\nONBUILD COPY --from=victim / /loot\n",
             "FROM a AS s\nONBUILD COPY --from=s / /loot\n",  // in another build it is no stage
             "FROM a AS s\nONBUILD COPY --from=later / /loot\nFROM a AS later\nFROM s\n",
             "FROM a AS s\nonbuild\tcopy --chown=0 \\\n --from=victim / /loot\nFROM s AS t\nFROM t\n",
             "FROM a AS s\nONBUILD ONBUILD COPY --from=victim / /loot\nFROM s\n",
             "FROM a AS s\nONBUILD ADD --from=victim / /loot\nFROM s\n",
             "# escape=`\nFROM a AS s\nONBUILD COPY --fr\\om=victim / /loot\nFROM s\n",
         })
        EXPECT_TRUE(refused(names_of(text, Json())))
            << text;
    EXPECT_TRUE(names_of("FROM a AS s\nFROM a\nONBUILD COPY --from=s / /x\nONBUILD COPY --from=0 / /x\n", Json()));
}

// attacks V-02, V-03
TEST(Dockerfile, ATriggerOfAnImageKnowsTheStagesOfTheBuildThatRunsIt)
{
    const std::map<std::string, Names> by_name = {{"t", {"COPY --from=builder / /loot"}}};
    EXPECT_FALSE(sealed_with("FROM t\n", by_name));
    EXPECT_FALSE(sealed_with("FROM t AS builder\n", by_name)) << "the current stage is none yet";
    EXPECT_FALSE(sealed_with("FROM t\nFROM a AS builder\n", by_name));
    EXPECT_TRUE(sealed_with("FROM a AS Builder\nFROM t\n", by_name));
    EXPECT_TRUE(sealed_with("FROM a\nCOPY --from=t x y\n", by_name)) << "COPY runs no triggers";
    EXPECT_TRUE(sealed_with("FROM a AS one\nFROM t\n", by_name, "one")) << "behind the target";
    for (const char* trigger : {"COPY --from=victim / /loot", "COPY --fr\\om=victim / /loot", "ADD --from=victim / /loot",
                                "ONBUILD COPY --from=victim / /loot", "ONBUILD RUN true", "FROM victim", "", "RUN x\nCOPY --from=v / /",
                                "# escape=`\nCOPY --fr`om=victim / /loot", "# note\n\vCOPY --from=victim / /loot",
                                "ADD http://x /x", "ADD $A /x", "RUN <<E\nx\nE"})
        EXPECT_FALSE(sealed_with("FROM t\n", {{"t", {"RUN true", trigger}}})) << trigger;
    EXPECT_TRUE(sealed_with("FROM t\n", {{"t", {"RUN true", "COPY --from=0 / /loot", "COPY . /x", "ADD a /x"}}}));
    EXPECT_EQ(base_image("id", {{"OnBuild", {1, "RUN x"}}, {"Env", {"A=1", "B=22"}}}).triggers, (Names{"", "RUN x"}));
    EXPECT_EQ(base_image("id", {{"OnBuild", nullptr}, {"Env", {"A=1", "B=22"}}}).longest_variable, 4u);
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

std::string repeated(int times, const std::function<std::string(int)>& line)
{
    std::string text;
    for (int i = 0; i < times; ++i) text += line(i) + "\n";
    return text;
}

// attack V-08
TEST(Dockerfile, WhatVariablesCanBecomeIsBounded)
{
    const auto doubled = [](const std::string& how) {
        return [how](int i) {
            std::string line = how;
            for (std::size_t at; (at = line.find('#')) != line.npos;) line.replace(at, 1, std::to_string(i + 1));
            for (std::size_t at; (at = line.find('@')) != line.npos;) line.replace(at, 1, std::to_string(i));
            return line;
        };
    };
    const std::string kilo(1000, 'x');
    for (const char* how : {"ARG A#=$A@$A@", "ARG A#=${A@}${A@}", "ARG A#=\"$A@$A@\"", "ARG A#=${A@:-1}$A@", "ARG A#=${A@:+$A@}$A@"})
        EXPECT_FALSE(names_of("ARG A0=" + kilo + "\n" + repeated(30, doubled(how)) + "FROM a\n", Json())) << how;
    for (const char* how : {"ENV A#=$A@$A@", "ENV A# $A@ $A@", "ENV B=1 A#=$A@$A@", "ENV A#=\"$A@ $A@\"", "ENV A#=$A@\\ $A@", "ENV \"A#\"=$A@$A@",
                            "ARG A#=$A@$A@", "ARG B A#=$A@$A@", "ENV A#=${A@:-$A@}", "ENV A#=${A@/x/$A@}", "ENV A#=${A@//x/yyyyy}"})
        EXPECT_FALSE(names_of("FROM a\nENV A0=" + kilo + "\n" + repeated(30, doubled(how)), Json())) << how;
    const std::string big = "FROM a\nENV A=" + std::string(100'000, 'x') + "\n";
    for (const char* use : {"LABEL a=$A$A", "COPY $A$A /x", "WORKDIR $A/$A", "EXPOSE $A$A", "FROM --platform=$A$A b", "ENV ${A}x$A=1", "ENV B=1\xC2\xA0" "C=$A$A"})
        EXPECT_FALSE(names_of(big + use + "\n", Json())) << use;
    EXPECT_TRUE(names_of(big + repeated(100, [](int) { return "RUN echo $A$A"; }), Json())) << "the shell expands that";
    EXPECT_FALSE(names_of(big + repeated(50, [](int) { return "LABEL a=$A"; }), Json())) << "in sum";
    EXPECT_FALSE(names_of("ARG A\nFROM --platform=$A$A a\n", Json({{"A", std::string(100'000, 'x')}})));

    // A trigger costs as often as it runs, and an image's own variables count.
    EXPECT_FALSE(names_of("FROM a AS s\nENV A=" + kilo + "\n" + repeated(30, [](int) { return "ONBUILD ENV A=$A$A"; }) + "FROM s\n", Json()));
    EXPECT_FALSE(sealed_with("FROM t\n", {{"t", Names(30, "ENV A=$A$A")}, {"a", {}}}).has_value() &&
                 sealed("FROM t\n", Json(), {}, {{"t", {"id", Names(30, "ENV A=$A$A"), 10}}}, Profile{}).has_value());
    EXPECT_FALSE(sealed("FROM t\nENV A=$B$B$B\n", Json(), {}, {{"t", {"id", {}, 50'000}}}, Profile{}));

    std::string usual = "ARG V=3.18\nARG R=registry.example/mirror\nFROM $R/alpine:$V AS base\nENV PATH=/opt/bin:$PATH LANG=C.UTF-8\n";
    usual += repeated(200, [](int i) { return "ENV N" + std::to_string(i) + "=\"$PATH ${LANG} $V\" LD=/x:$LD"; });
    usual += "FROM base\nONBUILD ENV A=${B//./_}\nLABEL a=\"$V $R\"\n";
    EXPECT_TRUE(sealed("ARG V=1\nFROM a\n", Json(), {}, {{"a", {"id", {}, 100}}}, Profile{}));
    const auto read = names_of(usual, Json());
    EXPECT_TRUE(read) << read.error().message;
}

// attack V-19: the builder prints each in one line before it runs it
TEST(Dockerfile, AnInstructionIsSoLong)
{
    const std::string words(64 << 10, ' ');
    for (const std::string verb : {"RUN", "COPY", "LABEL", "CMD"}) {
        EXPECT_TRUE(bases_of("FROM a\n" + verb + " a=1" + words + "b=1\n", {})) << verb;
        EXPECT_FALSE(bases_of("FROM a\n" + verb + " a=1" + words + "\\\n" + words + "b=1\n", {})) << verb;
    }
}

TEST(Dockerfile, HasSoManyInstructionsAndBases)
{
    const auto run = [](int) { return std::string("RUN x"); };
    EXPECT_TRUE(names_of("FROM a\n" + repeated(999, run), Json()));
    EXPECT_FALSE(names_of("FROM a\n" + repeated(1000, run), Json()));
    const std::string onbuild = "FROM a AS s\n" + repeated(40, [](int) { return std::string("ONBUILD RUN x"); });
    EXPECT_TRUE(names_of(onbuild + repeated(20, [](int) { return std::string("FROM s"); }), Json()));
    EXPECT_FALSE(names_of(onbuild + repeated(30, [](int) { return std::string("FROM s"); }), Json()));
    EXPECT_FALSE(sealed_with(repeated(20, [](int) { return std::string("FROM t"); }), {{"t", Names(60, "RUN x")}}));
    const auto from = [](int i) { return "FROM a" + std::to_string(i); };
    EXPECT_TRUE(names_of(repeated(100, from), Json()));
    EXPECT_FALSE(names_of(repeated(101, from), Json()));
}

// attack V-04
TEST(Dockerfile, ChangesOfAnImageAreReadAlike)
{
    EXPECT_TRUE(check_changes({"CMD [\"x\"]", "ENV A=$PATH:/x", "ONBUILD RUN x", "ONBUILD COPY --from=0 / /"}, 100));
    EXPECT_TRUE(check_changes({}, 0));
    EXPECT_EQ(check_changes({"CMD x", "ONBUILD COPY --from=victim / /loot"}, 0).error().rule, "dockerfile");
    EXPECT_EQ(check_changes({"ONBUILD COPY \\", "--from=victim / /loot"}, 0).error().rule, "dockerfile") << "they are one text";
    EXPECT_FALSE(check_changes({"CMD x\nONBUILD COPY --from=victim / /loot"}, 0));
    EXPECT_FALSE(check_changes(Names(30, "ENV A=$A$A"), 10));
    EXPECT_TRUE(check_changes({"ENV A=$A$A"}, 10));
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
    EXPECT_EQ(*with_local_sources("FROM a\nADD http://x.example/$V $A /x\n", open), "FROM a\nADD http://x.example/$V ./$A /x\n");

    Profile observing;
    observing.mode = "observe";
    EXPECT_EQ(*with_local_sources("FROM a\nADD $A /x\n", observing), "FROM a\nADD ./$A /x\n") << "a way to the host stays shut";
    EXPECT_EQ(with_local_sources("FROM a\nADD http://x /x\n", observing).error().rule, "build.remote_files");

    EXPECT_TRUE(check_trigger_sources("ADD  a   /x", profile));
    EXPECT_TRUE(check_trigger_sources("ADD ./$A /x", profile));
    EXPECT_TRUE(check_trigger_sources("RUN wget http://x", profile));
    EXPECT_EQ(check_trigger_sources("ADD http://x /x", profile).error().rule, "build.remote_files");
    EXPECT_EQ(check_trigger_sources("ADD $A /x", profile).error().rule, "build.remote_files");
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

// attack V-08
TEST(Dockerfile, NoVariableIsBehindOneWhosePartsAreReplaced)
{
    for (const char* label : {"${A//}/${A//}/x}}", "${A/x/y}$B", "${A/x/y} ${B}", "${\u00e9//x/$A}", "${@/x/$A}"})
        EXPECT_FALSE(bases_of("FROM a\nENV A=}}\nLABEL z=" + std::string(label) + "\n", {})) << label;
    for (const char* label : {"${A/x/y}", "$B${A/x/y}", "${A:-$B}$B", "${A#x}$B"})
        EXPECT_TRUE(bases_of("FROM a\nENV A=}}\nLABEL z=" + std::string(label) + "\n", {})) << label;
}

// attack V-09
TEST(Dockerfile, TheHostsThatAddHasTheEngineConnectTo)
{
    Profile open;
    open.build_remote_files = true;
    for (const char* url : {"http://u@127.0.0.1/", "http://x.example@127.0.0.1/", "http://127.0.0.1\\@x.example/", "http://$HOST/x", "http://x$PORT/",
                            "http://x.example:$PORT/", "http://%31%32%37.0.0.1/", "http:///x", "http://[::1"}) {
        EXPECT_FALSE(with_local_sources("FROM a\nADD " + std::string(url) + " /x\n", open)) << url;
        EXPECT_FALSE(with_local_sources("FROM a\nONBUILD ADD " + std::string(url) + " /x\n", open)) << url;
        EXPECT_FALSE(check_trigger_sources("ADD b " + std::string(url) + " /x", open)) << url;
    }
    const std::string text = "FROM a\nADD http://x.example/$V/y?z=$W HTTPS://8.8.8.8:80/x /x\nONBUILD ADD [\"http://[::1]:80/\", \"/x\"]\nADD http://x.example/z b /x\n";
    EXPECT_EQ(*with_local_sources(text, open), text);
    const BaseImages images = {{"a", {"sha256:1", {"ADD http://2130706433/ /x", "RUN wget http://y"}, 0}}};
    std::vector<std::string> hosts;
    for (const DialTarget& each : *fetched_targets(text, images)) hosts.push_back(each.text);
    EXPECT_EQ(hosts, (std::vector<std::string>{"x.example", "8.8.8.8:80", "[::1]:80", "127.0.0.1"}));
    EXPECT_TRUE(check_trigger_sources("ADD http://x.example/y /x", open));
    EXPECT_FALSE(check_trigger_sources("ADD $A /x", open)) << "it may become any";
}

}  // namespace
}  // namespace rules
