#include <gtest/gtest.h>

#include "tests/rules/build/sealed.h"

// Instructions that run in another build than the one that has them.
namespace rules {
namespace {

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

}  // namespace
}  // namespace rules
