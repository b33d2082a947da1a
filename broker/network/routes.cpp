#include "broker/network/routes.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>

#include "broker/host/file.h"

namespace broker {

std::vector<std::string> parse_routes(const std::string& text)
{
    std::vector<std::string> subnets;
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);  // the headings
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string interface, gateway, flags, count, use, metric;
        std::uint32_t address = 0, mask = 0;  // in network byte order, printed as the host's number
        words >> interface >> std::hex >> address >> gateway >> flags >> count >> use >> metric >> mask;
        if (!words || mask == 0) continue;
        subnets.push_back(
            fmt::format("{}.{}.{}.{}/{}", address & 0xff, address >> 8 & 0xff, address >> 16 & 0xff, address >> 24, std::popcount(mask)));
    }
    return subnets;
}

std::vector<std::string> routed_subnets()
{
    std::ifstream file("/proc/net/route");
    std::ostringstream text;
    text << file.rdbuf();
    return parse_routes(text.str());
}

bool remove_bridge(const std::string& name)
{
    if (name.empty() || name.size() >= IFNAMSIZ || ::if_nametoindex(name.c_str()) == 0) return false;
    const File socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, name.c_str(), name.size());
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return false;  // down: the kernel removes no other
    return ::ioctl(socket.get(), SIOCBRDELBR, name.c_str()) == 0;
}

}  // namespace broker
