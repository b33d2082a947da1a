#include "broker/http2/callbacks.h"

// What a coroutine does with one stream.
namespace broker {

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
    const nghttp2_data_provider provider = Http2Connection::Callbacks::provider();
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
