#include "broker/routes.h"

#include <fmt/format.h>

#include <bit>
#include <fstream>
#include <sstream>

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
        subnets.push_back(fmt::format("{}.{}.{}.{}/{}", address & 0xff, address >> 8 & 0xff, address >> 16 & 0xff, address >> 24, std::popcount(mask)));
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

}  // namespace broker
