#include "rules/buildkit/view.h"

#include <algorithm>
#include <string_view>

namespace rules {

void show_status(buildkit::StatusResponse& status, const ShownText& shown)
{
    for (auto& each : *status.mutable_vertexes()) {
        each.set_name(shown(each.name()));
        each.set_error(shown(each.error()));
    }
    for (auto& each : *status.mutable_statuses()) {
        each.set_id(shown(each.id()));
        each.set_name(shown(each.name()));
    }
    for (auto& each : *status.mutable_warnings()) each.set_short_(shown(each.short_()));
}

void show_solve(buildkit::SolveResponse& solved, const ShownText& shown)
{
    for (auto& [key, value] : *solved.mutable_exporter_response()) value = shown(value);
}

void show_worker(buildkit::WorkerRecord& worker, const std::string& gateway)
{
    constexpr std::string_view address = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";
    // Not the snapshotter: a client that sees one has the engine push by itself, and export what is not open.
    constexpr std::string_view kept[] = {"org.mobyproject.buildkit.worker.executor"};
    google::protobuf::Map<std::string, std::string> labels;
    for (const auto& [key, value] : worker.labels())
        if (std::ranges::find(kept, key) != std::end(kept)) labels[key] = value;
    if (!gateway.empty()) labels[std::string(address)] = gateway;
    worker.mutable_labels()->swap(labels);
    worker.set_id("berth");
    worker.clear_gc_policy();
    worker.clear_cdi_devices();
}

}  // namespace rules
