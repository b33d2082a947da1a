#pragma once

namespace broker {

/// Of this program; CMake's project(VERSION) is its source.
inline constexpr const char* program_version = BERTH_VERSION;

}  // namespace broker
