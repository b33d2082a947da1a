#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

/// One request to the engine, its parts as views into the connection's bytes.
struct Request {
    std::string_view method;
    std::string_view path;   ///< without `/v1.NN`, still escaped
    std::string_view query;  ///< without `?`, still escaped
    std::string_view body;   ///< whole and unchunked; empty for an upload
    bool upgrade = false;    ///< the client asked for a raw stream
};

struct Head {
    Request request;
    std::size_t size = 0;                 ///< bytes of it
    std::optional<std::uint64_t> length;  ///< of the body
    bool chunked = false;
    bool close = false;  ///< the client wants no second answer
};

/// The head at the front of `bytes`, nullopt when it is not whole. Believes what it reads: only berth and the bench ask
/// this engine.
std::optional<Head> parse(std::string_view bytes);

/// The value of `key` in a query, still escaped; empty when it has none.
std::string parameter(std::string_view query, std::string_view key);

std::string unescaped(std::string_view text);

/// The text of the flat object or the string at `"key":` in `json`, without looking at the nesting; else `otherwise`.
std::string value_at(std::string_view json, std::string_view key, std::string_view otherwise);

}  // namespace bench
