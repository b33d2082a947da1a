#include "rules/endpoints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

namespace rules {
namespace {

struct Published {
    std::string_view method;
    std::string_view path;
    std::string_view parameters;  ///< blanks between
};

// clang-format off
/// The engine's published schema of API 1.51: its operations and their query parameters.
constexpr Published published[] = {
    {"GET", "/containers/json", "all limit size filters"},
    {"POST", "/containers/create", "name platform"},
    {"GET", "/containers/{id}/json", "size"},
    {"GET", "/containers/{id}/top", "ps_args"},
    {"GET", "/containers/{id}/logs", "follow stdout stderr since until timestamps tail"},
    {"GET", "/containers/{id}/changes", ""},
    {"GET", "/containers/{id}/export", ""},
    {"GET", "/containers/{id}/stats", "stream one-shot"},
    {"POST", "/containers/{id}/resize", "h w"},
    {"POST", "/containers/{id}/start", "detachKeys"},
    {"POST", "/containers/{id}/stop", "signal t"},
    {"POST", "/containers/{id}/restart", "signal t"},
    {"POST", "/containers/{id}/kill", "signal"},
    {"POST", "/containers/{id}/update", ""},
    {"POST", "/containers/{id}/rename", "name"},
    {"POST", "/containers/{id}/pause", ""},
    {"POST", "/containers/{id}/unpause", ""},
    {"POST", "/containers/{id}/attach", "detachKeys logs stream stdin stdout stderr"},
    {"GET", "/containers/{id}/attach/ws", "detachKeys logs stream stdin stdout stderr"},
    {"POST", "/containers/{id}/wait", "condition"},
    {"DELETE", "/containers/{id}", "v force link"},
    {"HEAD", "/containers/{id}/archive", "path"},
    {"GET", "/containers/{id}/archive", "path"},
    {"PUT", "/containers/{id}/archive", "path noOverwriteDirNonDir copyUIDGID"},
    {"POST", "/containers/prune", "filters"},
    {"GET", "/images/json", "all filters shared-size digests manifests"},
    {"POST", "/build", "dockerfile t extrahosts remote q nocache cachefrom pull rm forcerm memory memswap cpushares cpusetcpus cpuperiod cpuquota buildargs shmsize squash labels networkmode platform target outputs version"},
    {"POST", "/build/prune", "keep-storage reserved-space max-used-space min-free-space all filters"},
    {"POST", "/images/create", "fromImage fromSrc repo tag message changes platform"},
    {"GET", "/images/{id}/json", "manifests platform"},
    {"GET", "/images/{id}/history", "platform"},
    {"POST", "/images/{id}/push", "tag platform"},
    {"POST", "/images/{id}/tag", "repo tag"},
    {"DELETE", "/images/{id}", "force noprune platforms"},
    {"GET", "/images/search", "term limit filters"},
    {"POST", "/images/prune", "filters"},
    {"POST", "/auth", ""},
    {"GET", "/info", ""},
    {"GET", "/version", ""},
    {"GET", "/_ping", ""},
    {"HEAD", "/_ping", ""},
    {"POST", "/commit", "container repo tag comment author pause changes"},
    {"GET", "/events", "since until filters"},
    {"GET", "/system/df", "type"},
    {"GET", "/images/{id}/get", "platform"},
    {"GET", "/images/get", "names platform"},
    {"POST", "/images/load", "quiet platform"},
    {"POST", "/containers/{id}/exec", ""},
    {"POST", "/exec/{id}/start", ""},
    {"POST", "/exec/{id}/resize", "h w"},
    {"GET", "/exec/{id}/json", ""},
    {"GET", "/volumes", "filters"},
    {"POST", "/volumes/create", ""},
    {"GET", "/volumes/{id}", ""},
    {"PUT", "/volumes/{id}", "version"},
    {"DELETE", "/volumes/{id}", "force"},
    {"POST", "/volumes/prune", "filters"},
    {"GET", "/networks", "filters"},
    {"GET", "/networks/{id}", "verbose scope"},
    {"DELETE", "/networks/{id}", ""},
    {"POST", "/networks/create", ""},
    {"POST", "/networks/{id}/connect", ""},
    {"POST", "/networks/{id}/disconnect", ""},
    {"POST", "/networks/prune", "filters"},
    {"GET", "/plugins", "filters"},
    {"GET", "/plugins/privileges", "remote"},
    {"POST", "/plugins/pull", "remote name"},
    {"GET", "/plugins/{id}/json", ""},
    {"DELETE", "/plugins/{id}", "force"},
    {"POST", "/plugins/{id}/enable", "timeout"},
    {"POST", "/plugins/{id}/disable", "force"},
    {"POST", "/plugins/{id}/upgrade", "remote"},
    {"POST", "/plugins/create", "name"},
    {"POST", "/plugins/{id}/push", ""},
    {"POST", "/plugins/{id}/set", ""},
    {"GET", "/nodes", "filters"},
    {"GET", "/nodes/{id}", ""},
    {"DELETE", "/nodes/{id}", "force"},
    {"POST", "/nodes/{id}/update", "version"},
    {"GET", "/swarm", ""},
    {"POST", "/swarm/init", ""},
    {"POST", "/swarm/join", ""},
    {"POST", "/swarm/leave", "force"},
    {"POST", "/swarm/update", "version rotateWorkerToken rotateManagerToken rotateManagerUnlockKey"},
    {"GET", "/swarm/unlockkey", ""},
    {"POST", "/swarm/unlock", ""},
    {"GET", "/services", "filters status"},
    {"POST", "/services/create", ""},
    {"GET", "/services/{id}", "insertDefaults"},
    {"DELETE", "/services/{id}", ""},
    {"POST", "/services/{id}/update", "version registryAuthFrom rollback"},
    {"GET", "/services/{id}/logs", "details follow stdout stderr since timestamps tail"},
    {"GET", "/tasks", "filters"},
    {"GET", "/tasks/{id}", ""},
    {"GET", "/tasks/{id}/logs", "details follow stdout stderr since timestamps tail"},
    {"GET", "/secrets", "filters"},
    {"POST", "/secrets/create", ""},
    {"GET", "/secrets/{id}", ""},
    {"DELETE", "/secrets/{id}", ""},
    {"POST", "/secrets/{id}/update", "version"},
    {"GET", "/configs", "filters"},
    {"POST", "/configs/create", ""},
    {"GET", "/configs/{id}", ""},
    {"DELETE", "/configs/{id}", ""},
    {"POST", "/configs/{id}/update", "version"},
    {"GET", "/distribution/{id}/json", ""},
    {"POST", "/session", ""},
};
// clang-format on

const Endpoint* row_of(std::string_view method, std::string_view path)
{
    for (const Endpoint& row : endpoints())
        if (method_name(row.method) == method && row.path == path) return &row;
    return nullptr;
}

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

TEST(Endpoints, EveryPublishedOperationHasARow)
{
    for (const Published& each : published)
        EXPECT_TRUE(row_of(each.method, each.path)) << each.method << " " << each.path;
}

TEST(Endpoints, EveryPublishedParameterOfAnOpenRowHasAFate)
{
    for (const Published& each : published) {
        const Endpoint* row = row_of(each.method, each.path);
        ASSERT_TRUE(row) << each.path;
        if (row->closed.status != 0) continue;
        std::istringstream words{std::string(each.parameters)};
        for (std::string name; words >> name;) EXPECT_TRUE(param_of(*row, name)) << row->name << " " << name;
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
            if (param.fate == Fate::deny) EXPECT_FALSE(param.way_out.empty()) << row.name << " " << param.name;
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
        EXPECT_EQ(filters->fate, Fate::check) << endpoint(op).name;
    }
}

TEST(Endpoints, OnlyStreamsThatNeedARawConnectionAreHijacked)
{
    std::set<Op> open;
    for (const Endpoint& row : endpoints())
        if (row.reply == Reply::hijack && row.closed.status == 0) open.insert(row.op);
    EXPECT_EQ(open, (std::set<Op>{Op::container_attach, Op::exec_start}));
}

TEST(Endpoints, ClosedRowsSayWhatToDo)
{
    for (const Endpoint& row : endpoints()) {
        if (row.closed.status == 0) continue;
        EXPECT_FALSE(row.closed.message.empty()) << row.name;
        if (row.closed.status == 403) {
            EXPECT_TRUE(row.closed.message.starts_with("berth: ")) << row.name;
            EXPECT_NE(row.closed.message.find("; "), std::string_view::npos) << row.name;
            EXPECT_EQ(row.closed.rule, "closed") << row.name;
        }
    }
    EXPECT_NE(endpoint(Op::grpc).closed.message.find("DOCKER_BUILDKIT=0 docker build"), std::string_view::npos);
    EXPECT_NE(endpoint(Op::session).closed.message.find("DOCKER_BUILDKIT=0 docker build"), std::string_view::npos);
    EXPECT_EQ(endpoint(Op::swarm_inspect).closed.status, 503);
    EXPECT_TRUE(endpoint(Op::service_list).closed.message.starts_with("This node is not a swarm manager."));
    EXPECT_EQ(endpoint(Op::debug_vars).closed.message, "page not found");
}

}  // namespace
}  // namespace rules
