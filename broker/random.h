#pragma once

#include <string>

namespace broker {

/// `length` characters of base32 (a-z2-7), five random bits each, from the kernel.
std::string random_text(std::size_t length);

}  // namespace broker
