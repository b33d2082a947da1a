#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rules/bodies/bodies.h"
#include "tests/rules/fake_lookup.h"

// The body of a new container: a job that asks for it, what the rules say, what the engine gets.
namespace rules {

const std::string key(FakeLookup::test_key);
const std::string image_id = "sha256:" + FakeLookup::id_of("a1");
const std::string db_id = FakeLookup::id_of("db");

inline std::string real(const std::string& name)
{
    return real_name(key, name);
}

inline FakeLookup a_job()
{
    FakeLookup job;
    job.add(Kind::image, "alpine:latest", image_id);
    job.add(Kind::image, "postgres:16", "sha256:" + FakeLookup::id_of("b2"));
    job.add(Kind::container, "db", db_id);
    job.add(Kind::network, "back", FakeLookup::id_of("bac"));
    job.add(Kind::network, "proj_back", FakeLookup::id_of("fac"));
    job.add(Kind::volume, "data", "");
    job.add(Kind::volume, "proj_data", "");
    return job;
}

inline RewriteContext a_context()
{
    return {"build-17", key, "default", "/run/berth/jobs/" + key + "/docker.sock", Version{1, 47}};
}

/// The judgement over a body as a client sends it.
inline Result<ContainerNeeds> judge(const std::string& text, const Profile& profile = {})
{
    const Result<Json> parsed = parse_json(text);
    if (!parsed) return tl::unexpected(parsed.error());
    const Result<Json> body = admit(*parsed, container_create_schema);
    if (!body) return tl::unexpected(body.error());
    return judge_container_create(*body, a_job(), profile);
}

/// What the engine gets for a body as a client sends it; volumes and the default network are made as the judgement
/// asks.
inline Json sent(const std::string& text, const Profile& profile = {}, const RewriteContext& context = a_context())
{
    FakeLookup job = a_job();
    Json body = admit(parse_json(text).value(), container_create_schema).value();
    const ContainerNeeds needs = judge_container_create(body, job, profile).value();
    for (const std::string& name : needs.volumes) job.add(Kind::volume, name, "");
    if (needs.default_network) job.add(Kind::network, "bridge", FakeLookup::id_of("ef"));
    const std::string image = resolve_image(body, job).value();
    return rewrite_container_create(body, {"web", image}, job, profile, context, needs.default_network ? "172.30.1.1" : "")
        .value();
}

/// `host` as the HostConfig of a body that is otherwise plain.
inline std::string with_host(const std::string& host)
{
    return R"({"Image":"alpine","HostConfig":)" + host + "}";
}

inline std::string with_endpoints(const std::string& endpoints)
{
    return R"({"Image":"alpine","NetworkingConfig":{"EndpointsConfig":)" + endpoints + "}}";
}

struct RefusedBody {
    std::string name;
    std::string body;
    int status;
    std::string rule = {};   // of a 403
    std::string field = {};  // of a 403; of a 400 or 404: part of the message
};

inline void expect_refusals(const std::vector<RefusedBody>& cases)
{
    for (const RefusedBody& each : cases) {
        const auto judged = judge(each.body);
        ASSERT_EQ(judged ? 0 : judged.error().status, each.status) << each.name;
        if (each.status == 0) continue;
        const Error& error = judged.error();
        EXPECT_EQ(error.rule, each.rule) << each.name;
        if (each.status == 403) {
            EXPECT_EQ(error.field, each.field) << each.name;
            EXPECT_EQ(error.message.find("berth: " + each.field + " is refused by rule \"" + each.rule + "\": "), 0u)
                << error.message;
            EXPECT_FALSE(error.value.empty()) << each.name;
        } else {
            EXPECT_NE(error.message.find(each.field), std::string::npos) << each.name << ": " << error.message;
        }
        EXPECT_EQ(error.message.find(key), std::string::npos) << "a message shows no real name";
    }
}

}  // namespace rules
