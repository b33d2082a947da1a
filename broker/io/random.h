#pragma once

#include <cstdint>
#include <string>

namespace broker {

/// 64 bits from the kernel.
std::uint64_t random_number();

/// `length` characters of base32 (a-z2-7), five random bits each, from the kernel.
std::string random_text(std::size_t length);

}  // namespace broker
