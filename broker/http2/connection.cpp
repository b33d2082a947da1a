#include "broker/http2/callbacks.h"

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

}  // namespace

std::string_view value_of(const Http2Fields& fields, std::string_view name)
{
    const auto found = std::ranges::find(fields, name, &Http2Field::name);
    return found == fields.end() ? std::string_view() : std::string_view(found->value);
}

Http2Connection::Http2Connection(Wire& wire, Role role, Executor executor, Http2Limits limits, Accept accept)
    : wire_(wire), role_(role), executor_(executor), limits_(limits), accept_(std::move(accept)), writable_(executor), written_(executor)
{
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) throw std::bad_alloc();
    Callbacks::install(callbacks);
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
    const nghttp2_data_provider provider = Callbacks::provider();
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

}  // namespace broker
