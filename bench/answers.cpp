#include "bench/answers.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "bench/ids.h"

// The record is dockerd 28.5.2's. Only what differs between two objects is filled in: the engine has to be much cheaper
// than the proxies that are measured before it.

namespace bench {
namespace {

constexpr std::string_view common_head =
    "Api-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Docker/28.5.2 (linux)\r\n"
    "Date: Mon, 05 Jan 2026 10:00:00 GMT\r\n";
constexpr std::string_view image_id = "sha256:0a2c72babea8800fd71fc30631100b7f20bba69ccc2244f5c54776e7315e1151";
constexpr std::size_t listed = 3;  // containers in a list: about 2 KiB

// Go's server counts a body that fits its buffer, and sends a longer one in chunks.
constexpr std::size_t go_buffer = 2048;

std::string answer(std::string_view status, std::string_view body, std::string_view type = "application/json")
{
    std::string bytes;
    bytes.reserve(384 + body.size());
    bytes.append("HTTP/1.1 ").append(status).append("\r\n").append(common_head);
    if (!body.empty()) bytes.append("Content-Type: ").append(type).append("\r\n");
    if (status.starts_with("204")) return bytes.append("\r\n");
    if (body.size() <= go_buffer)
        return bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    std::string size = hex(body.size());
    size.erase(0, size.find_first_not_of('0'));
    return bytes.append("Transfer-Encoding: chunked\r\n\r\n")
        .append(size)
        .append("\r\n")
        .append(body)
        .append("\r\n0\r\n\r\n");
}

Answer missing(std::string_view what, std::string_view name)
{
    return {answer("404 Not Found", R"({"message":")" + std::string(what) + std::string(name) + R"("})")};
}

Answer raw_stream(char kind)
{
    constexpr std::string_view head =
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    const After after = kind == sink_kind ? After::sink : kind == source_kind ? After::source : After::echo;
    return {std::string(head), after};
}

std::string read(const std::string& file)
{
    std::ifstream in(file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.empty()) throw std::runtime_error("cannot read " + file);
    return text;
}

}  // namespace

bool is_upload(std::string_view method, std::string_view path)
{
    return (method == "PUT" && path.ends_with("/archive")) ||
           (method == "POST" && (path == "/images/load" || path == "/build"));
}

Answer uploaded(std::uint64_t bytes)
{
    return {answer("200 OK", R"({"bytes":)" + std::to_string(bytes) + "}\n")};
}

bool Event::wanted_by(std::string_view filter) const
{
    return filter.find("\"event\"") == std::string_view::npos ||
           filter.find('"' + action + '"') != std::string_view::npos;
}

Answers::Answers(const std::string& record)
{
    for (const char* name : {"version", "info", "container", "container-summary", "image", "images", "pull", "changes",
                             "network", "exec", "event"})
        texts_[name] = read(record + "/" + name + ".json");
    ping_head_ = "HTTP/1.1 200 OK\r\n" + std::string(common_head) +
                 "Builder-Version: 2\r\nCache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\n"
                 "Swarm: inactive\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\n";
    ping_ = ping_head_ + "OK";
}

Answer Answers::to(const Request& request)
{
    const std::string_view path = request.path;
    if (path == "/_ping") return {request.method == "HEAD" ? ping_head_ : ping_};
    if (path.starts_with("/containers/")) return containers(request, path.substr(12));
    if (path.starts_with("/exec/")) return execs(request, path.substr(6));
    if (path.starts_with("/networks")) return networks(request, path.substr(9));
    if (path.starts_with("/images/")) return images(request, path.substr(8));
    if (path.starts_with("/distribution/"))  // every image is here already, as the host's own
        return {answer("200 OK", R"({"Descriptor":{"digest":"sha256:7f3b1a9c5d2e4f60718293a4b5c6d7e8f90112233445566778899aabbccddeef"}})")};
    if (path == "/version") return {answer("200 OK", text("version"))};
    if (path == "/info") return {answer("200 OK", text("info"))};
    if (path == "/volumes") return {answer("200 OK", R"({"Volumes":[],"Warnings":null})")};
    if (path == "/events") {
        return {"HTTP/1.1 200 OK\r\n" + std::string(common_head) +
                    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                After::events, unescaped(parameter(request.query, "filters"))};
    }
    if (request.method == "DELETE") return {answer("204 No Content", "")};
    return missing("page not found: ", path);
}

Answer Answers::containers(const Request& request, std::string_view rest)
{
    if (rest == "json") return {answer("200 OK", list())};
    if (rest == "create") {
        const std::string id = make_id(container_kind(request.body), containers_.size());
        std::string name = parameter(request.query, "name");
        if (name.empty()) name = "bench_" + std::to_string(containers_.size());
        containers_.push_back({id, std::move(name), value_at(request.body, "Labels", "{}")});
        note("create", containers_.back());
        return {answer("201 Created", R"({"Id":")" + id + "\",\"Warnings\":[]}\n")};
    }
    const std::string_view id = rest.substr(0, rest.find('/'));
    const auto number = number_of(id);
    if (!number || *number >= containers_.size() || containers_[*number].id != id || containers_[*number].gone)
        return missing("No such container: ", id);
    Made& made = containers_[*number];
    const std::string_view verb = rest.substr(std::min(rest.size(), id.size() + 1));
    if (request.method == "DELETE") {
        made.gone = true;
        while (first_ < containers_.size() && containers_[first_].gone) ++first_;
        note("destroy", made);
        return {answer("204 No Content", "")};
    }
    if (verb == "json")
        return {answer("200 OK",
                       text("container",
                            {{"id", id}, {"name", made.name}, {"labels", made.labels}, {"short", id.substr(0, 12)}}))};
    if (verb == "attach" && request.upgrade) return raw_stream(kind_of(id));
    if (verb == "exec") return {answer("201 Created", R"({"Id":")" + make_id(exec_kind, execs_++) + "\"}\n")};
    if (verb == "export" || (verb == "archive" && request.method == "GET")) {
        return {"HTTP/1.1 200 OK\r\n" + std::string(common_head) +
                    "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
                After::download};
    }
    if (verb == "changes") return {answer("200 OK", text("changes"))};
    if (verb == "wait") return {answer("200 OK", "{\"StatusCode\":0}\n")};
    return {answer("204 No Content", "")};
}

Answer Answers::execs(const Request& request, std::string_view rest) const
{
    const std::string_view id = rest.substr(0, rest.find('/'));
    if (rest.ends_with("/json"))
        return {answer("200 OK",
                       text("exec", {{"id", id}, {"container", containers_.empty() ? id : containers_.front().id}}))};
    if (!rest.ends_with("/start") || !request.upgrade) return {answer("200 OK", "")};
    return raw_stream(echo_kind);
}

Answer Answers::networks(const Request& request, std::string_view rest)
{
    if (rest == "/create") {
        const std::string id = make_id(network_kind, networks_.size());
        networks_.push_back({id, value_at(request.body, "Name", ""), value_at(request.body, "Labels", "{}")});
        return {answer("201 Created", R"({"Id":")" + id + "\",\"Warning\":\"\"}\n")};
    }
    if (rest.empty()) {
        std::string all = "[";
        for (const Made& each : networks_)
            if (!each.gone) all += (all.size() > 1 ? "," : "") + network(each);
        return {answer("200 OK", all + "]\n")};
    }
    const std::string_view id = rest.substr(1, rest.find('/', 1) - 1);
    const auto number = number_of(id);
    if (!number || *number >= networks_.size() || networks_[*number].id != id || networks_[*number].gone)
        return missing("network not found: ", id);
    if (request.method == "GET") return {answer("200 OK", network(networks_[*number]))};
    if (request.method != "DELETE") return {answer("200 OK", "")};
    networks_[*number].gone = true;
    return {answer("204 No Content", "")};
}

Answer Answers::images(const Request& request, std::string_view rest) const
{
    if (request.method == "DELETE") return {answer("200 OK", "[]\n")};
    if (rest == "create") return {answer("200 OK", text("pull"))};
    if (rest == "json") return {answer("200 OK", text("images"))};
    if (rest.ends_with("/json")) return {answer("200 OK", text("image"))};
    return {answer("201 Created", "")};
}

std::string Answers::list() const
{
    std::string all = "[";
    std::size_t count = 0;
    for (std::size_t i = first_; i < containers_.size() && count < listed; ++i) {
        const Made& made = containers_[i];
        if (made.gone) continue;
        if (count++) all += ',';
        all += text("container-summary", {{"id", made.id}, {"name", made.name}, {"labels", made.labels}});
        all.pop_back();  // the end of the record's line
    }
    return all + "]\n";
}

std::string Answers::network(const Made& made) const
{
    return text("network", {{"id", made.id}, {"name", made.name}, {"labels", made.labels}});
}

void Answers::note(std::string_view action, const Made& made)
{
    std::string labels = made.labels.substr(1, made.labels.size() - 2);
    if (!labels.empty()) labels += ',';
    events_.push_back({std::string(action),
                       text("event", {{"action", action}, {"id", made.id}, {"labels", labels}, {"name", made.name}})});
}

/// The record `name` with each `$part$` in it filled in.
std::string Answers::text(std::string_view name, std::initializer_list<Part> parts) const
{
    std::string_view left = texts_.find(name)->second;
    std::string filled;
    filled.reserve(left.size() + 512);
    for (auto at = left.find('$'); at != std::string_view::npos; at = left.find('$')) {
        filled.append(left.substr(0, at));
        left.remove_prefix(at + 1);
        const auto part = left.substr(0, left.find('$'));
        const auto value =
            std::find_if(parts.begin(), parts.end(), [&](const Part& each) { return each.name == part; });
        filled.append(value == parts.end() ? image_id : value->value);  // `$image$` is the same everywhere
        left.remove_prefix(part.size() + 1);
    }
    return filled.append(left);
}

}  // namespace bench
