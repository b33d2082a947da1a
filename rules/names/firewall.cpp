#include "rules/names/firewall.h"

#include <algorithm>
#include <map>

#include "rules/names/addresses.h"

namespace rules {
namespace {

struct JobNetworks {
    std::vector<std::string> bridges, subnets, subnets6;
    bool metadata = false;
    bool host = true;
    bool everywhere = true;  ///< no egress is named
    std::vector<std::string> egress, egress6;
};

/// `{ a, b }`.
std::string set_of(const std::vector<std::string>& items)
{
    std::string text = "{ ";
    for (const std::string& item : items) text += (text.size() > 2 ? ", " : "") + item;
    return text + " }";
}

std::string quoted(const std::string& bridge)
{
    return '"' + bridge + '"';
}

std::string set(const std::string& name, const std::string& type, const std::vector<std::string>& items)
{
    return " set " + name + " {\n  type " + type + "\n" +
           (items.empty() ? "" : "  elements = " + set_of(items) + "\n") + " }\n";
}

std::string chain(const std::string& name, const std::vector<std::string>& rules)
{
    std::string text = " chain " + name + " {\n";
    for (const std::string& rule : rules) text += "  " + rule + "\n";
    return text + " }\n";
}

/// `what` for each family that has addresses: it is behind their match.
void add(std::vector<std::string>& rules, const std::vector<std::string>& v4, const std::vector<std::string>& v6, const std::string& what)
{
    if (!v4.empty()) rules.push_back("ip daddr " + set_of(v4) + " " + what);
    if (!v6.empty()) rules.push_back("ip6 daddr " + set_of(v6) + " " + what);
}

std::string chains_of(const std::string& key, const JobNetworks& job)
{
    std::vector<std::string> to;
    add(to, job.subnets, job.subnets6, "return");
    to.insert(to.end(), {"ip daddr @subnets drop", "ip6 daddr @subnets6 drop"});
    const std::vector<std::string> cloud = cloud_ranges();
    if (!job.metadata) add(to, ranges_of(true, cloud), ranges_of(false, cloud), "jump cloud");
    std::string text = chain("to-" + key, to);

    std::vector<std::string> across = {"oifname " + set_of(job.bridges) + " return", "oifname @bridges drop"};
    if (!job.everywhere) {
        across.emplace_back("ct state established,related return");
        add(across, job.egress, job.egress6, "return");
        across.emplace_back("drop");
    }
    text += chain("across-" + key, across);
    if (job.host && job.everywhere) return text;

    // What listens on the job's own gateway and on nothing else is a published port; the rest are the host's services.
    std::vector<std::string> host = {"ct state established,related return"};
    add(host, job.subnets, job.subnets6, "meta l4proto { icmp, ipv6-icmp } return");
    host.emplace_back("ip6 daddr { fe80::/10, ff00::/8 } meta l4proto ipv6-icmp return");  // neighbours
    add(host, job.subnets, job.subnets6, "socket wildcard 0 return");
    if (job.host) add(host, job.egress, job.egress6, "return");
    host.emplace_back("drop");
    return text + chain("host-" + key, host);
}

}  // namespace

std::string subnet6_of(std::string_view bridge)
{
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char byte : bridge) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    Address address;
    address.bytes[0] = 0xfd;  // RFC 4193
    for (std::size_t at = 1; at < 8; ++at) address.bytes[at] = static_cast<std::uint8_t>(hash >> (8 * at));
    return to_string(address) + "/64";
}

std::string ruleset(const std::string& table, const std::vector<GuardedNetwork>& networks)
{
    const std::string name = "table inet " + table;
    std::string text =
        name + " {\n}\ndelete " + name + "\n";  // the first line makes the second one right when it is not there
    if (networks.empty()) return text;

    std::map<std::string, JobNetworks> jobs;
    std::vector<std::string> bridges, subnets, subnets6, to, across, host;
    for (const GuardedNetwork& each : networks) {
        JobNetworks& job = jobs[each.job];
        const std::string bridge = quoted(each.bridge);
        job.metadata = each.metadata;
        job.host = each.host;
        job.everywhere = is_everywhere(each.egress);
        job.egress = ranges_of(true, each.egress);
        job.egress6 = ranges_of(false, each.egress);
        job.bridges.push_back(bridge);
        bridges.push_back(bridge);
        if (!each.subnet.empty()) job.subnets.push_back(each.subnet);
        if (!each.subnet.empty()) subnets.push_back(each.subnet);
        job.subnets6.push_back(subnet6_of(each.bridge));
        subnets6.push_back(subnet6_of(each.bridge));
        to.push_back(bridge + " : jump to-" + each.job);
        across.push_back(bridge + " : jump across-" + each.job);
        if (!each.host || !job.everywhere) host.push_back(bridge + " : jump host-" + each.job);
    }
    text += name + " {\n" + set("bridges", "ifname", bridges) + set("subnets", "ipv4_addr\n  flags interval", subnets) +
            set("subnets6", "ipv6_addr\n  flags interval", subnets6);
    // Some clouds have their name server at the address of their metadata service.
    text += chain("cloud", {"meta l4proto { tcp, udp } th dport 53 return", "drop"});
    for (const auto& [key, job] : jobs) text += chains_of(key, job);
    text += chain("prerouting",
                  {"type filter hook prerouting priority -310; policy accept;", "iifname vmap " + set_of(to)});
    text +=
        chain("forward", {"type filter hook forward priority -10; policy accept;", "iifname vmap " + set_of(across)});
    if (!host.empty())
        text += chain("input", {"type filter hook input priority -10; policy accept;", "iifname vmap " + set_of(host)});
    return text + "}\n";
}

}  // namespace rules
