#include <array>
#include <charconv>

#include "broker/http/http.h"

// Heads as we write them: every line of a request to the engine and of an answer to a job.
namespace broker {

HeadWriter HeadWriter::request(std::string_view method, std::string_view target)
{
    HeadWriter writer;
    writer.text_.reserve(160 + target.size());
    writer.text_.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: docker\r\n");
    return writer;
}

HeadWriter HeadWriter::response(int status)
{
    HeadWriter writer;
    writer.text_.reserve(256);
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), status).ptr;
    writer.text_.append("HTTP/1.1 ").append(digits.data(), end).append(" ").append(reason_of(status)).append("\r\n");
    return writer;
}

HeadWriter& HeadWriter::add(std::string_view name, std::string_view value)
{
    text_.append(name).append(": ").append(value).append("\r\n");
    return *this;
}

HeadWriter& HeadWriter::add(std::string_view name, std::uint64_t value)
{
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return add(name, std::string_view(digits.data(), end));
}

std::string HeadWriter::finish() &&
{
    text_.append("\r\n");
    return std::move(text_);
}

std::string_view reason_of(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 101: return "UPGRADED";  // dockerd's own word for attach and exec
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Request Entity Too Large";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
    }
}

}  // namespace broker
