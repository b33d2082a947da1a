#include "rules/build/build_output.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

using Ids = std::vector<std::string>;

BuildOutput after(const std::vector<Json>& messages)
{
    BuildOutput output;
    for (const Json& each : messages) output.read(each);
    return output;
}

TEST(BuildOutput, TheResultIsThatOfTheLastStage)
{
    const BuildOutput output =
        after({{{"aux", {{"ID", "sha256:1"}}}}, {{"stream", "x"}}, {{"aux", {{"ID", "sha256:2"}}}}});
    EXPECT_EQ(output.result(), "sha256:2");
    EXPECT_FALSE(output.failed());
}

TEST(BuildOutput, StepsCannotWriteTheResult)
{
    EXPECT_EQ(after({{{"stream", R"({"aux":{"ID":"sha256:3"}})"}}}).result(), "");
}

TEST(BuildOutput, ShortIdsAreHintsEachOnce)
{
    const BuildOutput output = after({{{"stream", " ---> 0123456789ab\n"}},
                                      {{"stream", " ---> Using cache\n"}},
                                      {{"stream", " ---> Running in 0123456789cd\n"}},
                                      {{"stream", " ---> ba9876543210\n"}},
                                      {{"stream", " ---> 0123456789ab\n"}}});
    EXPECT_EQ(output.made(), (Ids{"0123456789ab", "ba9876543210"}));
}

TEST(BuildOutput, AStepRunsUntilTheNextImageIsTold)
{
    const std::vector<Json> begun = {{{"stream", " ---> 0123456789ab\n"}}, {{"stream", " ---> Running in 0123456789cd\n"}}};
    EXPECT_EQ(after(begun).running(), "0123456789cd");
    std::vector<Json> over = begun;
    over.push_back({{"stream", " ---> ba9876543210\n"}});
    EXPECT_EQ(after(over).running(), "");
}

TEST(BuildOutput, EachContainerIsToldOnceThoughAStepPrintsWhatHidesIt)
{
    BuildOutput output = after({{{"stream", " ---> Running in 0123456789cd\n"}},
                                {{"stream", " ---> Running in 0123456789cd\n"}},
                                {{"stream", " ---> 0123456789ab\n"}},
                                {{"stream", " ---> Running in 0123456789ef\n"}}});
    EXPECT_EQ(output.take_started(), (Ids{"0123456789cd", "0123456789ef"}));
    EXPECT_EQ(output.take_started(), Ids{});
}

TEST(BuildOutput, InstructionsAreShownAsTheyWereWritten)
{
    BuildOutput output;
    output.expect({{"FROM sha256:1 AS a", "FROM busybox AS a"}, {"COPY --from=sha256:1 x y", "COPY --from=$B x y"}, {"FROM sha256:1", "FROM bb"}});
    EXPECT_EQ(output.as_written("Step 1/9 : FROM sha256:1 AS a"), "Step 1/9 : FROM busybox AS a");
    EXPECT_EQ(output.as_written("Step 1/9 : FROM sha256:1 AS a"), std::nullopt) << "once";
    EXPECT_EQ(output.as_written("Step 2/9 : RUN echo COPY --from=sha256:1 x y"), std::nullopt);
    EXPECT_EQ(output.as_written("COPY --from=sha256:1 x y"), std::nullopt);
    EXPECT_EQ(output.as_written("Step 2/9 : COPY --from=sha256:1 x y\n"), "Step 2/9 : COPY --from=$B x y\n");
    EXPECT_EQ(output.as_written("Step 3/9 : FROM sha256:1"), "Step 3/9 : FROM bb");
    EXPECT_EQ(output.as_written("Step 4/9 : FROM sha256:1"), std::nullopt);
}

TEST(BuildOutput, AnErrorFailsIt)
{
    EXPECT_TRUE(after({{{"errorDetail", {{"message", "no"}}}, {"error", "no"}}}).failed());
}

TEST(BuildOutput, OddMessagesAreLetBe)
{
    const BuildOutput output = after({Json(), Json::array(), {{"aux", 1}}, {{"aux", {{"ID", 1}}}}, {{"stream", 1}}});
    EXPECT_EQ(output.result(), "");
    EXPECT_TRUE(output.made().empty());
    EXPECT_FALSE(output.failed());
}

}  // namespace
}  // namespace rules
