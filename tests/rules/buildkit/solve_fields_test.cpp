#include <google/protobuf/descriptor.h>

#include <map>
#include <set>

#include "rules/buildkit/solve.h"
#include "rules/buildkit/sources.h"
#include "tests/rules/buildkit/building.h"

// Every field of a request to build has a decision: what is added to the messages is missed here until it has one.
namespace rules {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Gives the field some value that is not its default.
void set_something(Message& message, const FieldDescriptor& field)
{
    const auto& reflection = *message.GetReflection();
    const bool repeated = field.is_repeated();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            repeated ? reflection.AddMessage(&message, &field) : reflection.MutableMessage(&message, &field);
            break;
        case FieldDescriptor::CPPTYPE_STRING:
            repeated ? reflection.AddString(&message, &field, "something") : reflection.SetString(&message, &field, "something");
            break;
        case FieldDescriptor::CPPTYPE_BOOL:
            reflection.SetBool(&message, &field, true);
            break;
        case FieldDescriptor::CPPTYPE_INT64:
            reflection.SetInt64(&message, &field, 7);
            break;
        case FieldDescriptor::CPPTYPE_ENUM:
            reflection.SetEnumValue(&message, &field, 1);
            break;
        default:
            FAIL() << field.full_name() << " is of a type that this test does not know";
    }
}

/// The fields of `message` and of what is in it, each set alone (with what it is in), as `try_it` sees them.
template <class Try>
void each_alone(const Message& whole, const std::vector<const FieldDescriptor*>& way, Try try_it)
{
    const auto* type = way.empty() ? whole.GetDescriptor() : way.back()->message_type();
    for (int at = 0; at < type->field_count(); ++at) {
        std::vector<const FieldDescriptor*> longer = way;
        longer.push_back(type->field(at));
        std::unique_ptr<Message> changed(whole.New());
        changed->CopyFrom(whole);
        Message* place = changed.get();
        std::string name;
        for (const FieldDescriptor* each : longer) {
            name += (name.empty() ? "" : ".") + each->name();
            if (each == longer.back()) break;
            const auto& reflection = *place->GetReflection();
            place = each->is_repeated() ? reflection.AddMessage(place, each) : reflection.MutableMessage(place, each);
        }
        set_something(*place, *longer.back());
        try_it(name, *changed);
        const FieldDescriptor& last = *longer.back();
        if (last.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !last.is_map()) each_alone(whole, longer, try_it);
    }
}

/// Those of `request`'s fields that are taken when they are set alone.
template <class Judge>
std::set<std::string> taken_fields(const Message& request, Judge judge)
{
    std::set<std::string> taken;
    each_alone(request, {}, [&](const std::string& name, const Message& changed) {
        if (judge(changed)) taken.insert(name);
    });
    return taken;
}

TEST(FieldsOfSolve, AreRefusedButThese)
{
    buildkit::SolveRequest least;
    least.set_ref("abc");
    least.set_session("def");
    const auto judge = [](const Message& changed) {
        return judge_solve(static_cast<const buildkit::SolveRequest&>(changed), Profile{}, a_building_job()).has_value();
    };
    EXPECT_EQ(taken_fields(least, judge), (std::set<std::string>{
                                              "ref",                        // names the build, within the job
                                              "session",                    // within the job
                                              "exporter_attrs_deprecated",  // left out, where there is no exporter
                                              "cache",                      // an empty one
                                              "cache.imports",              // left out, with what is in it
                                              "cache.imports.type",
                                              "cache.imports.attrs",
                                              "internal",       // always true
                                              "source_policy",  // ours takes its place; with a rule it is refused
                                              "source_policy.version",
                                          }));
}

TEST(FieldsOfSolve, OfWhichAValueIsTaken)
{
    // `something` is refused above; what is taken of these has tests of its own (solve_test.cpp).
    const std::set<std::string> by_value = {"frontend", "frontend_attrs", "exporter_deprecated", "exporters", "cache.exports"};
    buildkit::SolveRequest asked;
    asked.set_ref("abc");
    asked.set_session("def");
    asked.set_frontend("dockerfile.v0");
    (*asked.mutable_frontend_attrs())["target"] = "a";
    asked.set_exporter_deprecated("local");
    asked.add_exporters()->set_type("local");
    asked.mutable_cache()->add_exports()->set_type("inline");
    EXPECT_TRUE(judge_solve(asked, Profile{}, a_building_job()));
    std::set<std::string> set;
    std::vector<const FieldDescriptor*> fields;
    asked.GetReflection()->ListFields(asked, &fields);
    for (const FieldDescriptor* each : fields) set.insert(each->name());
    for (const std::string& each : by_value) EXPECT_TRUE(set.contains(each.substr(0, each.find('.')))) << each;
}

TEST(FieldsOfSolve, ThatAreSent)
{
    // Whatever was taken: no other field reaches the engine.
    AskedBuild build;
    build.ref = "abc";
    build.session = "def";
    build.by_frontend = build.inline_cache = true;
    build.attributes = {{"target", "a"}};
    build.exporters.emplace_back().set_type("moby");
    const auto sent = solve_for(build, a_building_job(), "ref", {"berth.k/a:1"}, source_policy(building_key, {}));
    std::vector<const FieldDescriptor*> fields;
    sent.GetReflection()->ListFields(sent, &fields);
    std::set<std::string> names;
    for (const FieldDescriptor* each : fields) names.insert(each->name());
    EXPECT_EQ(names, (std::set<std::string>{"ref", "session", "frontend", "frontend_attrs", "internal", "source_policy", "exporters",
                                            "exporter_deprecated", "exporter_attrs_deprecated", "cache"}));
}

buildkit::BridgeSolveRequest a_bridge_request()
{
    buildkit::BridgeSolveRequest asked;
    asked.set_frontend("dockerfile.v0");
    return asked;
}

TEST(FieldsOfBridgeSolve, AreRefusedButThese)
{
    const auto judge = [](const Message& changed) {
        return judge_bridge_solve(static_cast<const buildkit::BridgeSolveRequest&>(changed), Profile{}, a_building_job()).has_value();
    };
    EXPECT_EQ(taken_fields(a_bridge_request(), judge), (std::set<std::string>{
                                                           "allow_result_return",
                                                           "allow_result_array_ref",
                                                           "final",
                                                           "exporter_attr",
                                                           "evaluate",
                                                           "cache_imports",  // left out, with what is in it
                                                           "cache_imports.type",
                                                           "cache_imports.attrs",
                                                           "source_policies",  // one without rules says nothing
                                                           "source_policies.version",
                                                       }));
}

TEST(FieldsOfBridgeSolve, WhatIsSent)
{
    buildkit::BridgeSolveRequest asked = a_bridge_request();
    (*asked.mutable_frontend_opt())["target"] = "a";
    (*asked.mutable_frontend_opt())["image-resolve-mode"] = "pull";
    asked.set_allow_result_return(true);
    asked.set_allow_result_array_ref(true);
    asked.set_final(true);
    asked.set_exporter_attr("{}");
    asked.set_evaluate(true);
    asked.add_cache_imports()->set_type("registry");
    asked.add_source_policies();
    const auto frontend = judge_bridge_solve(asked, Profile{}, a_building_job());
    ASSERT_TRUE(frontend) << frontend.error().message;
    EXPECT_TRUE(frontend->pull);
    const auto& sent = frontend->sent;
    EXPECT_EQ(sent.frontend(), "dockerfile.v0");
    EXPECT_EQ(sent.frontend_opt().at("target"), "a");
    EXPECT_EQ(sent.frontend_opt().at("cmdline"), "docker/dockerfile");
    EXPECT_TRUE(sent.allow_result_return() && sent.allow_result_array_ref() && sent.final() && sent.evaluate());
    EXPECT_EQ(sent.exporter_attr(), "{}");
    EXPECT_EQ(sent.cache_imports_size() + sent.source_policies_size() + sent.frontend_inputs_size(), 0);
    EXPECT_FALSE(sent.has_definition());
}

TEST(FieldsOfBridgeSolve, WhatIsRefused)
{
    const auto with = [](auto change) {
        auto asked = a_bridge_request();
        change(asked);
        return refusal(judge_bridge_solve(asked, Profile{}, a_building_job()));
    };
    EXPECT_EQ(with([](auto&) {}), "");
    EXPECT_EQ(with([](auto& asked) { asked.clear_frontend(); }), "frontend") << "it is the run of one";
    EXPECT_EQ(with([](auto& asked) { asked.set_frontend("gateway.v0"); }), "frontend");
    EXPECT_EQ(with([](auto& asked) { asked.mutable_definition(); }), "closed");
    EXPECT_EQ(with([](auto& asked) { (*asked.mutable_frontend_inputs())["a"]; }), "closed");
    EXPECT_EQ(with([](auto& asked) { asked.add_source_policies()->add_rules(); }), "closed");
    EXPECT_EQ(with([](auto& asked) { (*asked.mutable_frontend_opt())["source"] = "evil"; }), "frontend");
    EXPECT_EQ(with([](auto& asked) { (*asked.mutable_frontend_opt())["force-network-mode"] = "host"; }), "host-namespace");
    EXPECT_EQ(with([](auto& asked) { asked.GetReflection()->MutableUnknownFields(&asked)->AddVarint(99, 1); }), "unknown-field");
    EXPECT_EQ(with([](auto& asked) {
                  auto* import = asked.add_cache_imports();
                  import->GetReflection()->MutableUnknownFields(import)->AddVarint(99, 1);
              }),
              "unknown-field");
}

}  // namespace
}  // namespace rules
