#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "bench/chunks.h"
#include "bench/client.h"
#include "bench/load.h"

namespace bench {
namespace {

struct Raw {
    Socket socket;
    std::size_t early = 0;  // bytes of the stream that came together with the head
};

/// What has come once the answer's head is whole.
std::string receive_head(const Socket& socket, const std::string& sent, int status)
{
    std::string in;
    while (!head_of(in)) {
        const auto got = socket.receive();
        in.append(got);
        if (got.empty()) unexpected(sent, in);
    }
    if (head_of(in)->status != status) unexpected(sent, in);
    return in;
}

/// The raw stream of a container, whose command the engine knows. Not an exec's: HAProxy 2.6 takes `Upgrade` away from
/// a request with a body, so through it no exec can be interactive.
Raw attach(const Target& target, const std::string& command)
{
    std::string start = request(
        "POST", "/v1.51/containers/" + target.containers.at(command) + "/attach?stream=1&stdin=1&stdout=1&stderr=1");
    start.insert(start.find("Content-Length"), "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    Socket socket(target.socket);
    socket.send(start);
    const std::string in = receive_head(socket, start, 101);
    const std::size_t early = in.size() - head_of(in)->size;
    return {std::move(socket), early};
}

/// Bytes until the other side ends.
std::uint64_t receive_rest(const Socket& socket)
{
    std::uint64_t count = 0;
    for (auto got = socket.receive(); !got.empty(); got = socket.receive()) count += got.size();
    return count;
}

std::uint64_t receive_raw(const Raw& raw)
{
    return raw.early + receive_rest(raw.socket);
}

std::uint64_t send_raw(const Socket& socket, std::uint64_t bytes)
{
    const std::string block(128 * 1024, '\0');
    for (std::uint64_t left = bytes; left > 0;) {
        const auto part = std::min<std::uint64_t>(left, block.size());
        socket.send(std::string_view(block).substr(0, part));
        left -= part;
    }
    socket.end();
    std::string count;
    for (auto got = socket.receive(); !got.empty(); got = socket.receive()) count += got;
    return std::stoull(count);
}

std::uint64_t download(const Target& target)
{
    const Socket socket(target.socket);
    const std::string get = request("GET", "/v1.51/containers/" + target.containers.at("echo") + "/export");
    socket.send(get);
    const std::string in = receive_head(socket, get, 200);
    const auto head = head_of(in);
    const std::string_view early = std::string_view(in).substr(head->size);
    if (!head->chunked) return early.size() + receive_rest(socket);
    Chunks chunks;
    chunks.take(early);
    while (!chunks.done()) {
        const auto got = socket.receive();
        if (got.empty()) unexpected(get, "an early end after " + std::to_string(chunks.payload()) + " bytes");
        chunks.take(got);
    }
    return chunks.payload();
}

std::uint64_t upload(const Target& target, std::uint64_t bytes)
{
    const Socket socket(target.socket);
    std::string put = request("PUT", "/v1.51/containers/" + target.containers.at("echo") + "/archive?path=%2F");
    put.replace(put.find("Content-Length: 0"), 17, "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked");
    socket.send(put);
    const std::string block = chunked_block();
    for (std::uint64_t sent = 0; sent < bytes; sent += chunked_payload) socket.send(block);
    socket.send("0\r\n\r\n");
    std::string in;
    while (!response_of(in)) {
        const auto got = socket.receive();
        in.append(got);
        if (got.empty()) break;
    }
    const auto at = in.find("\"bytes\":");
    if (at == std::string::npos) unexpected(put, in);
    return std::stoull(in.substr(at + 8));
}

std::uint64_t moved(const Target& target, Stream stream, std::uint64_t bytes)
{
    switch (stream) {
        case Stream::attach_up:
            return send_raw(attach(target, "sink").socket, bytes);
        case Stream::attach_down:
            return receive_raw(attach(target, "source"));
        case Stream::download:
            return download(target);
        case Stream::upload:
            return upload(target, bytes);
    }
    return 0;
}

}  // namespace

Sample echo(const Target& target, double seconds)
{
    const Socket socket = attach(target, "echo").socket;
    const std::string message(64, 'x');
    std::vector<float> latencies;
    const double cpu = cpu_seconds(target);
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
        const auto sent = Clock::now();
        socket.send(message);
        for (std::size_t back = 0; back < message.size();) {
            const auto got = socket.receive();
            if (got.empty()) unexpected(message, "the end of the stream");
            back += got.size();
        }
        latencies.push_back(static_cast<float>(1e6 * seconds_since(sent)));
    }
    const auto count = static_cast<double>(latencies.size());
    Sample sample;
    sample.rate = count / seconds_since(start);
    sample.cpu = 1e6 * (cpu_seconds(target) - cpu) / count;
    put_latencies(sample, std::move(latencies));
    return sample;
}

Sample move(const Target& target, Stream stream, std::uint64_t bytes)
{
    constexpr double gib = 1 << 30;
    const double cpu = cpu_seconds(target);
    const auto start = Clock::now();
    const std::uint64_t arrived = moved(target, stream, bytes);
    const double took = seconds_since(start);
    if (arrived != bytes)
        throw std::runtime_error(std::to_string(arrived) + " of " + std::to_string(bytes) + " bytes arrived");
    Sample sample;
    sample.gib = static_cast<double>(bytes) / gib / took;
    sample.cpu_gib = (cpu_seconds(target) - cpu) / (static_cast<double>(bytes) / gib);
    return sample;
}

}  // namespace bench
