#include "db/store.h"

#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "db/fault.h"
#include "db/file_lock.h"

namespace db {

namespace {

using Executor = asio::io_context::executor_type;

/// How long work may wait for company before a transaction is made of it, unless somebody awaits.
constexpr std::chrono::milliseconds patience(10);
/// So much work is enough company.
constexpr std::size_t crowd = 256;

/// A coroutine that awaits its work. Destroying it destroys the coroutine.
class Waiter {
public:
    virtual ~Waiter() = default;
    /// Resumes it on the I/O thread, where `error` is thrown if there is one.
    virtual void resume(std::exception_ptr error) = 0;
};

template <class Handler>
class Suspended final : public Waiter {
public:
    Suspended(const Executor& executor, Handler handler) : guard_(executor), handler_(std::move(handler)) {}

    void resume(std::exception_ptr error) override
    {
        asio::post(guard_.get_executor(), [handler = std::move(handler_), error = std::move(error)]() mutable {
            std::move(handler)(std::move(error));
        });
    }

private:
    asio::executor_work_guard<Executor> guard_;  // run() of the io_context does not return meanwhile
    Handler handler_;
};

struct Piece {
    Store::Work work;
    std::unique_ptr<Waiter> waiter;  // none: nobody awaits
    std::exception_ptr error;
    bool reads = false;  // it has its value, whatever becomes of the transaction
};

/// What went wrong with the ledger itself, not with one piece of work.
struct Trouble {
    std::string message = {};
    bool damage = false;
};

/// Runs `pieces` in one transaction and notes at each what went wrong with it.
Trouble run(Ledger& ledger, std::vector<Piece>& pieces)
{
    Trouble trouble;
    bool worked = false;
    try {
        ledger.begin();
        for (Piece& piece : pieces) {
            ledger.mark();
            try {
                piece.work(ledger);
                ledger.release();
            } catch (const Unusable& unusable) {
                trouble = {unusable.what(), dynamic_cast<const Damaged*>(&unusable) != nullptr};
                piece.error = std::current_exception();
                ledger.undo();
            } catch (...) {
                piece.error = std::current_exception();
                ledger.undo();
            }
        }
        fault_point("before", "commit");
        worked = true;
        ledger.commit();
        fault_point("after", "commit");
    } catch (const std::exception& error) {
        trouble = {error.what(), trouble.damage || dynamic_cast<const Damaged*>(&error) != nullptr};
        ledger.rollback();
        for (Piece& piece : pieces)
            if (!piece.error && !(worked && piece.reads)) piece.error = std::make_exception_ptr(Failure(error.what()));
    }
    return trouble;
}

}  // namespace

struct Store::State {
    explicit State(asio::io_context& io) : executor(io.get_executor()) {}

    /// The database thread.
    void serve(const std::filesystem::path& file, std::promise<void> opened);
    /// Waits for work; empty: the store ends.
    std::vector<Piece> take();
    void answer(std::vector<Piece> pieces);
    void note(Trouble found);

    const Executor executor;
    std::atomic<std::uint64_t> lost = 0;

    std::mutex mutex;  // guards what follows
    Trouble trouble;
    std::condition_variable wake;
    std::vector<Piece> waiting;
    bool awaited = false;  // somebody awaits a piece that is waiting
    bool ending = false;

    std::jthread thread;  // last: joined before the rest goes
};

void Store::State::serve(const std::filesystem::path& file, std::promise<void> opened)
{
    std::optional<Ledger> ledger;
    std::optional<FileLock> lock;
    try {
        try {
            ledger.emplace(file);
        } catch (const Damaged& damage) {
            note({damage.what(), true});
            lock.emplace(file);
            ledger.emplace(":memory:");
        }
    } catch (...) {
        opened.set_exception(std::current_exception());
        return;
    }
    opened.set_value();
    for (std::vector<Piece> pieces = take(); !pieces.empty(); pieces = take()) {
        const std::int64_t before = ledger->changes();
        Trouble found = run(*ledger, pieces);
        // That it could be read says nothing of whether it can be written.
        if (!found.message.empty() || ledger->changes() != before) note(std::move(found));
        answer(std::move(pieces));
    }
}

void Store::State::note(Trouble found)
{
    const std::lock_guard guard(mutex);
    if (!trouble.damage) trouble = std::move(found);
}

std::vector<Piece> Store::State::take()
{
    std::unique_lock guard(mutex);
    wake.wait(guard, [this] { return ending || !waiting.empty(); });
    wake.wait_for(guard, patience, [this] { return ending || awaited || waiting.size() >= crowd; });
    awaited = false;
    return std::exchange(waiting, {});
}

void Store::State::answer(std::vector<Piece> pieces)
{
    for (Piece& piece : pieces) {
        piece.work = nullptr;  // what it holds is gone before the coroutine goes on
        if (piece.waiter)
            piece.waiter->resume(std::move(piece.error));
        else if (piece.error)
            ++lost;
    }
}

Store::Store(asio::io_context& io, const std::filesystem::path& file) : state_(std::make_unique<State>(io))
{
    std::promise<void> opened;
    std::future<void> result = opened.get_future();
    state_->thread = std::jthread(
        [state = state_.get(), file, opened = std::move(opened)]() mutable { state->serve(file, std::move(opened)); });
    result.get();
}

Store::~Store()
{
    const std::lock_guard guard(state_->mutex);
    state_->ending = true;
    state_->wake.notify_one();
}

Task<void> Store::write(Work work)
{
    return give(std::move(work), false);
}

Task<void> Store::give(Work work, bool reads)
{
    auto give = [state = state_.get(), reads](auto handler, Work given) {
        auto waiter = std::make_unique<Suspended<decltype(handler)>>(state->executor, std::move(handler));
        const std::lock_guard guard(state->mutex);
        state->waiting.push_back({std::move(given), std::move(waiter), nullptr, reads});
        state->awaited = true;
        state->wake.notify_one();
    };
    constexpr asio::use_awaitable_t<Executor> token;
    return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(std::exception_ptr)>(std::move(give), token,
                                                                                                 std::move(work));
}

void Store::enqueue(Work work)
{
    const std::lock_guard guard(state_->mutex);
    if (state_->waiting.size() >= most_waiting) {
        ++state_->lost;
        return;
    }
    state_->waiting.push_back({std::move(work), nullptr, nullptr});
    // Few wake-ups: the first piece ends the sleep of an idle thread, a crowd ends its patience.
    if (state_->waiting.size() == 1 || state_->waiting.size() == crowd) state_->wake.notify_one();
}

std::string Store::trouble() const
{
    const std::lock_guard guard(state_->mutex);
    return state_->trouble.message;
}

bool Store::damaged() const
{
    const std::lock_guard guard(state_->mutex);
    return state_->trouble.damage;
}

std::uint64_t Store::lost() const
{
    return state_->lost;
}

}  // namespace db
