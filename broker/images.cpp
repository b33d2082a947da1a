#include "broker/images.h"

#include <algorithm>

namespace broker {
namespace {

constexpr std::size_t configs_max = 1000;

}  // namespace

Task<rules::Result<void>> Images::claim(const std::string& reference, const std::string& job)
{
    const std::string refusal = "berth: the tag " + reference +
                                " is held by the host or by another job: choose another name for what this job builds";
    const auto turn = co_await claiming_.hold();
    if (const auto held = holders_.find(reference); held != holders_.end()) {
        if (held->second == job) {
            released_.erase(reference);
            co_return rules::Result<void>{};
        }
        co_return rules::conflict(refusal);
    }
    const auto [first, last] = resting_.equal_range(reference);
    if (std::any_of(first, last, [&job](const auto& each) { return each.second != job; }))
        co_return rules::conflict(refusal);
    if (co_await inspect(reference)) co_return rules::conflict(refusal);
    holders_.emplace(reference, job);
    co_return rules::Result<void>{};
}

void Images::restore(const std::string& reference, const std::string& job)
{
    holders_[reference] = job;
    released_.erase(reference);
}

void Images::release(const std::string& reference, const std::string& job)
{
    const auto held = holders_.find(reference);
    if (held == holders_.end() || held->second != job) return;
    if (rests(reference, job))
        released_.insert(reference);
    else
        holders_.erase(held);
}

void Images::release_all(const std::string& job)
{
    std::erase_if(holders_, [&job](const auto& each) { return each.second == job; });
}

bool Images::rests(const std::string& reference, const std::string& job) const
{
    const auto [first, last] = resting_.equal_range(reference);
    return std::any_of(first, last, [&job](const auto& each) { return each.second == job; });
}

void Images::unrest(const std::string& reference, const std::string& job)
{
    const auto [first, last] = resting_.equal_range(reference);
    const auto one = std::find_if(first, last, [&job](const auto& each) { return each.second == job; });
    if (one != last) resting_.erase(one);
    if (!rests(reference, job) && holders_.contains(reference) && holders_[reference] == job &&
        released_.erase(reference) > 0)
        holders_.erase(reference);
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

Task<rules::Result<rules::Json>> Images::config(const std::string& id)
{
    if (const auto known = configs_.find(id); known != configs_.end()) co_return known->second;
    const auto image = co_await inspect(id);
    if (!image || !image->is_object()) co_return rules::not_found("No such image: " + id);
    const auto found = image->find("Config");
    rules::Json config = found != image->end() && found->is_object() ? *found : rules::Json::object();
    if (configs_.size() >= configs_max) configs_.erase(configs_.begin());
    configs_[id] = config;
    co_return config;
}

}  // namespace broker
