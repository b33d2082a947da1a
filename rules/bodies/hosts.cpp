#include <algorithm>

#include "rules/bodies/parts.h"
#include "rules/names/names.h"

// What stands in a container's hosts and resolv.conf.
namespace rules {
namespace {

/// dockerd writes these texts into those files as they are, and reads some of them there again.
Result<void> judge_line(const std::string& text, const std::string& field)
{
    if (!is_line(text)) return bad_request("berth: " + field + " must not have control characters");
    return judge_host_name(text, field);
}

Result<void> judge_list(const Json& host, const char* field)
{
    for (const Json& text : section(host, field))
        if (auto judged = judge_line(text.get_ref<const std::string&>(), std::string("HostConfig.") + field); !judged) return judged;
    return {};
}

}  // namespace

Result<void> judge_host_name(const std::string& name, const std::string& field)
{
    if (!holds_real_name(name)) return {};
    return bad_request("berth: " + field + " is reserved: names with \"berth.<key>.\" in them are berth's own");
}

Result<void> judge_hosts(const Json& body)
{
    const Json& host = section(body, "HostConfig");
    for (const Json& entry : section(host, "ExtraHosts")) {
        const auto parsed = parse_extra_host(entry.get_ref<const std::string&>());
        if (!parsed) return tl::unexpected(parsed.error());
        if (auto judged = judge_host_name(parsed->name, "HostConfig.ExtraHosts"); !judged) return judged;
    }
    for (const Json& server : section(host, "Dns"))
        if (!is_address(server.get_ref<const std::string&>()))
            return bad_request("invalid DNS server address: \"" + server.get<std::string>() + "\"");
    for (const char* field : {"DnsSearch", "DnsOptions"})
        if (auto judged = judge_list(host, field); !judged) return judged;
    for (const char* field : {"Hostname", "Domainname"})
        if (auto judged = judge_line(text(body, field), field); !judged) return judged;
    return {};
}

bool names_host_gateway(const Json& hosts)
{
    return std::ranges::any_of(hosts, [](const Json& entry) {
        const auto parsed = parse_extra_host(entry.get_ref<const std::string&>());
        return parsed && parsed->is_gateway();
    });
}

Result<void> rewrite_hosts(Json& hosts, const std::string& gateway)
{
    for (Json& entry : hosts) {
        Result<ExtraHost> parsed = parse_extra_host(entry.get_ref<const std::string&>());
        if (!parsed) return tl::unexpected(parsed.error());
        if (parsed->is_gateway() && gateway.empty())
            return bad_request("unable to derive the IP value for host-gateway");
        if (parsed->is_gateway()) parsed->address = gateway;
        entry = parsed->text();
    }
    return {};
}

}  // namespace rules
