#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

// The 49th digit of an id says what it is of: a network, an exec or a container, and what a container's stream does.
constexpr char network_kind = 'a';
constexpr char exec_kind = 'b';
constexpr char plain_kind = 'c';
constexpr char sink_kind = 'd';
constexpr char echo_kind = 'e';
constexpr char source_kind = 'f';

/// A full id that looks random at its start and carries `number` at its end.
std::string make_id(char kind, std::uint64_t number);

char kind_of(std::string_view id);

/// The number in an id; nullopt when it is none of ours.
std::optional<std::uint64_t> number_of(std::string_view id);

/// Of a new container, by the command in the body of its create.
char container_kind(std::string_view body);

/// 16 digits.
std::string hex(std::uint64_t value);

}  // namespace bench
