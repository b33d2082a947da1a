#include "rules/api/endpoints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace rules {
namespace {

const Param* param_of(const Endpoint& row, std::string_view name)
{
    const auto found = std::ranges::find(row.params, name, &Param::name);
    return found == row.params.end() ? nullptr : &*found;
}

TEST(Endpoints, EveryOperationHasItsRowAtItsPlace)
{
    // 122 that dockerd registers, and the removed copy.
    ASSERT_EQ(endpoints().size(), 123u);
    ASSERT_EQ(endpoints().size(), static_cast<std::size_t>(Op::count));
    for (std::size_t at = 0; at < endpoints().size(); ++at) {
        EXPECT_EQ(static_cast<std::size_t>(endpoints()[at].op), at) << endpoints()[at].name;
        EXPECT_EQ(&endpoint(endpoints()[at].op), &endpoints()[at]);
    }
}

TEST(Endpoints, NamesAndTargetsAreUnique)
{
    std::set<std::string_view> names;
    std::set<std::pair<Method, std::string_view>> targets;
    for (const Endpoint& row : endpoints()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_TRUE(targets.insert({row.method, row.path}).second) << row.path;
    }
}

TEST(Endpoints, OnlyOpenRowsWithAJsonBodyHaveASchema)
{
    for (const Endpoint& row : endpoints())
        EXPECT_EQ(row.schema != nullptr, row.body == Body::json && row.closed.status == 0) << row.name;
}

TEST(Endpoints, ARowThatNamesAnObjectSaysItsKind)
{
    for (const Endpoint& row : endpoints()) {
        if (row.closed.status != 0 || row.op == Op::system_options) continue;
        EXPECT_EQ(row.kind != Kind::none, row.path.find("{id}") != std::string_view::npos) << row.name;
    }
}

TEST(Endpoints, ParametersAreListedOnceAndDeniedOnesHaveAWayOut)
{
    for (const Endpoint& row : endpoints()) {
        EXPECT_LE(row.params.size(), 64u) << row.name;
        std::set<std::string_view> names;
        for (const Param& param : row.params) {
            EXPECT_TRUE(names.insert(param.name).second) << row.name << " " << param.name;
            if (param.disposition == Disposition::deny) EXPECT_FALSE(param.way_out.empty()) << row.name << " " << param.name;
        }
    }
}

TEST(Endpoints, FiltersAlwaysReachTheBrokerWhereItAnswersByThem)
{
    for (const Op op :
         {Op::system_events, Op::container_list, Op::container_prune, Op::image_list, Op::image_prune, Op::network_list,
          Op::network_list_slash, Op::network_prune, Op::volume_list, Op::volume_prune}) {
        const Param* filters = param_of(endpoint(op), "filters");
        ASSERT_TRUE(filters) << endpoint(op).name;
        EXPECT_EQ(filters->disposition, Disposition::check) << endpoint(op).name;
    }
}

TEST(Endpoints, OnlyStreamsThatNeedARawConnectionAreHijacked)
{
    std::set<Op> open;
    for (const Endpoint& row : endpoints())
        if (row.reply == Reply::hijack && row.closed.status == 0) open.insert(row.op);
    EXPECT_EQ(open, (std::set<Op>{Op::container_attach, Op::exec_start, Op::session, Op::grpc}));
}

TEST(Endpoints, ClosedRowsSayWhatToDo)
{
    for (const Endpoint& row : endpoints()) {
        if (row.closed.status == 0) continue;
        EXPECT_FALSE(row.closed.message.empty()) << row.name;
        if (row.closed.status == 403) {  // the way out: rules/api/route makes the whole sentence
            EXPECT_NE(row.closed.message.find("; "), std::string_view::npos) << row.name;
            EXPECT_EQ(row.closed.rule, "closed") << row.name;
        }
    }
    EXPECT_EQ(endpoint(Op::swarm_inspect).closed.status, 503);
    EXPECT_TRUE(endpoint(Op::service_list).closed.message.starts_with("This node is not a swarm manager."));
    EXPECT_EQ(endpoint(Op::debug_vars).closed.message, "page not found");
}

}  // namespace
}  // namespace rules
