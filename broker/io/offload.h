#pragma once

#include <cstdint>
#include <functional>

#include "broker/io/io.h"

namespace broker {

/// The threads that run the work: for calls of the host (rules, mounts, the packet filter), for archives, whose length a client chose, for
/// names, which wait for a server, and one for large JSON texts. So no archive and no name keeps another job's network waiting.
enum class Threads : std::uint8_t { host, archive, name, json };

/// Runs `work`, which may block, on a thread of its own; the I/O thread goes on meanwhile. To cancel the coroutine
/// neither stops the work nor shortens the wait. Throws what `work` throws.
Task<> offload(std::function<void()> work, Threads kind = Threads::host);

}  // namespace broker
