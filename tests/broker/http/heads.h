#pragma once

#include <string>
#include <vector>

namespace broker {

/// A request with these header lines behind `Host: x`.
inline std::string request(const std::string& line, const std::vector<std::string>& headers = {})
{
    std::string text = line + "\r\nHost: x\r\n";
    for (const std::string& header : headers) text += header + "\r\n";
    return text + "\r\n";
}

inline std::string post(const std::vector<std::string>& headers)
{
    return request("POST /containers/create HTTP/1.1", headers);
}

inline std::string get(const std::vector<std::string>& headers)
{
    return request("GET /_ping HTTP/1.1", headers);
}

}  // namespace broker
