#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "rules/views/views.h"
#include "tests/rules/fake_lookup.h"

namespace rules {

/// Answers of a real engine (tests/rules/data) on which one job, FakeLookup's, has made: the networks bridge and front;
/// the volumes data, idle and an anonymous one; the containers db (on both networks, publishing 80 on the job's
/// address), web (in the network namespace of db), none (which did not start) and net (linked to db); the image
/// built:1, and busybox:latest from a registry. Beside it: another job's db, front and data, and the host's plain,
/// plainnet and secret.example/app:1.
struct Sample {
    Json data;
    FakeLookup job;
    ViewFacts facts;
    std::string busybox, built, db, web, none, net, bridge, front, anonymous, exec;

    static constexpr const char* other_key = "zzzzzzzzzzzzzzzzzzzzzzzz77";

    explicit Sample(const std::string& engine)
    {
        const auto folder = std::filesystem::path(BERTH_SOURCE_DIR) / "tests/rules/data";
        std::ifstream file(folder / (engine + ".json"));
        if (!file) throw std::runtime_error("no sample " + engine);
        data = Json::parse(file);
        facts.version = engine == "engine20" ? Version{1, 41} : Version{1, 51};
        facts.gateway = "172.18.0.1";
        facts.door = "/run/berth/jobs/7/docker.sock";

        const auto container = [&](const std::string& name) {
            return job.add(Kind::container, name, data.at("inspect_" + name).at("Id")).id;
        };
        db = container("db");
        web = container("web");
        none = container("none");
        net = container("net");
        bridge = job.add(Kind::network, "bridge", data.at("network_bridge").at("Id")).id;
        front = job.add(Kind::network, "front", data.at("network_front").at("Id")).id;
        job.add(Kind::volume, "data", "");
        job.add(Kind::volume, "idle", "");
        for (const Json& mount : data.at("inspect_db").at("Mounts"))
            if (mount.at("Destination") == "/anon") anonymous = mount.at("Name");
        job.add(Kind::volume, Named{anonymous, anonymous, anonymous});
        exec = data.at("exec").at("ID");
        job.add(Kind::exec, Named{exec, "", ""});
        busybox = data.at("image").at("Id");
        job.add(Kind::image, "busybox:latest", busybox);
        built = data.at("image_built").at("Id");
        job.add(Kind::image, "built:1", built);
    }
};

/// What the job may read holds nothing of the host, of berth or of other jobs.
inline void expect_no_traces(const Json& view)
{
    const std::string text = view.dump();
    for (const char* trace :
         {"berth.", "/srv/engine", "/run/berth", "another job's", "secret.example", "plain", Sample::other_key})
        EXPECT_EQ(text.find(trace), text.npos) << trace << " in " << text;
    EXPECT_EQ(text.find(FakeLookup::test_key), text.npos) << text;
}

inline Filters filters_of(const std::string& text)
{
    auto filters = Filters::parse(
        text, {"ancestor", "before",  "config", "container", "daemon",  "dangling", "driver", "event",     "id",
               "image",    "label",   "label!", "name",      "network", "node",     "plugin", "reference", "scope",
               "secret",   "service", "since",  "status",    "type",    "until",    "volume"});
    if (!filters) throw std::runtime_error(filters.error().message);
    return *std::move(filters);
}

class ViewsOf : public testing::TestWithParam<const char*> {
protected:
    Sample sample{GetParam()};
    const Json& data = sample.data;
    FakeLookup& job = sample.job;
    ViewFacts& facts = sample.facts;
};

/// For every suite on a fixture derived from ViewsOf: once with each engine's answers.
#define ON_EVERY_ENGINE(suite)                                                        \
    INSTANTIATE_TEST_SUITE_P(Engines, suite, testing::Values("engine20", "engine28"), \
                             [](const auto& each) { return std::string(each.param); })

}  // namespace rules
