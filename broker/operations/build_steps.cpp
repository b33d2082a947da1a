#include "broker/operations/build_steps.h"

#include "broker/engine/images.h"
#include "broker/io/log.h"
#include "rules/api/until.h"
#include "rules/names/names.h"

namespace broker {

using rules::Json;
using rules::Kind;
using rules::Op;

void BuildSteps::begin(const rules::Query& query)
{
    network_ = std::string(query.get("networkmode"));
    cached_ = std::string(query.get("cachefrom"));
}

bool BuildSteps::is_on_own_network() const
{
    return rules::key_of(network_).has_value();
}

Task<std::optional<std::string>> BuildSteps::container_of(std::string id)
{
    const auto step = co_await maybe_step(std::move(id));
    if (!step) co_return std::nullopt;
    const bool known = call_.job.objects.by_id(Kind::image, step->image) || bases_.has(step->image) || cached_.find(step->image) != cached_.npos;
    if (known || co_await is_step_image(step->image)) co_return step->id;
    co_return std::nullopt;
}

Task<std::optional<BuildSteps::Step>> BuildSteps::maybe_step(std::string id)
{
    const Answer answer = co_await inspect(call_, Kind::container, std::move(id));  // a large one keeps others waiting for as long as it is held
    if (!answer.ok()) co_return std::nullopt;
    const Json container = co_await json_of(answer);
    const Json host = container.value("HostConfig", Json::object());
    const std::string image = container.value("Image", "");
    const bool is_object = rules::key_of(container.value("Name", "")) || call_.job.objects.with_id(Kind::container, container.value("Id", ""));
    const bool ours = !is_object && !image.empty() && host.value("NetworkMode", "") == network_ &&
                      container.value(Json::json_pointer("/Config/Image"), "").starts_with("sha256:") &&
                      rules::parse_date(container.value("Created", "")).value_or(0) >= record_.began();
    co_return ours ? std::optional(Step{container.value("Id", ""), image}) : std::nullopt;
}

Task<bool> BuildSteps::is_step_image(std::string id)
{
    const auto image = co_await call_.services.images.inspect(id);
    co_return image && is_nameless(*image);
}

Task<> BuildSteps::stop()
{
    if (!is_on_own_network()) {
        co_await record_.end_container();
        co_return;
    }
    if (output_.running().empty()) co_return;
    auto step = co_await container_of(output_.running());
    if (!step) co_return;
    EngineRequest removal{.op = Op::container_remove, .id = *std::move(step)};
    removal.query.set("force", "1");
    co_await exchange(call_, removal);
}

Task<> BuildSteps::note()
{
    for (std::string& started : output_.take_started()) {
        if (is_on_own_network() || started == noted_) continue;
        noted_ = started;
        try {
            if (auto step = co_await container_of(std::move(started))) co_await record_.note_container(*std::move(step));
        } catch (const EngineFailure& failure) {
            log::warn("the container of a build's step is not known", {{"job", call_.job.facts.id}, {"error", failure.what()}});
        }
    }
}

}  // namespace broker
