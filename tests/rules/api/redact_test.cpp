#include "rules/api/redact.h"

#include <gtest/gtest.h>

#include "rules/api/kept_text.h"
#include "rules/bodies/bodies.h"
#include "rules/judge/verdict.h"

namespace rules {
namespace {

constexpr HashKey key{0x0123456789abcdef, 0xfedcba9876543210};
const Redactor redactor(key);
const Endpoint& create = endpoint(Op::container_create);

/// A text that has none of the forms, and tells where it was put.
std::string marker(std::string_view place, int nth)
{
    return "S3CRET<" + std::string(place) + ">" + std::to_string(nth) + "!";
}

/// A value for each field of `schema`, markers wherever there is a text; `keys`: of maps, which are markers too.
Json full(const Schema& schema, std::string_view keys)
{
    Json body = Json::object();
    int nth = 0;
    for (const Field& field : schema.fields) {
        const std::string text = marker(field.name, ++nth);
        const std::string name = marker(keys, nth);
        Json& value = body[std::string(field.name)];
        switch (field.type) {
            case Type::boolean: value = true; break;
            case Type::integer: value = 7; break;
            case Type::integer_list: value = {7, 8}; break;
            case Type::text: value = text; break;
            case Type::text_list:
            case Type::text_or_list: value = {text, text + "2"}; break;
            case Type::text_map: value[name] = text; break;
            case Type::any: value = {{text}, {{name, text}}}; break;
            case Type::object: value = field.inside ? full(*field.inside, keys) : Json{{name, text}}; break;
            case Type::object_list: value = Json::array({field.inside ? full(*field.inside, keys) : Json{{name, text}}}); break;
            case Type::object_map: value[name] = field.inside ? full(*field.inside, keys) : Json{{name, text}}; break;
            case Type::object_list_map: value[name] = Json::array({field.inside ? full(*field.inside, keys) : Json{{name, text}}}); break;
        }
    }
    return body;
}

TEST(Redacted, OfNoFieldAnythingIsKeptThatHasNotTheFormOfIt)
{
    int rows = 0;
    for (const Endpoint& row : endpoints()) {
        if (!row.schema) continue;
        ++rows;
        const Json given = full(*row.schema, "key");
        const Json kept = redactor.body(&row, given);
        EXPECT_EQ(kept.dump().find("S3CRET"), std::string::npos) << row.name << " " << kept.dump();
        EXPECT_EQ(kept.size(), given.size()) << row.name;
    }
    EXPECT_GE(rows, 9);
}

TEST(Redacted, OfAFieldThatIsNotListedNothingIsKeptWhateverItIs)
{
    int hidden_ones = 0;
    for (const ValuePlace& place : value_places()) {
        if (place.query || place.kept->value != Keep::nothing || place.type == "number" || place.type == "number_list" || place.type == "boolean")
            continue;
        ++hidden_ones;
        for (const char* word : {"word", "12345", "10.0.0.1", "/dev/fuse", "ro", "busybox:1"}) {
            const std::string kept = redactor.value(place.endpoint, place.path.substr(0, place.path.find_first_of("{[")), word);
            EXPECT_EQ(kept, hidden(key, word)) << place.endpoint->name << " " << place.path;
        }
    }
    EXPECT_GT(hidden_ones, 30);
}

TEST(Redacted, OfAFieldThatIsNotKnownNothingIsKept)
{
    const Json given = Json::parse(
        R"({"Image":"busybox","New":"word","Newer":{"a":"word"},"Number":1234,"List":["word"],"Flag":true,"None":null,"Zero":0,"a b":1})");
    const Json kept = redactor.body(&create, given);
    EXPECT_EQ(kept["Image"], "busybox");
    EXPECT_EQ(kept["New"], hidden(key, "word"));
    for (const char* name : {"Newer", "Number", "List"}) EXPECT_TRUE(kept[name].is_string()) << name;
    EXPECT_EQ(kept.dump().find("word"), std::string::npos);
    EXPECT_EQ(kept.dump().find("1234"), std::string::npos);
    EXPECT_EQ(kept["Zero"], 0) << "what is none is no secret, and is judged as such";
    EXPECT_TRUE(kept.contains(hidden(key, "a b")));
    EXPECT_EQ(redactor.value(&create, "New", "1234"), hidden(key, "1234"));
    EXPECT_EQ(redactor.value(nullptr, "anything", "word"), hidden(key, "word"));
    EXPECT_EQ(redactor.body(nullptr, given), hidden(key, given.dump()));
    EXPECT_EQ(redactor.body(&create, "word"), hidden(key, "word")) << "what is no object";
}

TEST(Redacted, NoParameterIsKeptThatHasNotTheFormOfIt)
{
    for (const Endpoint& row : endpoints()) {
        std::string path(row.path);
        if (const std::size_t open = path.find('{'); open != path.npos) path.replace(open, path.find('}') - open + 1, "S3CRET%3Cpath%3E!");
        Query query;
        query.add("unknown", marker("unknown", 1));
        for (const Param& param : row.params) {
            query.add(param.name, marker(param.name, 1));
            query.add(param.name, Json{{marker("key", 1), {{marker("inner", 1), true}, {"text", marker("text", 1)}}}}.dump());
        }
        const std::string kept = redactor.target(&row, "/v1.41" + path + "?" + query.encode());
        EXPECT_EQ(kept.find("S3CRET"), std::string::npos) << row.name << " " << kept;
    }
    EXPECT_EQ(redactor.target(nullptr, "/no/S3CRET?a=S3CRET").find("S3CRET"), std::string::npos);
    EXPECT_EQ(redactor.target(&create, "/x?a=%zz&token=S3CRET").find("S3CRET"), std::string::npos);
    EXPECT_EQ(redactor.method(nullptr, "S3CRETS3CRET").find("S3CRET"), std::string::npos);
    EXPECT_EQ(redactor.field("Labels.S3CRET!<>").find("S3CRET"), std::string::npos);
}

// attack V-80
TEST(Redacted, WhatToolsNeedIsKept)
{
    const auto kept = [](const char* body) { return redactor.body(&create, Json::parse(body)); };
    EXPECT_EQ(kept(R"({"Env":["PASSWORD=x","PATH"]})")["Env"], Json({"PASSWORD=" + hidden(key, "x"), "PATH"}));
    EXPECT_EQ(kept(R"({"Cmd":["word","-c"],"Entrypoint":"word"})"),
              Json({{"Cmd", {hidden(key, "word"), hidden(key, "-c")}}, {"Entrypoint", hidden(key, "word")}}));
    EXPECT_EQ(kept(R"({"Labels":{"com.x/y":"v"}})")["Labels"], Json({{"com.x/y", hidden(key, "v")}}));
    const struct {
        Keep keep;
        const char* text;
        std::string kept;
    } cases[] = {
        {Keep::word, "NET_ADMIN", "NET_ADMIN"},
        {Keep::word, "container:db", "container:db"},
        {Keep::word, "1000:1000", "1000:1000"},
        {Keep::word, "two words", ""},
        {Keep::word, "http://u:p@host/", ""},
        {Keep::number, "64m", "64m"},
        {Keep::number, "0-3,5", "0-3,5"},
        {Keep::number, "80/tcp", "80/tcp"},
        {Keep::number, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"},
        {Keep::number, "word", ""},
        {Keep::number, "1word2word3", ""},
        {Keep::address, "10.0.0.0/24", "10.0.0.0/24"},
        {Keep::address, "deadbeef", ""},
        {Keep::reference, "ghcr.io/us/app:1", "ghcr.io/us/app:1"},
        {Keep::reference, "https://u:p@ghcr.io/us/app:1", ""},
        {Keep::reference, "u:p@ghcr.io/us/app", ""},
        {Keep::registry, "https://index.docker.io/v1/", "https://index.docker.io/v1/"},
        {Keep::registry, "https://u:p@index.docker.io/v1/", ""},
        {Keep::path, "/var/run/docker.sock", "/var/run/docker.sock"},
        {Keep::path, "/builds/src", "/" + hidden(key, "/builds/src")},
        {Keep::device, "/dev/fuse", "/dev/fuse"},
        {Keep::device, "a.b/c=1", "a.b/c=1"},
        {Keep::mount, "data:/data:ro", "data:/" + hidden(key, "/data") + ":ro"},
        {Keep::mount, "/a:/b:ro,word", "/" + hidden(key, "/a") + ":/" + hidden(key, "/b") + ":ro," + hidden(key, "word")},
        {Keep::setting, "no-new-privileges", "no-new-privileges"},
        {Keep::setting, "seccomp=unconfined", "seccomp=unconfined"},
        {Keep::setting, "apparmor=ci", "apparmor=ci"},
        {Keep::setting, "word", ""},
        {Keep::setting, "size=64m,noexec,o=word", "size=64m,noexec,o=" + hidden(key, "word")},
        {Keep::setting, "db:10.0.0.1", "db:10.0.0.1"},
        {Keep::setting, "SGVjbGVhcnNlY3JldDI=", ""},
        {Keep::setting, "password=20417733hunter", "password=" + hidden(key, "20417733hunter")},
        {Keep::variable, "label=a=b", "label=" + hidden(key, "a=b")},
        {Keep::variable, "two words=x", ""},
        {Keep::instruction, "ENV A=b", "ENV " + hidden(key, "A=b")},
        {Keep::instruction, "word A=b", ""},
        {Keep::ps_args, "aux", "aux"},
        {Keep::ps_args, "word", ""},
    };
    for (const auto& each : cases)
        EXPECT_EQ(kept_text(key, each.keep, each.text), each.kept.empty() ? hidden(key, each.text) : each.kept) << each.text;
}

TEST(Redacted, TargetsKeepNamesOfObjectsAndTheirVersion)
{
    const auto kept = [](Op op, const std::string& target) { return redactor.target(&endpoint(op), target); };
    EXPECT_EQ(kept(Op::container_list, "/containers/json?all=1"), "/containers/json?all=1");
    EXPECT_EQ(kept(Op::container_start, "/v1.41/containers/db/start"), "/v1.41/containers/db/start");
    EXPECT_EQ(kept(Op::image_inspect, "/images/ghcr.io/us/app%3A1/json"), "/images/ghcr.io/us/app%3A1/json");
    EXPECT_EQ(kept(Op::build, R"(/build?t=app&buildargs=%7B%22TOKEN%22%3A%22x%22%2C%22NONE%22%3Anull%7D)"),
              "/build?t=app&buildargs=" + percent_encode(R"({"NONE":null,"TOKEN":")" + hidden(key, "x") + "\"}"));
}

TEST(Redacted, FactsAreWhatTheImageSaysInTheSameForm)
{
    const Json kept = redactor.facts(
        Json::parse(R"({"image":{"User":"1000","ExposedPorts":{"80/tcp":{}},"Odd":"word"},"pulls":["ghcr.io/us/base:1","u:p@x"],"odd":"word"})"));
    EXPECT_EQ(kept["image"]["User"], "1000");
    EXPECT_TRUE(kept["image"]["ExposedPorts"].contains("80/tcp"));
    EXPECT_EQ(kept["pulls"], Json({"ghcr.io/us/base:1", hidden(key, "u:p@x")}));
    EXPECT_EQ(kept.dump().find("word"), std::string::npos);
}

TEST(Redacted, RefusedValuesAreAsTheirFieldSays)
{
    const auto kept = [](const char* field, const char* value) { return redactor.value(&create, field, value); };
    EXPECT_EQ(kept("HostConfig.CapAdd", "NET_ADMIN"), "NET_ADMIN");
    EXPECT_EQ(kept("HostConfig.Privileged", "true"), "true");
    EXPECT_EQ(kept("HostConfig.ShmSize", "100"), "100");
    EXPECT_EQ(kept("HostConfig.Mounts[0].Source", "/etc"), "/" + hidden(key, "/etc"));
    EXPECT_EQ(kept("HostConfig.Sysctls.kernel.x", "1 2"), "1 2");
    EXPECT_EQ(kept("HostConfig.Sysctls.kernel.x", "word"), hidden(key, "word"));
    EXPECT_EQ(kept("HostConfig.LogConfig.Config.splunk-token", "word"), hidden(key, "word"));
    EXPECT_EQ(kept("NetworkingConfig.EndpointsConfig.my.net.MacAddress", "02:42:ac:11:00:02"), "02:42:ac:11:00:02");
    EXPECT_EQ(kept("HostConfig.StorageOpt", R"({"size":"10G","x":"word"})"), R"({"size":"10G","x":")" + hidden(key, "word") + "\"}");
    EXPECT_EQ(kept("HostConfig.StorageOpt", R"({"size":"10G","x":"wo...)"), hidden(key, R"({"size":"10G","x":"wo...)")) << "cut";
    EXPECT_EQ(redactor.value(&endpoint(Op::build), "fromImage", "ghcr.io/us/base:1"), "ghcr.io/us/base:1");
    EXPECT_EQ(redactor.value(&endpoint(Op::build), "remote", "https://u:p@host/x"), hidden(key, "https://u:p@host/x"));
}

TEST(Redacted, WhatAnEngineTellsIsWithoutWhatItQuotes)
{
    EXPECT_EQ(redactor.engine_error("volume is in use - [abc]"), "volume is in use - [abc]");
    EXPECT_EQ(redactor.engine_error("unlinkat /var/lib/docker/volumes/v/_data/my/token: operation not permitted"),
              "unlinkat /var/lib/docker/volumes/v/_data/" + hidden(key, "my/token") + ": operation not permitted");
    EXPECT_EQ(redactor.engine_error("invalid reference \"a b\" given"), "invalid reference \"" + hidden(key, "a b") + "\" given");
    EXPECT_EQ(redactor.engine_error("a \" alone"), "a \" alone");
}

TEST(Redacted, RequestsGetTheSameVerdict)
{
    const struct {
        Op op;
        const char* method;
        const char* target;
        const char* body;
    } requests[] = {
        {Op::container_create, "POST", "/v1.41/containers/create?name=web",
         R"({"Image":"busybox","Cmd":["sh"],"Env":["A=b"],"Hostname":"h","WorkingDir":"/w","Labels":{"a":"b"},"HostConfig":{
             "Binds":["/src:/src:ro","data:/data"],"PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]},
             "Tmpfs":{"/t":"size=64m"},"SecurityOpt":["no-new-privileges"],
             "NetworkMode":"mine","Mounts":[{"Type":"bind","Source":"/a","Target":"/b"},{"Type":"volume","Source":"v","Target":"/c"}],
             "Dns":["10.0.0.1"],"ExtraHosts":["db:10.0.0.2"]}})"},
        {Op::container_create, "POST", "/containers/create", R"({"Image":"busybox","HostConfig":{"Privileged":true}})"},
        {Op::container_create, "POST", "/containers/create", R"({"Image":"busybox","HostConfig":{"Binds":["/var/run/docker.sock:/s"]}})"},
        {Op::container_create, "POST", "/containers/create", R"({"Image":"busybox","New":{"a":"b"}})"},
        {Op::container_create, "POST", "/containers/create", R"({"Image":"busybox","HostConfig":{"Sysctls":{"net.core.somaxconn":"9"}}})"},
        {Op::container_create, "POST", "/containers/create", R"({"Image":"busybox","Env":"x"})"},
        {Op::network_create, "POST", "/networks/create",
         R"({"Name":"n","IPAM":{"Config":[{"Subnet":"172.20.0.0/16"}]},"Options":{"com.docker.network.driver.mtu":"1400"}})"},
        {Op::volume_create, "POST", "/volumes/create", R"({"Name":"v","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,noexec"}})"},
        {Op::volume_create, "POST", "/volumes/create", R"({"Name":"v","DriverOpts":{"type":"nfs","device":":/x","o":"addr=1"}})"},
        {Op::container_top, "GET", "/containers/a/top?ps_args=-eo+pid,comm", "null"},
        {Op::container_top, "GET", "/containers/a/top?ps_args=whatever", "null"},
        {Op::image_create, "POST", "/images/create?fromImage=ghcr.io/them/app&tag=1", "null"},
        {Op::build, "POST", "/build?t=app&networkmode=host&labels=%7B%22a%22%3A%22b%22%7D", "null"},
        {Op::build, "POST", "/build?t=app&remote=git://x", "null"},
        {Op::exec_create, "POST", "/containers/a/exec", R"({"Cmd":["true"],"User":"0","Env":["A=b"]})"},
    };
    for (const auto& each : requests) {
        const Endpoint& row = endpoint(each.op);
        const AskedRequest asked{each.method, each.target, Json::parse(each.body)};
        const AskedRequest kept{each.method, redactor.target(&row, each.target), redactor.body(&row, Json::parse(each.body))};
        for (const Profile& profile : {Profile{}, [] {
                                           Profile closed;
                                           closed.registries = {"docker.io/**"};
                                           closed.binds_allowed = "none";
                                           closed.exec_users = {"1000"};
                                           return closed;
                                       }()}) {
            const Verdict was = judge_request(asked, AnyLookup(), profile), is = judge_request(kept, AnyLookup(), profile);
            EXPECT_EQ(outcome_name(is.outcome), outcome_name(was.outcome)) << each.target << each.body << is.error.message << was.error.message;
            EXPECT_EQ(is.error.rule, was.error.rule) << each.target << each.body << is.error.message;
            EXPECT_EQ(is.error.field, was.error.field) << each.target << each.body;
        }
    }
}

}  // namespace
}  // namespace rules
