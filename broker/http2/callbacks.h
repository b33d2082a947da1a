#pragma once

#include <nghttp2/nghttp2.h>

#include <vector>

#include "broker/http2/connection.h"

namespace broker {

/// What nghttp2 tells, and what it asks for. `user`: the connection.
struct Http2Connection::Callbacks {
    static void install(nghttp2_session_callbacks* callbacks);
    /// Where the bytes of a stream come from.
    static nghttp2_data_provider provider() { return {{}, read}; }

private:
    static Http2Connection& connection(void* user) { return *static_cast<Http2Connection*>(user); }
    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t, void* user);
    static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
    static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user);
    static int sent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
    static int not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void*);
    static int close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
    static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source*,
                        void* user);
};

/// The same as nghttp2 takes it; `fields` live longer.
std::vector<nghttp2_nv> pairs_of(const Http2Fields& fields);

}  // namespace broker
