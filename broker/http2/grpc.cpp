#include "broker/http2/grpc.h"

#include <algorithm>
#include <charconv>

#include "broker/http/base64.h"

namespace broker {
namespace {

constexpr std::size_t prefix_size = 5;

/// `grpc-message` is percent-encoded: what is not printable ASCII, and the percent sign.
std::string percent_encoded(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char each : text) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte >= 0x20 && byte < 0x7f && byte != '%') {
            out += each;
            continue;
        }
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::string percent_decoded(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        unsigned value = 0;
        const char* digits = text.data() + at + 1;
        if (text[at] == '%' && at + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            out += static_cast<char>(value);
            at += 2;
        } else {
            out += text[at];
        }
    }
    return out;
}

}  // namespace

Task<std::optional<std::string>> GrpcReader::next(std::size_t limit, const Large& large)
{
    std::string message;
    std::string prefix;
    std::optional<std::size_t> size;
    while (!size || message.size() < *size) {
        if (rest_.empty()) {
            rest_ = co_await stream_.read();
            if (rest_.empty()) {
                if (prefix.empty()) co_return std::nullopt;
                throw GrpcStatus{GrpcCode::internal, "the stream ended within a message"};
            }
        }
        if (!size) {
            const std::size_t taken = std::min(prefix_size - prefix.size(), rest_.size());
            prefix += rest_.substr(0, taken);
            rest_.remove_prefix(taken);
            if (prefix.size() < prefix_size) continue;
            if (prefix[0] != 0) throw GrpcStatus{GrpcCode::unimplemented, "berth: compressed messages are not taken; send them plain"};
            size = 0;
            for (std::size_t at = 1; at < prefix_size; ++at) size = *size << 8 | static_cast<unsigned char>(prefix[at]);
            if (*size > limit) throw GrpcStatus{GrpcCode::resource_exhausted, "berth: a message is longer than " + std::to_string(limit) + " bytes"};
            if (*size > message_short && large) co_await large();
            continue;
        }
        const std::size_t taken = std::min(*size - message.size(), rest_.size());
        message += rest_.substr(0, taken);
        rest_.remove_prefix(taken);
    }
    co_return message;
}

Task<std::string> GrpcReader::only(std::size_t limit, const Large& large)
{
    auto message = co_await next(limit, large);
    if (!message) throw GrpcStatus{GrpcCode::internal, "a message is missing"};
    const auto further = co_await next(0);
    if (further) throw GrpcStatus{GrpcCode::internal, "one message is expected"};
    co_return std::move(*message);
}

Task<> write_message(Http2Stream& stream, const std::string& message, bool last)
{
    std::string framed(prefix_size, '\0');
    for (std::size_t at = 1; at < prefix_size; ++at) framed[at] = static_cast<char>(message.size() >> (8 * (prefix_size - 1 - at)) & 0xff);
    framed += message;
    co_await stream.write(framed, last);
}

Http2Fields grpc_request(std::string_view path)
{
    return {{":method", "POST"},   {":scheme", "http"},  {":path", std::string(path)}, {":authority", "localhost"},
            {"content-type", "application/grpc"}, {"te", "trailers"}};
}

Http2Fields grpc_answer()
{
    return {{":status", "200"}, {"content-type", "application/grpc"}};
}

GrpcStatus status_of(const Http2Stream& stream)
{
    const Http2Fields& fields = value_of(stream.trailers(), "grpc-status").empty() ? stream.head() : stream.trailers();
    const std::string_view code = value_of(fields, "grpc-status");
    int number = static_cast<int>(GrpcCode::unknown);
    if (std::from_chars(code.data(), code.data() + code.size(), number).ec != std::errc())
        return {GrpcCode::unknown, "the call ended without a status"};
    return {static_cast<GrpcCode>(number), percent_decoded(value_of(fields, "grpc-message")),
            from_base64(std::string(value_of(fields, "grpc-status-details-bin"))).value_or("")};
}

Http2Fields trailers_of(const GrpcStatus& status)
{
    Http2Fields fields = {{"grpc-status", std::to_string(static_cast<int>(status.code))}};
    if (!status.message.empty()) fields.push_back({"grpc-message", percent_encoded(status.message)});
    if (!status.details.empty()) {
        std::string details = to_base64(status.details);
        while (details.ends_with('=')) details.pop_back();  // gRPC leaves it out
        fields.push_back({"grpc-status-details-bin", std::move(details)});
    }
    return fields;
}

void answer_status(Http2Stream& stream, const GrpcStatus& status)
{
    Http2Fields fields = grpc_answer();
    for (auto& each : trailers_of(status)) fields.push_back(std::move(each));
    stream.answer(fields, true);
}

}  // namespace broker
