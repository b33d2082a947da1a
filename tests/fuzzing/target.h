#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

// What is fuzzed: functions of a client's bytes, each with properties that hold for every input.
namespace fuzz {

struct Target {
    std::string_view name;
    void (*run)(std::string_view input);
};

std::span<const Target> http_targets();   ///< http.cpp: head, chunks, target, filters
std::span<const Target> text_targets();   ///< text.cpp: json, reference, dockerfile, rules
std::span<const Target> body_targets();   ///< bodies.cpp: bodies, views
std::span<const Target> tar_targets();    ///< tars.cpp: context, image_archive, tar_filter
std::span<const Target> http2_targets();  ///< http2.cpp: http2
std::span<const Target> buildkit_targets();  ///< buildkit.cpp: solve, sources, session
std::span<const Target> http_oracle_targets();  ///< http_oracle.cpp: request_oracle, response_oracle
std::span<const Target> tar_oracle_targets();   ///< tar_oracle.cpp: context_oracle, images_oracle, filter_oracle

/// A property does not hold: the input is a finding.
[[noreturn]] inline void broken(std::string_view property, std::string_view a = {}, std::string_view b = {})
{
    std::fprintf(stderr, "FINDING: %.*s\n  %.*s\n  %.*s\n", static_cast<int>(property.size()), property.data(), static_cast<int>(a.size()), a.data(),
                 static_cast<int>(b.size()), b.data());
    std::abort();
}

inline void must(bool holds, std::string_view property, std::string_view a = {}, std::string_view b = {})
{
    if (!holds) broken(property, a, b);
}

/// The next byte of `input`, taken away; 0 when there is none. Choices come first, so that what follows is free text.
inline unsigned char taken(std::string_view& input)
{
    if (input.empty()) return 0;
    const auto byte = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    return byte;
}

}  // namespace fuzz
