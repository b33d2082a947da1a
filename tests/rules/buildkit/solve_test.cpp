#include "rules/buildkit/solve.h"

#include "rules/buildkit/sources.h"
#include "tests/rules/bodies/profile_of.h"
#include "tests/rules/buildkit/building.h"

namespace rules {
namespace {

using buildkit::SolveRequest;

SolveRequest a_request()
{
    SolveRequest asked;
    asked.set_ref("abc123");
    asked.set_session("s3ss10n");
    asked.set_frontend("dockerfile.v0");
    return asked;
}

SolveRequest with_exporter(const std::string& type, const Attributes& attrs, SolveRequest asked = a_request())
{
    auto& exporter = *asked.add_exporters();
    exporter.set_type(type);
    exporter.mutable_attrs()->insert(attrs.begin(), attrs.end());
    return asked;
}

Result<AskedBuild> judged(const SolveRequest& asked, const Profile& profile = {})
{
    return judge_solve(asked, profile, a_building_job());
}

template <class Change>
std::string refusal_with(Change change)
{
    SolveRequest asked = a_request();
    change(asked);
    return refusal(judged(asked));
}

TEST(Solve, IsTaken)
{
    SolveRequest asked =
        with_exporter("moby", {{"name", "app:1,docker.io/library/app:1,registry:5000/a/b"}, {"push", "false"}, {"compression", "zstd"}});
    (*asked.mutable_frontend_attrs())["target"] = "release";
    (*asked.mutable_frontend_attrs())["image-resolve-mode"] = "pull";
    const auto build = judged(asked);
    ASSERT_TRUE(build) << build.error().message;
    EXPECT_EQ(build->ref, "abc123");
    EXPECT_EQ(build->session, "s3ss10n");
    EXPECT_TRUE(build->by_frontend);
    EXPECT_TRUE(build->pull);
    EXPECT_FALSE(build->inline_cache);
    EXPECT_EQ(build->attributes.at("target"), "release");
    EXPECT_EQ(build->attributes.at("cmdline"), "docker/dockerfile");
    ASSERT_TRUE(build->image);
    EXPECT_EQ(build->image->names, (std::vector<std::string>{"app:1", "registry:5000/a/b:latest"})) << "each once";
    ASSERT_EQ(build->exporters.size(), 1u);
    EXPECT_EQ(build->exporters[0].attrs_size(), 1) << "neither names nor what the engine would push";
    EXPECT_EQ(build->exporters[0].attrs().at("compression"), "zstd");
}

TEST(Solve, WithoutAFrontendItsClientRunsIt)
{
    SolveRequest asked = a_request();
    asked.clear_frontend();
    const auto build = judged(asked);
    ASSERT_TRUE(build);
    EXPECT_FALSE(build->by_frontend);
    EXPECT_FALSE(build->image);
    EXPECT_TRUE(build->exporters.empty());
    (*asked.mutable_frontend_attrs())["source"] = "evil/frontend";
    EXPECT_EQ(refusal(judged(asked)), "frontend") << "attributes are judged all the same";
}

TEST(Solve, NeedsARightToBuild)
{
    EXPECT_EQ(refusal(judged(a_request(), profile_of("build.networks = []\n"))), "build.networks");
}

TEST(Solve, RefAndSessionArePlainWords)
{
    for (const std::string& plain : {std::string("a"), std::string("A-b_c.9"), std::string(128, 'x')}) {
        EXPECT_EQ(refusal_with([&](SolveRequest& asked) { asked.set_ref(plain); }), "") << plain;
        EXPECT_EQ(refusal_with([&](SolveRequest& asked) { asked.set_session(plain); }), "") << plain;
    }
    for (const std::string& odd : {std::string(), std::string("a:b"), std::string("a/b"), std::string("a b"), std::string("a\n"),
                                   std::string("a\0b", 3), std::string("~3a"), std::string("\xc3\xbc"), std::string(129, 'x')}) {
        EXPECT_EQ(refusal_with([&](SolveRequest& asked) { asked.set_ref(odd); }), "400") << odd;
        EXPECT_EQ(refusal_with([&](SolveRequest& asked) { asked.set_session(odd); }), "400") << odd;
    }
}

TEST(Solve, WithMoreThanAStepHasIsRefused)
{
    const auto entitled = [](const char* each) { return refusal_with([=](SolveRequest& asked) { asked.add_entitlements(each); }); };
    EXPECT_EQ(entitled("network.host"), "host-namespace");
    EXPECT_EQ(entitled("security.insecure"), "privileged");
    EXPECT_EQ(entitled("device"), "closed");
    EXPECT_EQ(entitled(""), "closed");
}

TEST(Solve, ByAnotherFrontendIsRefused)
{
    for (const std::string other : {"gateway.v0", "Dockerfile.v0", "dockerfile.v0 ", "dockerfile"})
        EXPECT_EQ(refusal_with([&](SolveRequest& asked) { asked.set_frontend(other); }), "frontend") << other;
}

TEST(Solve, OfAGraphIsRefused)
{
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_definition(); }), "closed") << "an empty one, too";
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { (*asked.mutable_frontend_inputs())["base"]; }), "closed");
}

TEST(Solve, WithAPolicyOfItsOwnIsRefused)
{
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_source_policy()->add_rules(); }), "closed");
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_source_policy()->set_version(1); }), "") << "one without rules says nothing";
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.set_source_policy_session("x"); }), "closed");
}

TEST(Solve, AFieldThatIsUnknownIsRefusedAtAnyDepth)
{
    const auto unknown = [](google::protobuf::Message& message) { message.GetReflection()->MutableUnknownFields(&message)->AddVarint(100, 1); };
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(asked); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(*asked.add_exporters()); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(*asked.mutable_cache()); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(*asked.mutable_cache()->add_imports()); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(*asked.mutable_source_policy()); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown((*asked.mutable_frontend_inputs())["base"]); }), "unknown-field");
    EXPECT_EQ(refusal_with([&](SolveRequest& asked) { unknown(*asked.mutable_source_policy()->add_rules()->mutable_updates()); }), "unknown-field");

    SolveRequest read;  // as it comes off the wire: field 18, a text
    ASSERT_TRUE(read.ParseFromString(a_request().SerializeAsString() + std::string("\x92\x01\x01x", 4)));
    EXPECT_EQ(refusal(judged(read)), "unknown-field");
    ASSERT_TRUE(read.ParseFromString(a_request().SerializeAsString()));
    EXPECT_FALSE(has_unknown_field(read));
}

TEST(Exporters, OfOtherKindsAreRefused)
{
    for (const std::string type : {"oci", "docker", "cacheonly", "Image", "", "moby "})
        EXPECT_EQ(refusal(judged(with_exporter(type, {}))), "closed") << type;
    for (const std::string type : {"moby", "image", "local", "tar"}) EXPECT_EQ(refusal(judged(with_exporter(type, {}))), "") << type;
}

TEST(Exporters, MakeOneImage)
{
    EXPECT_EQ(refusal(judged(with_exporter("image", {}, with_exporter("moby", {})))), "400");
    EXPECT_EQ(refusal(judged(with_exporter("local", {}, with_exporter("moby", {})))), "");
    SolveRequest many = a_request();
    for (int at = 0; at < 10; ++at) many = with_exporter("local", {}, many);
    EXPECT_EQ(refusal(judged(many)), "");
    EXPECT_EQ(refusal(judged(with_exporter("local", {}, many))), "400") << "too many";
}

TEST(Exporters, NamesAreReferencesWithoutADigest)
{
    const auto named = [](const std::string& names) { return refusal(judged(with_exporter("moby", {{"name", names}}))); };
    EXPECT_EQ(named("a@sha256:" + std::string(64, 'a')), "400");
    EXPECT_EQ(named("a:1@sha256:" + std::string(64, 'a')), "400");
    EXPECT_EQ(named("a,B"), "400");
    EXPECT_EQ(named("a, b"), "400");
    EXPECT_EQ(named(std::string(64, 'a')), "400") << "an id";
    EXPECT_EQ(named("a,,b,"), "");
    const auto unnamed = judged(with_exporter("moby", {{"name", ""}}));
    ASSERT_TRUE(unnamed);
    EXPECT_TRUE(unnamed->image && unnamed->image->names.empty());

    std::string many;
    for (int at = 0; at < 100; ++at) many += "a" + std::to_string(at) + ",";
    EXPECT_EQ(named(many), "");
    EXPECT_EQ(named(many + many), "") << "the same again";
    EXPECT_EQ(named(many + "b"), "400");
    EXPECT_EQ(refusal(judged(with_exporter("local", {{"name", "a"}}))), "unknown-attribute");
}

TEST(Exporters, AttributesAreThoseWeKnow)
{
    const auto with = [](const std::string& type, const std::string& name) { return refusal(judged(with_exporter(type, {{name, "true"}}))); };
    for (const std::string name : {"compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp", "annotation.a",
                                   "annotation-manifest[linux/amd64].a", "push", "push-by-digest", "load", "unpack", "store", "registry.insecure",
                                   "name-canonical", "dangling-name-prefix"})
        EXPECT_EQ(with("moby", name), "") << name;
    for (const std::string name : {"dest", "Compression", ""})
        EXPECT_EQ(with("moby", name), "unknown-attribute") << name;
    EXPECT_EQ(with("tar", "push"), "unknown-attribute");
    EXPECT_EQ(with("local", "platform-split"), "");
}

TEST(Exporters, TheOldSpellingSaysTheSameOrIsTheOnlyOne)
{
    const auto old = [](SolveRequest asked, const std::string& type, const Attributes& attrs) {
        asked.set_exporter_deprecated(type);
        asked.mutable_exporter_attrs_deprecated()->insert(attrs.begin(), attrs.end());
        return judged(asked);
    };
    const Attributes name = {{"name", "app"}};
    const auto alone = old(a_request(), "moby", name);
    ASSERT_TRUE(alone);
    ASSERT_TRUE(alone->image);
    EXPECT_EQ(alone->image->names, (std::vector<std::string>{"app:latest"}));
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "moby", name)), "");
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "", {})), "");
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "local", name)), "400");
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "moby", {{"name", "other"}})), "400");
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "moby", {})), "400");
    EXPECT_EQ(refusal(old(with_exporter("moby", name), "", name)), "400");
    EXPECT_EQ(refusal(old(a_request(), "oci", {})), "closed");
    EXPECT_EQ(refusal(old(a_request(), "moby", {{"dest", "true"}})), "unknown-attribute");
}

TEST(Cache, IsInlineAlone)
{
    const auto exported = [](const char* type) {
        return refusal_with([=](SolveRequest& asked) { asked.mutable_cache()->add_exports()->set_type(type); });
    };
    EXPECT_EQ(exported("inline"), "");
    for (const char* type : {"registry", "local", "gha", "s3", ""}) EXPECT_EQ(exported(type), "closed") << type;
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_cache()->set_export_ref_deprecated("a"); }), "400");
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_cache()->add_import_refs_deprecated("a"); }), "400");
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { (*asked.mutable_cache()->mutable_export_attrs_deprecated())["a"]; }), "400");
    EXPECT_EQ(refusal_with([](SolveRequest& asked) { asked.mutable_cache()->add_imports()->set_type("registry"); }), "") << "left out";
}

TEST(WhatIsSent, IsWrittenAnew)
{
    SolveRequest asked = with_exporter("local", {{"platform-split", "true"}}, with_exporter("image", {{"name", "app"}}));
    asked.mutable_cache()->add_exports()->set_type("inline");
    asked.mutable_cache()->add_imports()->set_type("registry");
    const auto build = judged(asked);
    ASSERT_TRUE(build);
    const auto sent = solve_for(*build, a_building_job(), "real-ref", {"berth.k/a:1", "berth.k/b:1"}, source_policy(building_key, {}));
    EXPECT_EQ(sent.ref(), "real-ref");
    EXPECT_EQ(sent.session(), "berth." + building_key + ".s3ss10n");
    EXPECT_EQ(sent.frontend(), "dockerfile.v0");
    EXPECT_TRUE(sent.internal());
    EXPECT_EQ(sent.source_policy().rules(0).action(), buildkit::SourceRule::DENY);
    ASSERT_EQ(sent.exporters_size(), 2);
    EXPECT_EQ(sent.exporters(0).type(), "moby");
    EXPECT_EQ(sent.exporters(0).attrs().at("name"), "berth.k/a:1,berth.k/b:1");
    EXPECT_EQ(sent.exporters(1).type(), "local");
    EXPECT_FALSE(sent.exporters(1).attrs().contains("name"));
    EXPECT_EQ(sent.exporter_deprecated(), "moby") << "engines before Docker 26 know of one only";
    EXPECT_EQ(sent.exporter_attrs_deprecated().at("name"), "berth.k/a:1,berth.k/b:1");
    ASSERT_EQ(sent.cache().exports_size(), 1);
    EXPECT_EQ(sent.cache().exports(0).type(), "inline");
    EXPECT_EQ(sent.cache().imports_size(), 0);
    EXPECT_EQ(sent.frontend_attrs().at("cmdline"), "docker/dockerfile");
}

TEST(WhatIsSent, OfAClientThatRunsTheFrontendItself)
{
    SolveRequest asked = a_request();
    asked.clear_frontend();
    (*asked.mutable_frontend_attrs())["target"] = "x";
    const auto sent = solve_for(*judged(asked), a_building_job(), "real-ref", {}, source_policy(building_key, {}));
    EXPECT_EQ(sent.frontend(), "");
    EXPECT_EQ(sent.frontend_attrs_size(), 0);
    EXPECT_TRUE(sent.internal());
    EXPECT_GT(sent.source_policy().rules_size(), 0);
    EXPECT_EQ(sent.exporters_size(), 0);
    EXPECT_EQ(sent.exporter_deprecated(), "");
    EXPECT_TRUE(sent.has_cache()) << "engines read it without asking whether it is there";
}

}  // namespace
}  // namespace rules
