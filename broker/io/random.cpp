#include "broker/io/random.h"

#include <sys/random.h>

#include <stdexcept>

namespace broker {

std::uint64_t random_number()
{
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) throw std::runtime_error("no random numbers");
    return number;
}

std::string random_text(std::size_t length)
{
    std::string text(length, '\0');  // far below 256 bytes, which the kernel gives at once
    if (::getrandom(text.data(), length, 0) != static_cast<ssize_t>(length))
        throw std::runtime_error("no random numbers");
    for (char& each : text) each = "abcdefghijklmnopqrstuvwxyz234567"[static_cast<unsigned char>(each) % 32];
    return text;
}

}  // namespace broker
