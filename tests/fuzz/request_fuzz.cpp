#include <cstdint>
#include <cstdlib>

#include "broker/http.h"
#include "rules/bodies.h"
#include "rules/route.h"

/// A request's way to its judgement: head, chunks, route, JSON, schema. Nothing may crash, and what is admitted admits itself again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const std::size_t length = broker::head_length(text)) {
        const auto head = broker::parse_request(text.substr(0, length));
        if (head) static_cast<void>(rules::find_route(head->method, head->target, {}));
    }
    broker::ChunkReader chunks;
    std::string_view rest = text;
    for (auto step = chunks.step(rest); !step.broken && !step.done && step.used > 0; step = chunks.step(rest)) rest.remove_prefix(step.used);
    const auto json = rules::parse_json(text);
    if (!json) return 0;
    const auto admitted = rules::admit(*json, rules::container_create_schema);
    if (!admitted) return 0;
    const auto again = rules::admit(*admitted, rules::container_create_schema);
    if (!again || *again != *admitted) std::abort();
    return 0;
}
