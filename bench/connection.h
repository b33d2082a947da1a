#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/answers.h"
#include "bench/chunks.h"

namespace bench {

/// Of a client with bench_engine.
struct Connection {
    int fd = -1;
    std::string in;   // bytes of a request that is not complete
    std::string out;  // bytes that the socket did not take
    After after = After::next;
    bool upload = false;           // its body is being read
    std::optional<Chunks> chunks;  // of the upload, else
    std::uint64_t length = 0;      // the upload has this many bytes
    bool close = false;            // after the answer
    bool writing = false;          // EPOLLOUT is asked for
    std::uint64_t count = 0;       // bytes read by a sink or an upload, or left to send by a source
    std::size_t offset = 0;        // of the next byte in the block that a source repeats
};

}  // namespace bench
