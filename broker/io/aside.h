#pragma once

#include <cstdint>
#include <functional>

#include "broker/io/io.h"

namespace broker {

/// What a work aside is: a short one of the host's (rules, mounts, the packet filter), one whose length the client chose, or one that
/// waits for a name server. They have threads of their own, so that no archive and no name keeps another job's network waiting; of large
/// JSON texts one is read at a time.
enum class Aside : std::uint8_t { host, archive, name, json };

/// Runs `work`, which may block, on a thread of its own; the I/O thread goes on meanwhile. To cancel the coroutine
/// neither stops the work nor shortens the wait. Throws what `work` throws.
Task<> aside(std::function<void()> work, Aside kind = Aside::host);

}  // namespace broker
