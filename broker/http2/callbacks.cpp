#include "broker/http2/callbacks.h"

#include <algorithm>

namespace broker {

std::vector<nghttp2_nv> pairs_of(const Http2Fields& fields)
{
    std::vector<nghttp2_nv> pairs;
    const auto bytes = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    for (const Http2Field& each : fields)
        pairs.push_back({bytes(each.name), bytes(each.value), each.name.size(), each.value.size(), NGHTTP2_NV_FLAG_NONE});
    return pairs;
}

void Http2Connection::Callbacks::install(nghttp2_session_callbacks* callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close);
}

int Http2Connection::Callbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user)
{
    Http2Connection& self = connection(user);
    if (self.role_ != Role::server || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto stream = std::make_shared<Http2Stream>(self, self.executor_);
    stream->id_ = frame->hd.stream_id;
    self.streams_[stream->id_] = stream.get();
    self.opening_[stream->id_] = std::move(stream);
    return 0;
}

int Http2Connection::Callbacks::header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user)
{
    Http2Connection& self = connection(user);
    Http2Stream* stream = self.find(frame->hd.stream_id);
    if (!stream) return 0;
    Http2Fields& fields = stream->has_head_ ? stream->trailers_ : stream->head_;
    stream->field_bytes_ += name_size + value_size;
    if (fields.size() >= self.limits_.fields || stream->field_bytes_ > self.limits_.field_bytes) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    fields.push_back(
        {std::string(reinterpret_cast<const char*>(name), name_size), std::string(reinterpret_cast<const char*>(value), value_size)});
    return 0;
}

int Http2Connection::Callbacks::frame(nghttp2_session*, const nghttp2_frame* frame, void* user)
{
    Http2Connection& self = connection(user);
    Http2Stream* stream = self.find(frame->hd.stream_id);
    if (!stream) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->has_head_) {
        // An interim answer (1xx) is no head: the next one replaces it.
        if (self.role_ == Role::client && value_of(stream->head_, ":status").starts_with('1')) {
            stream->head_.clear();
            return 0;
        }
        stream->has_head_ = true;
        if (const auto opened = self.opening_.find(stream->id_); opened != self.opening_.end()) {
            self.accepted_.push_back(std::move(opened->second));
            self.opening_.erase(opened);
        }
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
        stream->at_end_ = true;
    stream->readable_.wake();
    return 0;
}

int Http2Connection::Callbacks::data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user)
{
    Http2Connection& self = connection(user);
    if (Http2Stream* stream = self.find(id)) {
        stream->arrived_.append(reinterpret_cast<const char*>(bytes), size);
        stream->readable_.wake();
    } else {
        nghttp2_session_consume_connection(self.session_, size);
    }
    return 0;
}

/// An answer has gone out whole, perhaps before its request had come whole: the peer need not go on with that.
int Http2Connection::Callbacks::sent(nghttp2_session* session, const nghttp2_frame* frame, void* user)
{
    const bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!ends || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || connection(user).role_ != Role::server) return 0;
    if (Http2Stream* stream = connection(user).find(frame->hd.stream_id))
        stream->is_answered_ = true;
    else if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

/// Fields that are too long to be sent: without them the stream has no end, and the peer would wait for it. (A request's nghttp2 closes itself.)
int Http2Connection::Callbacks::not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void*)
{
    const bool is_open = nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != -1;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat != NGHTTP2_HCAT_REQUEST && is_open)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

int Http2Connection::Callbacks::close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user)
{
    Http2Connection& self = connection(user);
    if (Http2Stream* stream = self.find(id)) finish(*stream, code);
    self.opening_.erase(id);
    return 0;
}

ssize_t Http2Connection::Callbacks::read(nghttp2_session* session, std::int32_t id, std::uint8_t* room, std::size_t size, std::uint32_t* flags,
                                         nghttp2_data_source*, void* user)
{
    Http2Stream* stream = connection(user).find(id);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t taken = std::min(size, stream->writing_.size());
    std::copy_n(stream->writing_.data(), taken, reinterpret_cast<char*>(room));
    stream->writing_.remove_prefix(taken);
    if (!stream->writing_.empty()) return static_cast<ssize_t>(taken);
    if (stream->ends_) {
        stream->has_ended_ = true;
        stream->writable_.wake();
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!stream->end_trailers_.empty()) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const auto pairs = pairs_of(stream->end_trailers_);
            nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
        }
        return static_cast<ssize_t>(taken);
    }
    stream->writable_.wake();
    return taken > 0 ? static_cast<ssize_t>(taken) : NGHTTP2_ERR_DEFERRED;
}

}  // namespace broker
