#include <fmt/format.h>

#include "broker/archives/archive.h"
#include "broker/io/offload.h"
#include "broker/operations/operations.h"

namespace broker {

Task<> receive_archive(Call& call, Spool& spool)
{
    constexpr auto idle_limit = 60s;
    constexpr std::size_t portion = 256 * 1024;
    Client& client = call.client;
    spool.unpacked_max = static_cast<std::uint64_t>(call.job.profile.archive_max);
    BodyReader body = co_await client.open_body(call.head);
    client.wire().widen();
    std::string pending;
    for (;;) {
        client.deadline = Clock::now() + idle_limit;
        std::string_view piece;
        try {
            piece = co_await body.next();
        } catch (const BadFraming&) {
            throw Refused{{400, "malformed chunked body"}};
        }
        client.deadline = Clock::time_point::max();
        pending.append(piece);
        if (!spool.reserve(piece.size()))
            throw Refused{{413, fmt::format("berth: the archives that this job sends at once are larger than {} GiB together", spool_max >> 30)}};
        if (pending.size() >= portion || piece.empty()) {
            co_await offload([&] { spool.append(pending); }, Threads::archive);
            pending.clear();
        }
        if (piece.empty()) break;
    }
    client.body_was_read();
}

Task<> send_archive(Upstream& upstream, ArchiveWriter& archive)
{
    std::optional<rules::Error> broken;
    for (;;) {
        const std::string* piece = nullptr;
        try {
            co_await offload([&] { piece = &archive.next(); }, Threads::archive);
        } catch (const BrokenArchive& failure) {
            broken = error_of(failure, "the archive cannot be read: ");
        }
        if (broken) throw Refused{*broken};
        const std::string size = fmt::format("{:x}\r\n", piece->size());
        try {
            co_await upstream.wire().write(size, *piece, "\r\n");
        } catch (const Gone&) {
            co_return;  // the engine reads no more: its answer says why
        }
        if (piece->empty()) co_return;
    }
}

}  // namespace broker
