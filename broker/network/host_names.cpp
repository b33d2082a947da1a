#include "broker/network/host_names.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

namespace broker {
namespace {

constexpr std::size_t name_max = 253;            // RFC 1035
constexpr std::size_t answer_max = 256 * 1024;  // more than the largest message of DNS becomes

std::optional<std::vector<rules::Address>> addresses_in(std::string_view answer)
{
    if (!answer.ends_with('\n')) return std::nullopt;
    answer.remove_suffix(1);
    std::vector<rules::Address> addresses;
    while (!answer.empty()) {
        const std::size_t end = std::min(answer.find(' '), answer.size());
        const auto address = rules::parse_address(answer.substr(0, end));
        if (!address) return std::nullopt;
        addresses.push_back(*address);
        answer.remove_prefix(std::min(end + 1, answer.size()));
    }
    return addresses;
}

bool may_have_ip_sockets()
{
    const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe >= 0) ::close(probe);
    return probe >= 0;
}

}  // namespace

std::optional<rules::Address> address_in(const sockaddr* from)
{
    rules::Address address;
    if (from && from->sa_family == AF_INET6) {
        std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, 16);
        return address;
    }
    if (!from || from->sa_family != AF_INET) return std::nullopt;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(from)->sin_addr, 4);
    return address;
}

std::optional<std::vector<rules::Address>> addresses_of(const std::string& name)
{
    // The C library would look into its files alone, and say that nobody knows the name.
    if (!may_have_ip_sockets()) return std::nullopt;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    std::vector<rules::Address> addresses;
    if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
    for (const addrinfo* each = list; each; each = each->ai_next)
        if (const auto address = address_in(each->ai_addr)) addresses.push_back(*address);
    ::freeaddrinfo(list);
    return addresses;
}

Task<std::optional<std::vector<rules::Address>>> ask_for_addresses(Unix::endpoint endpoint, std::string name)
{
    std::string answer;
    const auto ask = [&]() -> Task<> {
        const Executor executor = co_await asio::this_coro::executor;
        Socket socket(executor);
        const auto [refused] = co_await socket.async_connect(endpoint, use_task_tuple);
        if (refused) co_return;
        const std::string question = name + "\n";
        const auto [broken, sent] = co_await asio::async_write(socket, asio::buffer(question), use_task_tuple);
        if (broken) co_return;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(answer, answer_max), '\n', use_task_tuple);
    };
    co_await within(lookup_limit, ask());
    co_return addresses_in(answer);
}

int answer_with_addresses()
{
    std::array<char, name_max + 2> line{};
    if (!std::fgets(line.data(), line.size(), stdin)) return 1;
    std::string name = line.data();
    std::vector<std::string> addresses;
    if (name.ends_with('\n')) {  // else it is longer than a name can be
        name.pop_back();
        const auto found = addresses_of(name);
        if (!found) return 1;
        for (const rules::Address& each : *found) addresses.push_back(rules::to_string(each));
    }
    fmt::print("{}\n", fmt::join(addresses, " "));
    return 0;
}

}  // namespace broker
