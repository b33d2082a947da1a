#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/bodies/bodies.h"
#include "rules/split.h"
#include "rules/text.h"

// What several bodies have in common. For rules/bodies/ and those who read the same fields elsewhere.
namespace rules {

// Rows of the schemas.

constexpr Field pass(std::string_view name, Type type, const Schema* inside = nullptr)
{
    return {name, type, Disposition::pass, inside};
}
constexpr Field check(std::string_view name, Type type, const Schema* inside = nullptr)
{
    return {name, type, Disposition::check, inside};
}
constexpr Field rewrite(std::string_view name, Type type, const Schema* inside = nullptr)
{
    return {name, type, Disposition::rewrite, inside};
}
/// `field` with at most `elements`: each of them is work, for berth or for the engine.
constexpr Field at_most(std::size_t elements, Field field)
{
    field.most = elements;
    return field;
}
/// `field` with texts of any length: at most their beginning is looked into.
constexpr Field long_texts(Field field)
{
    field.long_texts = true;
    return field;
}
constexpr Field force(std::string_view name, Type type)
{
    return {name, type, Disposition::force};
}
constexpr Field drop(std::string_view name, Type type)
{
    return {name, type, Disposition::drop};
}
constexpr Field deny(std::string_view name, Type type, std::string_view rule, std::string_view way_out)
{
    return {name, type, Disposition::deny, nullptr, rule, way_out};
}
constexpr Field forbid(std::string_view name, Type type, std::string_view rule, std::string_view way_out)
{
    return {name, type, Disposition::forbid, nullptr, rule, way_out};
}

/// A row that engines know from API 1.`minor` on.
constexpr Field since(int minor, Field field)
{
    field.since = {1, minor};
    return field;
}

/// A container's settings on one network.
extern const Schema network_endpoint_schema;

// Reading an admitted body: absent is the empty value.

const Json& section(const Json& holder, const char* key);  ///< of an object, a map or a list: `{}` when it is absent
std::string text(const Json& holder, const char* key);
std::int64_t integer(const Json& holder, const char* key);

/// Drops labels in berth's own space and adds berth's own.
void set_labels(Json& holder, const RewriteContext& context);

// Resources and restart policy, of create (`where` is `HostConfig.`) and of update (`where` is empty).

Result<void> judge_resources(const Json& holder, const std::string& where, const Profile& profile);
Result<void> judge_restart_policy(const Json& holder, const std::string& where, const Profile& profile);
/// No policy that starts a container again and again for ever.
void cap_restart_policy(Json& holder, const Profile& profile);

/// A container's memory, CPU and processes as the profile bounds them. `create`: what is not asked gets the profile's
/// value; an update changes only what it names.
void cap_limits(Json& holder, const Profile& profile, bool create);
/// The same of the steps of a build, which have no limit of processes.
void cap_build_limits(Json& limits, const Profile& profile);

// Devices and runtime.

Result<void> judge_devices(const Json& holder, const std::string& where, const Profile& profile);
/// Devices and a runtime that are not asked for are not named to the engine.
void drop_no_devices(Json& holder);
Result<void> judge_runtime(const Json& host, const Profile& profile);

// Environment and user.

/// Each of `body`'s Env may be set.
Result<void> judge_env(const Json& body, const Profile& profile);
/// `user`, as the engine will read it, may run. `field`: where it was given.
Result<void> judge_user(const std::string& user, const std::string& field, const Profile& profile);

// Mounts.

Result<void> judge_mounts(const Json& host, const Lookup& job, const Profile& profile, ContainerNeeds& needs);
/// The answer is the value of `label_mounts`; empty when the engine got what was asked.
Result<std::string> rewrite_mounts(Json& body, const Lookup& job, const Profile& profile, const RewriteContext& context);

/// The job's path `source` will be mounted, and what is mounted beneath it; `make`: a directory is made where nothing is.
Result<void> need_path(const std::string& source, const std::string& field, const std::string& asked, bool make,
                       const Lookup& job, ContainerNeeds& needs);
/// All that the anchor has mounted.
void need_anchor(const Lookup& job, ContainerNeeds& needs);

/// The engine's mounts for paths of the job in one container's body.
class PathMounts {
public:
    /// `body` is as it was asked; the others outlive this.
    PathMounts(const Json& body, const Lookup& job, const Profile& profile, const RewriteContext& context);
    Result<void> add(const std::string& source, const std::string& target, const std::string& mode, bool read_only,
                     bool recursive);
    /// All that the anchor has mounted, less what the container has something else for.
    Result<void> add_anchor(bool read_only);
    std::string label() const;

    Json mounts = Json::array();  ///< entries of HostConfig.Mounts
    Json shown = Json::object();  ///< by target: what the job's inspect tells; null: nothing

private:
    const Lookup& job_;
    const Profile& profile_;
    const RewriteContext& context_;
    std::set<std::string> taken_;  ///< targets
    Json asked_;
};

/// A local volume's driver options: none, or a tmpfs. The answer has the size in `o`, as forced by the profile.
Result<Json> volume_driver_options(const Json& options, const std::string& where, const Profile& profile);
/// Mount options of a tmpfs without `dev` and `suid`, with a size of at most `Profile::tmpfs_max`.
Result<std::string> tmpfs_options(const std::string& options, const std::string& where, const Profile& profile);

// Networks.

/// Whether containers of a job may share `kind`: `ipc`, `network`, `pid`.
bool shares_namespace(const Profile& profile, std::string_view kind);
/// The one security option that may always be given.
inline constexpr const char* no_new_privileges = "no-new-privileges";

Result<void> judge_networks(const Json& body, const Lookup& job, const Profile& profile, ContainerNeeds& needs);
Result<void> rewrite_networks(Json& body, const std::string& name, const Lookup& job, const RewriteContext& context);
/// True when the container sits on networks of the job: not `none`, not another container's.
bool joins_networks(const Json& body);

Result<void> judge_endpoint(const Json& endpoint, const std::string& where, const Lookup& job);
/// `endpoint` as the engine gets it: links by real name, `alias` among its aliases.
Result<Json> rewritten_endpoint(Json endpoint, const std::string& alias, const Lookup& job);

// Published ports.

Result<void> judge_ports(const Json& body, const Profile& profile);
bool publishes_ports(const Json& body);
/// Binds every published port to `gateway`, or the host's loopback when the profile says so, and to nothing else.
void rewrite_ports(Json& body, const std::string& gateway, const Profile& profile);

/// A name by which a container is found on a network is none of berth's.
Result<void> judge_host_name(const std::string& name, const std::string& field);
/// Each of ExtraHosts is well formed, and nothing that the engine writes into hosts and resolv.conf breaks their lines.
Result<void> judge_hosts(const Json& body);

// Logs.

Result<void> judge_log_config(const Json& host, const Profile& profile);
void rewrite_log_config(Json& host, const Profile& profile);

}  // namespace rules
