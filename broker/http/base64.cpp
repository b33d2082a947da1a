#include "broker/http/base64.h"

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>

namespace broker {

namespace codec = boost::beast::detail::base64;

std::string to_base64(std::string_view bytes)
{
    std::string out(codec::encoded_size(bytes.size()), '\0');
    out.resize(codec::encode(out.data(), bytes.data(), bytes.size()));
    return out;
}

std::optional<std::string> from_base64(std::string text)
{
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    while (text.ends_with('=')) text.pop_back();
    std::string out(codec::decoded_size(text.size()) + 3, '\0');
    const auto [written, read] = codec::decode(out.data(), text.data(), text.size());
    if (read != text.size()) return std::nullopt;
    out.resize(written);
    return out;
}

std::string to_base64url(std::string_view bytes)
{
    std::string out = to_base64(bytes);
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
    return out;
}

}  // namespace broker
