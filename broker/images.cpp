#include "broker/images.h"

namespace broker {
namespace {

constexpr std::size_t configs_max = 1000;

}  // namespace

Task<rules::Result<void>> Images::claim(const std::string& reference, const std::string& job)
{
    const std::string refusal = "berth: the tag " + reference + " is held by the host or by another job: choose another name for what this job builds";
    const auto [held, fresh] = holders_.try_emplace(reference, job);
    if (!fresh) {
        if (held->second == job) co_return rules::Result<void>{};
        co_return rules::conflict(refusal);
    }
    bool taken = true;
    try {
        taken = (co_await inspect(reference)).has_value();
    } catch (const EngineFailure&) {
        holders_.erase(reference);
        throw;
    }
    if (!taken) co_return rules::Result<void>{};
    holders_.erase(reference);
    co_return rules::conflict(refusal);
}

void Images::release(const std::string& reference, const std::string& job)
{
    const auto held = holders_.find(reference);
    if (held != holders_.end() && held->second == job) holders_.erase(held);
}

const std::string* Images::holder(const std::string& reference) const
{
    const auto held = holders_.find(reference);
    return held == holders_.end() ? nullptr : &held->second;
}

Task<std::optional<rules::Json>> Images::inspect(const std::string& reference)
{
    const EngineRequest request{.op = rules::Op::image_inspect, .id = reference};
    const Answer answer = co_await engine_.call(request);
    if (answer.status == 404) co_return std::nullopt;
    if (!answer.ok()) throw EngineFailure("image inspect: " + answer.message());
    co_return answer.json();
}

Task<rules::Json> Images::config(const std::string& id)
{
    if (const auto known = configs_.find(id); known != configs_.end()) co_return known->second;
    const auto image = co_await inspect(id);
    rules::Json config = rules::Json::object();
    if (image && image->is_object())
        if (const auto found = image->find("Config"); found != image->end() && found->is_object()) config = *found;
    if (configs_.size() == configs_max) configs_.erase(configs_.begin());
    configs_[id] = config;
    co_return config;
}

}  // namespace broker
