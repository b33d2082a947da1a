#include "rules/buildkit/view.h"

#include "rules/names/names.h"
#include "tests/rules/buildkit/building.h"

namespace rules {
namespace {

const std::string own = "berth." + building_key + "/docker.io/library/app:1", foreign = "berth.zzzzzzzzzzzzzzzzzzzzzzzz77.web";

std::string shown(std::string text)
{
    return scrub(building_key, text);
}

TEST(ViewOfStatus, HasNoRealNames)
{
    buildkit::StatusResponse status;
    auto& vertex = *status.add_vertexes();
    vertex.set_digest("sha256:1");
    vertex.set_name("[1/2] FROM " + own);
    vertex.set_error("in use by " + foreign);
    auto& part = *status.add_statuses();
    part.set_id("naming to " + own);
    part.set_name("extracting " + foreign);
    status.add_warnings()->set_short_("of " + own);
    status.add_logs()->set_msg("a step's own bytes\xff");
    show_status(status, shown);
    EXPECT_EQ(status.vertexes(0).digest(), "sha256:1");
    EXPECT_EQ(status.vertexes(0).name(), "[1/2] FROM app:1");
    EXPECT_EQ(status.vertexes(0).error(), "in use by (another job's object)");
    EXPECT_EQ(status.statuses(0).id(), "naming to app:1");
    EXPECT_EQ(status.statuses(0).name(), "extracting (another job's object)");
    EXPECT_EQ(status.warnings(0).short_(), "of app:1");
    EXPECT_EQ(status.logs(0).msg(), "a step's own bytes\xff");
}

TEST(ViewOfStatus, KeepsWhatWeDoNotRead)
{
    // Vertex.cached (field 4) and VertexLog.stream (field 3): a client shows them.
    std::string bytes("\x0a\x04\x0a\x00\x20\x01\x1a\x02\x18\x02", 10);
    buildkit::StatusResponse status;
    ASSERT_TRUE(status.ParseFromString(bytes));
    show_status(status, shown);
    const std::string again = status.SerializeAsString();
    EXPECT_NE(again.find("\x20\x01"), again.npos);
    EXPECT_NE(again.find("\x18\x02"), again.npos);
}

TEST(ViewOfSolve, HasNoRealNames)
{
    buildkit::SolveResponse solved;
    auto& response = *solved.mutable_exporter_response();
    response["image.name"] = own + "," + foreign;
    response["containerimage.digest"] = "sha256:1";
    show_solve(solved, shown);
    EXPECT_EQ(solved.exporter_response().at("image.name"), "app:1,(another job's object)");
    EXPECT_EQ(solved.exporter_response().at("containerimage.digest"), "sha256:1");
}

TEST(ViewOfAWorker, HasOnlyWhatAClientDecidesBy)
{
    buildkit::WorkerRecord worker;
    worker.set_id("kx5f8secret");
    auto& labels = *worker.mutable_labels();
    labels["org.mobyproject.buildkit.worker.snapshotter"] = "overlayfs";
    labels["org.mobyproject.buildkit.worker.executor"] = "moby";
    labels["org.mobyproject.buildkit.worker.hostname"] = "secret.example";
    labels["org.mobyproject.buildkit.worker.network"] = "host";
    labels["org.mobyproject.buildkit.worker.moby.host-gateway-ip"] = "172.17.0.1";
    worker.add_platforms("linux/amd64");
    worker.add_gc_policy("all of the host's disks");
    worker.add_cdi_devices("nvidia.com/gpu=0");
    worker.set_buildkit_version("v0.32");
    buildkit::WorkerRecord without = worker;
    show_worker(worker, "172.30.0.1");
    EXPECT_EQ(worker.id(), "berth");
    EXPECT_EQ(worker.labels_size(), 2) << "no snapshotter: the client would have the engine push";
    EXPECT_EQ(worker.labels().at("org.mobyproject.buildkit.worker.executor"), "moby");
    EXPECT_EQ(worker.labels().at("org.mobyproject.buildkit.worker.moby.host-gateway-ip"), "172.30.0.1") << "the job's own";
    EXPECT_EQ(worker.platforms_size(), 1);
    EXPECT_EQ(worker.gc_policy_size(), 0);
    EXPECT_EQ(worker.cdi_devices_size(), 0);
    EXPECT_EQ(worker.SerializeAsString().find("secret"), std::string::npos);

    show_worker(without, "");
    EXPECT_EQ(without.labels_size(), 1) << "no address, not the host's";
}

}  // namespace
}  // namespace rules
