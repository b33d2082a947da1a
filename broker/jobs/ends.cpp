#include <algorithm>
#include <array>
#include <ctime>

#include "broker/engine/engine_events.h"
#include "broker/engine/image_cache.h"
#include "broker/io/log.h"
#include "broker/jobs/jobs.h"
#include "rules/names/names.h"

// When a job ends without being closed. Events only prompt a check; what is there decides. Any number of them may come.
namespace broker {
namespace {

using rules::Json;
using rules::Kind;
using rules::Op;

constexpr auto anchor_interval = 15s;      ///< between two looks at every anchor
constexpr auto housekeeping_interval = 5min;
constexpr auto relief_interval = 10s;      ///< between two collections because of pulls
constexpr db::Seconds start_limit = 600;   ///< for an anchor that was made to be started

/// What the engine says of an anchor.
struct AnchorSeen {
    std::string gone = {};    ///< why the job should end; empty: it should not
    bool may_return = false;  ///< it can be started again
};

Task<std::optional<AnchorSeen>> look_at_anchor(Engine& engine, std::string anchor, db::Seconds age)
{
    try {
        const Answer answer = co_await engine.inspect(Kind::container, std::move(anchor));
        if (answer.status == 404) co_return AnchorSeen{"its anchor was removed"};
        if (!answer.ok()) co_return std::nullopt;
        const Json container = co_await json_of(answer);
        const std::string status = container.value(Json::json_pointer("/State/Status"), "");
        if (status == "exited" || status == "dead") co_return AnchorSeen{"its anchor has stopped", true};
        if (status == "created" && age > start_limit) co_return AnchorSeen{"its anchor was never started"};
        co_return AnchorSeen{};
    } catch (const std::exception&) {
        co_return std::nullopt;  // an engine that cannot be asked says nothing
    }
}

/// The action of an event. The engine writes it before the attributes, which clients choose: the first match is the engine's.
std::string_view action_of(std::string_view line)
{
    constexpr std::string_view member = R"("Action":")";
    const std::size_t at = line.find(member);
    if (at == line.npos) return {};
    line.remove_prefix(at + member.size());
    return line.substr(0, line.find('"'));
}

}  // namespace

Task<> Jobs::close_later(std::string key)
{
    co_await close(std::move(key), 60s);
}

void Jobs::begin_close(Job& job, std::string_view why)
{
    if (!job.open()) return;
    log::info("job ends", {{"job", job.facts.id}, {"why", why}});
    job.facts.state = db::JobState::draining;
    asio::co_spawn(services_.io, close_later(job.facts.key), asio::detached);
}

rules::Result<void> Jobs::renew(const std::string& id)
{
    Job* job = find(id);
    if (!job || !job->open()) return rules::not_found("there is no open job " + id);
    job->seen = Clock::now();
    return {};
}

Task<rules::Result<void>> Jobs::hold(std::string id, Client& holder)
{
    Job* found = find(id);
    if (!found || !found->open()) co_return rules::not_found("there is no open job " + id);
    const std::string key = found->facts.key;
    ++found->holders;
    co_await holder.wire().closed_by_peer();
    Job* job = find(key);
    if (!job) co_return rules::Result<void>();
    --job->holders;
    job->seen = Clock::now() - std::chrono::seconds(job->facts.lease);  // so that only the grace is left
    co_return rules::Result<void>();
}

void Jobs::close_if_over(Job& job)
{
    const db::Job& facts = job.facts;
    if (!job.open()) return;
    if (facts.deadline != 0 && facts.deadline <= std::time(nullptr))
        begin_close(job, "its time is up");
    else if (facts.lease > 0 && job.holders == 0 && Clock::now() - job.seen > std::chrono::seconds(facts.lease) + job.grace())
        begin_close(job, "its lease was not renewed");
}

Task<> Jobs::close_without_anchor(std::string key)
{
    for (;;) {
        const Job* asked = find(key);
        if (!asked || !asked->open() || asked->facts.anchor.empty()) co_return;
        const auto seen = co_await look_at_anchor(services_.engine, asked->facts.anchor, std::time(nullptr) - asked->facts.created);
        Job* job = find(key);
        if (!job || !seen) co_return;
        if (seen->gone.empty()) {
            job->anchor_stopped.reset();
            co_return;
        }
        if (!job->anchor_stopped) job->anchor_stopped = Clock::now();
        const auto left = *job->anchor_stopped + job->grace() - Clock::now();
        if (!seen->may_return || left <= Clock::duration::zero()) {
            begin_close(*job, seen->gone);
            co_return;
        }
        if (job->anchor_awaited) co_return;
        job->anchor_awaited = true;
        co_await pause(left);
        if (Job* waited = find(key)) waited->anchor_awaited = false;
    }
}

Task<> Jobs::watch()
{
    auto look_at_anchors = Clock::now(), relieve_at = look_at_anchors;
    auto keep_house_at = Clock::now() + (jobs_.empty() ? Clock::duration(housekeeping_interval) : Clock::duration::zero());
    for (;;) {
        co_await pause(1s);
        const auto now = Clock::now();
        const bool anchors = now >= look_at_anchors;
        if (anchors) look_at_anchors = now + anchor_interval;
        if (now >= keep_house_at) {
            keep_house_at = now + housekeeping_interval;
            asio::co_spawn(services_.io, keep_house(), asio::detached);
        }
        if (now >= relieve_at && services_.cache.pressed()) {
            relieve_at = now + relief_interval;
            asio::co_spawn(services_.io, relieve_cache(), asio::detached);
        }
        for (Job* job : all()) {
            for (const Connection& each : job->connections)
                if (each.client->deadline < now) each.cut();
            if (job->retry < now) {
                job->retry = Clock::time_point::max();
                asio::co_spawn(services_.io, close_later(job->facts.key), asio::detached);
            }
            close_if_over(*job);
            job->refusals_logged = 0;
            if (const std::uint64_t more = std::exchange(job->refusals_unlogged, 0); more > 0)
                log::warn("more was refused", {{"job", job->facts.id}, {"count", more}});
            if (anchors && job->open() && !job->facts.anchor.empty())
                asio::co_spawn(services_.io, close_without_anchor(job->facts.key), asio::detached);
        }
        std::erase_if(retired_, [](const auto& job) { return job->connections.empty() && job->close_waiters == 0; });
    }
}

void Jobs::on_engine_event(std::string_view line)
{
    const std::string_view told = action_of(line);
    constexpr std::array<std::string_view, 5> heeded = {"connect", "create", "destroy", "die", "pull"};
    if (std::ranges::find(heeded, told) == heeded.end()) return;
    // A job's own container: its create request has already marked the image as used.
    if (told == "create" && line.find(R"("name":"berth.)") != line.npos) return;
    const Json event = rules::read_json(line).value_or(nullptr);
    if (!event.is_object() || !event.contains("Actor") || !event["Actor"].is_object()) return;
    const std::string action = event.value("Action", ""), id = event["Actor"].value("ID", "");
    const Kind kind = rules::kind_of(event.value("Type", ""));
    if (kind == Kind::container)
        for (const auto& [key, job] : jobs_)
            if (job->facts.anchor == id) {
                if (action == "die") job->anchor_stopped = Clock::now();  // it may have been started again since it last stopped
                asio::co_spawn(services_.io, close_without_anchor(key), asio::detached);
            }
    // Any container on the host that uses a cached image counts as a use.
    if (kind == Kind::container && action == "create") services_.cache.used(event["Actor"].value(Json::json_pointer("/Attributes/image"), ""));
    if (kind == Kind::image && action == "pull") services_.cache.used(id);
    if (kind == Kind::network && action == "connect")
        if (Job* job = find(rules::key_of(event["Actor"].value(Json::json_pointer("/Attributes/name"), "")).value_or("")))
            if (const std::string container = event["Actor"].value(Json::json_pointer("/Attributes/container"), "");
                !job->objects.with_id(Kind::container, container))
                job->objects.remember(container);
    if (action != "destroy") return;
    // A volume's id is its name, which may be in use again by now: only a name that is never used twice tells anything.
    const bool unique = kind == Kind::container || kind == Kind::network || (kind == Kind::volume && rules::looks_like_id(id));
    if (!unique) return;
    for (const auto& [key, job] : jobs_) job->objects.destroyed(kind, id);
}

Task<> Jobs::resync_after_gap()
{
    for (Job* job : all()) {
        job->answer_headers = answer_headers_of(job->profile);
        if (job->open() && !job->facts.anchor.empty()) asio::co_spawn(services_.io, close_without_anchor(job->facts.key), asio::detached);
    }
    co_await forget_all_vanished();
}

Task<> Jobs::follow_engine()
{
    const auto began = [this] { asio::co_spawn(services_.io, resync_after_gap(), asio::detached); };
    const auto on_line = [this](std::string_view line) { on_engine_event(line); };
    co_await services_.events.follow(began, on_line);
}

}  // namespace broker
