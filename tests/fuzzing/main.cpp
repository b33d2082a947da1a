#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstring>

#include "tests/fuzzing/target.h"

// berth_fuzz TARGET [libFuzzer's arguments]; berth_fuzz alone lists the targets.

namespace {

const fuzz::Target* chosen = nullptr;

const fuzz::Target* find(std::string_view name, bool list)
{
    for (const auto targets : {fuzz::http_targets(), fuzz::text_targets(), fuzz::body_targets(), fuzz::tar_targets(), fuzz::http2_targets(),
                               fuzz::buildkit_targets(), fuzz::http_oracle_targets(), fuzz::tar_oracle_targets()})
        for (const fuzz::Target& each : targets) {
            if (each.name == name) return &each;
            if (list) std::printf("%.*s\n", static_cast<int>(each.name.size()), each.name.data());
        }
    return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments)
{
    google::protobuf::SetLogHandler(nullptr);  // it has a line for each text that is no UTF-8
    if (*count < 2) {
        find({}, true);
        std::exit(0);
    }
    chosen = find((*arguments)[1], false);
    if (!chosen) {
        std::fprintf(stderr, "there is no target %s; they are:\n", (*arguments)[1]);
        find({}, true);
        std::exit(2);
    }
    // libFuzzer takes what is left.
    std::memmove(*arguments + 1, *arguments + 2, sizeof(char*) * static_cast<std::size_t>(*count - 1));
    --*count;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    chosen->run({reinterpret_cast<const char*>(data), size});
    return 0;
}
