#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/json.h"
#include "rules/names/lookup.h"
#include "rules/names/subnets.h"
#include "rules/profile.h"
#include "rules/query.h"
#include "rules/schema.h"

// The JSON bodies that a job may send: their schemas (every property has its disposition), the rules that judge them and the
// rewriting into what the engine gets. `body` below is always what `admit` gave.
namespace rules {

extern const Schema container_create_schema;
extern const Schema container_update_schema;
extern const Schema commit_schema;
extern const Schema exec_create_schema;
extern const Schema exec_start_schema;
extern const Schema network_create_schema;
extern const Schema network_connect_schema;
extern const Schema network_disconnect_schema;
extern const Schema volume_create_schema;
extern const Schema auth_schema;

/// What the engine must have before this container can be made; the broker makes it in this order.
struct ContainerNeeds {
    bool default_network = false;        ///< the job's own `bridge`
    std::vector<std::string> volumes;    ///< virtual names of named volumes that the job does not have yet
    std::map<std::string, bool> paths;   ///< the job's paths that are bound, clean; true: a directory is made where nothing is
};

/// Who and where, for everything that is written into a body.
struct RewriteContext {
    std::string job;      ///< the operator's id
    std::string key;
    std::string profile;  ///< its name
    std::string door;     ///< host path of the job's docker.sock
    Version version;      ///< in which the body is sent
    std::string cgroup = {};  ///< under which the job's containers run; empty: where the engine puts them
    Pins pins = {};       ///< how the paths that `ContainerNeeds` has are mounted
};

/// berth's labels for an object that this job makes.
Json own_labels(const RewriteContext& context);

/// `container:<reference>` with the full id; the mode itself when it does not begin so.
Result<std::string> shared_namespace(const std::string& mode, const Lookup& job);

/// Whether `hosts` (ExtraHosts) asks for `host-gateway` (`host.docker.internal:host-gateway`): to a job that is where its published ports
/// are, the address of its own network, and not the host's.
bool names_host_gateway(const Json& hosts);
/// `hosts` in their one spelling, `host-gateway` replaced by `gateway`; 400 for one that dockerd would not take, or when there is no gateway.
Result<void> rewrite_hosts(Json& hosts, const std::string& gateway);

/// 403 with field, rule and way out; 404 with dockerd's words for a reference that does not resolve now.
Result<ContainerNeeds> judge_container_create(const Json& body, const Lookup& job, const Profile& profile);

/// What an image brings into every container made from it: judged and capped like the request's own.
/// `config`: the image inspect's Config. Call between judge and rewrite: healthcheck intervals, EXPOSE with
/// PublishAllPorts, the user. When it refuses, `body` has nothing of `profile`, so that another one may be asked about it.
Result<void> merge_image_config(Json& body, const Json& config, const Profile& profile);

/// The id of the image goes into `body`: its settings are judged, and it is what is sent, wherever its tag goes meanwhile. The answer is what
/// the client called it.
Result<std::string> resolve_image(Json& body, const Lookup& job);

/// What a new container and its image are called by the client.
struct ContainerNames {
    std::string name;  ///< also its DNS alias
    std::string image;
};

/// The body that is sent, for one that has the image's id. `gateway`: address of the job's default network, empty when there is none.
/// Everything that `needs` listed exists in `job` now; 404 for what was removed since it was judged.
Result<Json> rewrite_container_create(Json body, const ContainerNames& names, const Lookup& job, const Profile& profile,
                                      const RewriteContext& context, const std::string& gateway);

/// The settings that a commit is sent with: berth's labels, which the container has, are left empty in the image.
Json rewrite_commit(Json body);
Result<Json> rewrite_container_update(Json body, const Profile& profile);
/// What a build's query asks for its containers, as a HostConfig (Ulimits, ShmSize, Memory ...).
Result<Json> asked_build_limits(const Query& query);
/// `limits`: what `asked_build_limits` gave. The same, admitted.
Result<Json> judge_build_limits(const Json& limits, const Profile& profile);
/// What `judge_build_limits` gave, in the place of what was asked.
void write_build_limits(Query& query, const Json& limits);
/// What a build's query has of `extrahosts`, as ExtraHosts of its steps; and back.
Json build_hosts(const Query& query);
void write_build_hosts(Query& query, const Json& hosts);
/// Where the steps of a build are that names `mode` as `networkmode`: `none`, `bridge` for the job's default network, `container:db`, or a
/// network's name. 403 when they may not be there.
Result<std::string> judge_build_network(const std::string& mode, const Profile& profile);
Result<Json> rewrite_exec_create(Json body, const Profile& profile);

/// Name is left to the broker (`real_name`).
Result<Json> rewrite_network_create(Json body, const Profile& profile, const RewriteContext& context);
/// The subnet that the client asks for; nullopt: berth chooses.
std::optional<Subnet> wanted_subnet(const Json& body);
/// What `rewrite_network_create` gave, on the subnet that berth leased (nullopt: a network without IPv4) and on the device `bridge`.
Json placed_network(Json body, const std::optional<Subnet>& subnet, const std::string& bridge);
Result<Json> rewrite_network_connect(Json body, const Lookup& job);     ///< Container becomes its full id, its virtual name an alias
Result<Json> rewrite_network_disconnect(Json body, const Lookup& job);
Result<Json> rewrite_volume_create(Json body, const Profile& profile, const RewriteContext& context);

}  // namespace rules
