#include "rules/firewall.h"

#include <map>

namespace rules {
namespace {

struct JobNetworks {
    std::vector<std::string> bridges, subnets;
    bool metadata = false;
    bool host = true;
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

std::string chains_of(const std::string& key, const JobNetworks& job)
{
    std::vector<std::string> to;
    const std::string own = set_of(job.subnets);
    if (!job.subnets.empty()) to.push_back("ip daddr " + own + " return");
    to.push_back("ip daddr @subnets drop");
    if (!job.metadata) {
        // EC2 and most others, ECS's credentials; EC2 over IPv6.
        to.push_back("ip daddr { 169.254.169.254, 169.254.170.2 } drop");
        to.push_back("ip6 daddr fd00:ec2::254 drop");
    }
    std::string text = chain("to-" + key, to);
    text += chain("across-" + key, {"oifname " + set_of(job.bridges) + " return", "oifname @bridges drop"});
    if (job.host) return text;
    // What listens on the job's own gateway and on nothing else is a published port; the rest are the host's services.
    std::vector<std::string> host = {"ct state established,related return", "meta l4proto { icmp, ipv6-icmp } return"};
    if (!job.subnets.empty()) host.push_back("ip daddr " + own + " socket wildcard 0 return");
    host.push_back("drop");
    return text + chain("host-" + key, host);
}

}  // namespace

std::string ruleset(const std::string& table, const std::vector<GuardedNetwork>& networks)
{
    const std::string name = "table inet " + table;
    std::string text =
        name + " {\n}\ndelete " + name + "\n";  // the first line makes the second one right when it is not there
    if (networks.empty()) return text;

    std::map<std::string, JobNetworks> jobs;
    std::vector<std::string> bridges, subnets, to, across, host;
    for (const GuardedNetwork& each : networks) {
        JobNetworks& job = jobs[each.job];
        const std::string bridge = quoted(each.bridge);
        job.metadata = each.metadata;
        job.host = each.host;
        job.bridges.push_back(bridge);
        bridges.push_back(bridge);
        if (!each.subnet.empty()) job.subnets.push_back(each.subnet);
        if (!each.subnet.empty()) subnets.push_back(each.subnet);
        to.push_back(bridge + " : jump to-" + each.job);
        across.push_back(bridge + " : jump across-" + each.job);
        if (!each.host) host.push_back(bridge + " : jump host-" + each.job);
    }
    text += name + " {\n" + set("bridges", "ifname", bridges) + set("subnets", "ipv4_addr\n  flags interval", subnets);
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
