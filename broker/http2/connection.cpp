#include "broker/http2/connection.h"

#include <malloc.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace broker {
namespace {

/// nghttp2's buffers hold what streams carry, credentials too: they come from the memory that is wiped as it is freed (wiping_delete.cpp).
constexpr nghttp2_mem wiped_memory = {
    nullptr,
    [](std::size_t size, void*) -> void* { return ::operator new(size, std::nothrow); },
    [](void* at, void*) { ::operator delete(at); },
    [](std::size_t count, std::size_t size, void*) -> void* {
        void* at = ::operator new(count * size, std::nothrow);
        return at ? std::memset(at, 0, count * size) : nullptr;
    },
    [](void* before, std::size_t size, void*) -> void* {
        void* at = ::operator new(size, std::nothrow);
        if (!at || !before) return at;
        std::memcpy(at, before, std::min(size, malloc_usable_size(before)));
        ::operator delete(before);
        return at;
    },
};

std::vector<nghttp2_nv> pairs_of(const Http2Fields& fields)
{
    std::vector<nghttp2_nv> pairs;
    const auto bytes = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    for (const Http2Field& each : fields)
        pairs.push_back({bytes(each.name), bytes(each.value), each.name.size(), each.value.size(), NGHTTP2_NV_FLAG_NONE});
    return pairs;
}

}  // namespace

std::string_view value_of(const Http2Fields& fields, std::string_view name)
{
    const auto found = std::ranges::find(fields, name, &Http2Field::name);
    return found == fields.end() ? std::string_view() : std::string_view(found->value);
}

/// What nghttp2 tells. `user`: the connection.
struct Http2Connection::Callbacks {
    static Http2Connection& connection(void* user) { return *static_cast<Http2Connection*>(user); }

    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user)
    {
        Http2Connection& self = connection(user);
        if (self.role_ != Role::server || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        auto stream = std::make_shared<Http2Stream>(self, self.executor_);
        stream->id_ = frame->hd.stream_id;
        self.streams_[stream->id_] = stream.get();
        self.opening_[stream->id_] = std::move(stream);
        return 0;
    }

    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t, void* user)
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

    static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user)
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

    static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user)
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
    static int sent(nghttp2_session* session, const nghttp2_frame* frame, void* user)
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
    static int not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void*)
    {
        const bool is_open = nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != -1;
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat != NGHTTP2_HCAT_REQUEST && is_open)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
        return 0;
    }

    static int close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user)
    {
        Http2Connection& self = connection(user);
        if (Http2Stream* stream = self.find(id)) finish(*stream, code);
        self.opening_.erase(id);
        return 0;
    }

    static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source*,
                        void* user)
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
};

Http2Connection::Http2Connection(Wire& wire, Role role, Executor executor, Http2Limits limits, Accept accept)
    : wire_(wire), role_(role), executor_(executor), limits_(limits), accept_(std::move(accept)), writable_(executor), written_(executor)
{
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::close);
    nghttp2_option_set_no_auto_window_update(option, 1);  // what is not read is not made room for
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);  // Go sends a grpc-message as it is
    nghttp2_option_set_max_send_header_block_length(option, 64 * 1024);
    nghttp2_mem memory = wiped_memory;
    const auto make = role == Role::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
    const int made = make(&session_, callbacks, this, option, &memory);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (made != 0) throw std::bad_alloc();

    std::vector<nghttp2_settings_entry> settings = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.window},
                                                    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.field_bytes)}};
    if (role == Role::server)
        settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams});
    else
        settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(limits_.connection_window));
}

Http2Connection::~Http2Connection()
{
    finish();
    nghttp2_session_del(session_);
}

Http2Stream* Http2Connection::find(std::int32_t id) const
{
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second;
}

void Http2Connection::finish()
{
    over_ = true;
    opening_.clear();
    accepted_.clear();
    const auto streams = std::exchange(streams_, {});
    for (const auto& [id, stream] : streams) {
        stream->connection_ = nullptr;
        if (!stream->over_) finish(*stream, NGHTTP2_CONNECT_ERROR);
    }
}

void Http2Connection::finish(Http2Stream& stream, std::uint32_t code)
{
    stream.over_ = true;
    stream.code_ = code;
    stream.readable_.wake();
    stream.writable_.wake();
    stream.finished_.wake();
}

Task<> Http2Connection::run()
{
    try {
        co_await race(read_all(), write_all());
    } catch (const Gone&) {
        // The peer is gone: so are its streams.
    } catch (...) {
        finish();
        throw;
    }
    finish();
}

Task<> Http2Connection::read_all()
{
    constexpr std::size_t waiting_frames_max = 1000;
    do {
        const std::string_view bytes = wire_.buffered();
        if (!bytes.empty()) {
            const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
            wake();  // an error has an answer, too
            if (used < 0) {
                co_await pause(50ms);  // for the last frame to be written
                co_return;
            }
            wire_.consume(static_cast<std::size_t>(used));
            for (auto& stream : std::exchange(accepted_, {})) accept_(std::move(stream));
            // A peer that does not read our answers is not read either: each refused stream is one of them, as many as it likes to open.
            while (!all_written_ && nghttp2_session_get_outbound_queue_size(session_) > waiting_frames_max) co_await written_.wait();
        }
        if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) co_return;
        if (wire_.buffered().size() >= 4096) wire_.widen();
    } while (co_await wire_.fill());
}

Task<> Http2Connection::write_all()
{
    constexpr std::size_t at_once = 64 * 1024;
    std::string out;
    for (;;) {
        for (;;) {
            const std::uint8_t* bytes = nullptr;
            const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
            if (size < 0) co_return;
            if (size == 0) break;
            out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
            if (out.size() >= at_once) break;
        }
        if (out.empty()) {
            all_written_ = true;
            written_.wake();
            if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) co_return;
            co_await writable_.wait();
            continue;
        }
        co_await wire_.write(out);
        out.clear();
        written_.wake();
    }
}

std::shared_ptr<Http2Stream> Http2Connection::open(const Http2Fields& head)
{
    if (over_) throw StreamGone("the connection is over", NGHTTP2_CONNECT_ERROR);
    auto stream = std::make_shared<Http2Stream>(*this, executor_);
    const nghttp2_data_provider provider{{}, Callbacks::read};
    const auto pairs = pairs_of(head);
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), &provider, nullptr);
    if (id < 0) {
        stream->connection_ = nullptr;
        throw StreamGone("no further stream can be opened", NGHTTP2_REFUSED_STREAM);
    }
    stream->id_ = id;
    streams_[id] = stream.get();
    wake();
    return stream;
}

void Http2Connection::resume(const Http2Stream& stream)
{
    nghttp2_session_resume_data(session_, stream.id_);
    wake();
}

void Http2Connection::consumed(const Http2Stream& stream, std::size_t bytes)
{
    if (bytes == 0) return;
    if (stream.over_)
        nghttp2_session_consume_connection(session_, bytes);
    else
        nghttp2_session_consume(session_, stream.id_, bytes);
    wake();
}

Http2Stream::~Http2Stream()
{
    if (!connection_) return;
    connection_->consumed(*this, arrived_.size() + reading_.size());
    // A reset drops what is still to be sent: the end of an answer goes out first (Callbacks::sent).
    const bool is_ending = has_ended_ && connection_->role_ == Http2Connection::Role::server;
    if (!over_ && (!is_ending || is_answered_)) reset(is_ending ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    connection_->streams_.erase(id_);
}

Task<> Http2Stream::head_arrived()
{
    while (!has_head_) {
        if (over_) throw StreamGone("the stream ended without a head", code_);
        co_await readable_.wait();
    }
}

Task<std::string_view> Http2Stream::read()
{
    if (connection_) connection_->consumed(*this, reading_.size());
    reading_.clear();
    for (;;) {
        if (!arrived_.empty()) {
            reading_.swap(arrived_);
            co_return reading_;
        }
        if (at_end_) co_return std::string_view();
        if (over_) throw StreamGone("the stream was reset", code_);
        co_await readable_.wait();
    }
}

void Http2Stream::answer(const Http2Fields& head, bool last)
{
    if (!connection_ || over_ || has_answered_) return;
    const nghttp2_data_provider provider{{}, Http2Connection::Callbacks::read};
    const auto pairs = pairs_of(head);
    nghttp2_submit_response(connection_->session_, id_, pairs.data(), pairs.size(), last ? nullptr : &provider);
    has_answered_ = true;
    has_ended_ = last;
    connection_->wake();
}

Task<> Http2Stream::write(std::string_view bytes, bool last)
{
    if (bytes.empty()) co_return;
    if (!connection_ || over_) throw StreamGone("the stream is over", code_);
    writing_ = bytes;
    ends_ = last;
    struct Taken {
        std::string_view& writing;
        ~Taken() { writing = {}; }  // the caller's bytes go with the caller
    } const taken{writing_};
    connection_->resume(*this);
    while (!writing_.empty()) {
        if (over_) throw StreamGone("the stream was reset", code_);
        co_await writable_.wait();
    }
}

Task<> Http2Stream::end(Http2Fields trailers)
{
    if (has_ended_) co_return;
    if (connection_ && !over_) {
        ends_ = true;
        end_trailers_ = std::move(trailers);
        connection_->resume(*this);
    }
    while (!has_ended_) {
        if (over_ && at_end_ && code_ == NGHTTP2_NO_ERROR) co_return;
        if (over_) throw StreamGone("the stream was reset", code_);
        co_await writable_.wait();
    }
}

Task<> Http2Stream::over()
{
    while (!over_) co_await finished_.wait();
}

void Http2Stream::reset(std::uint32_t code)
{
    if (!connection_ || over_) return;
    nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_, code);
    connection_->wake();
}

}  // namespace broker
