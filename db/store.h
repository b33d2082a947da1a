#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "db/ledger.h"

namespace db {

namespace asio = boost::asio;

/// A coroutine of the one I/O thread.
template <class T>
using Task = asio::awaitable<T, asio::io_context::executor_type>;

/// Work of enqueue() that may wait; what comes on top is lost.
inline constexpr std::size_t most_waiting = 65'536;

/// The only door between the I/O thread and the database thread, which owns the Ledger.
///
/// Work is run in the order in which it was given, as many pieces in one transaction as are waiting; a piece that
/// throws is undone alone. Whoever awaits is resumed after the commit. Work is run and destroyed on the database
/// thread; it must not end the transaction.
class Store {
public:
    using Work = std::function<void(Ledger&)>;

    /// Starts the thread and opens the ledger on it; throws what Ledger's constructor throws, but for Damaged: then `file` is left as it
    /// is, though nobody else gets it, and the store begins empty, in memory only. `io` outlives the store.
    Store(asio::io_context& io, const std::filesystem::path& file);
    /// Finishes what was given, then joins the thread. Whoever awaits is resumed if `io` still runs.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Runs `work`; returns after it is durable (WAL, synchronous=NORMAL: against a crash of the process). Throws what
    /// `work` threw, or Failure when the transaction failed. To cancel the coroutine neither stops the work nor
    /// shortens the wait; in one that was cancelled before, Asio throws operation_aborted and the work is not given.
    Task<void> write(Work work);

    /// Hands `work` over and does not wait: it is run within 10 ms. What it throws is counted in `lost()`.
    void enqueue(Work work);

    /// A value read on the database thread: also when what others write in the same transaction cannot be kept.
    template <class T>
    Task<T> read(std::function<T(Ledger&)> query)
    {
        T value{};
        co_await give([&value, &query](Ledger& ledger) { value = query(ledger); }, true);
        co_return value;
    }

    /// What is wrong with the ledger, as the last transaction that wrote or failed found it; empty: nothing. Damage does not pass.
    std::string trouble() const;
    bool damaged() const;

    /// How much work of enqueue() was not done, because it threw, its transaction failed or too much was waiting.
    std::uint64_t lost() const;

private:
    /// `reads`: what the work found stands even if the transaction is not kept.
    Task<void> give(Work work, bool reads);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace db
