#pragma once

#include "broker/http/wire.h"

namespace broker {

/// Moves what comes from one socket to the other through a pipe in the kernel, without seeing it, until `from` ends: half of the CPU that
/// copying costs. `from` has nothing buffered. False, with nothing moved, when no pipe can be had or one of the two is not a plain socket. Throws
/// Gone.
Task<bool> splice_to_end(Wire& from, Wire& to);

}  // namespace broker
