#include <algorithm>
#include <array>

#include "rules/bodies/parts.h"

// Every property that the published API has for a new container, those that engines read besides, and those that
// Docker's clients send besides.
namespace rules {
namespace {

constexpr std::string_view devices_one_by_one = "devices of the host are given one by one (--device); run without it";
constexpr std::string_view no_device_limit = "limits on single host devices are the operator's; leave it out";
constexpr std::string_view no_realtime = "realtime CPU time starves the host; use CpuShares, CpuQuota or NanoCpus";
constexpr std::string_view no_mask = "the paths that Docker masks stay masked; leave it out, or send null";

constexpr std::string_view inside_host = "give it inside HostConfig";
constexpr Schema empty_schema{"{}", {}};

constexpr Field health_fields[] = {
    long_texts(pass("Test", Type::text_list)),
    rewrite("Interval", Type::integer),
    rewrite("Timeout", Type::integer),
    since(29, pass("StartPeriod", Type::integer)),
    since(44, rewrite("StartInterval", Type::integer)),
    rewrite("Retries", Type::integer),
};
constexpr Schema health_schema{"HealthConfig", health_fields};

constexpr Field ulimit_fields[] = {
    check("Name", Type::text),
    check("Soft", Type::integer),
    check("Hard", Type::integer),
};
constexpr Schema ulimit_schema{"Ulimit", ulimit_fields};

constexpr Field restart_fields[] = {
    rewrite("Name", Type::text),
    rewrite("MaximumRetryCount", Type::integer),
};
constexpr Schema restart_schema{"RestartPolicy", restart_fields};

constexpr Field log_fields[] = {
    rewrite("Type", Type::text),
    rewrite("Config", Type::text_map),
};
constexpr Schema log_schema{"LogConfig", log_fields};

constexpr Field port_binding_fields[] = {
    rewrite("HostIp", Type::text),
    check("HostPort", Type::text),
};
constexpr Schema port_binding_schema{"PortBinding", port_binding_fields};

constexpr Field bind_options_fields[] = {
    check("Propagation", Type::text),
    check("NonRecursive", Type::boolean),
    check("CreateMountpoint", Type::boolean),
    drop("ReadOnlyNonRecursive", Type::boolean),
    drop("ReadOnlyForceRecursive", Type::boolean),
};
constexpr Schema bind_options_schema{"BindOptions", bind_options_fields};

constexpr Field driver_config_fields[] = {
    check("Name", Type::text),
    rewrite("Options", Type::text_map),
};
constexpr Schema driver_config_schema{"DriverConfig", driver_config_fields};

constexpr Field volume_options_fields[] = {
    pass("NoCopy", Type::boolean),
    long_texts(rewrite("Labels", Type::text_map)),
    since(45, pass("Subpath", Type::text)),
    check("DriverConfig", Type::object, &driver_config_schema),
};
constexpr Schema volume_options_schema{"VolumeOptions", volume_options_fields};

constexpr Field tmpfs_options_fields[] = {
    rewrite("SizeBytes", Type::integer),
    pass("Mode", Type::integer),
    since(46, check("Options", Type::any)),
};
constexpr Schema tmpfs_options_schema{"TmpfsOptions", tmpfs_options_fields};

constexpr Field image_options_fields[] = {drop("Subpath", Type::text)};
constexpr Schema image_options_schema{"ImageOptions", image_options_fields};

constexpr Field mount_fields[] = {
    check("Type", Type::text),
    rewrite("Source", Type::text),
    pass("Target", Type::text),
    pass("ReadOnly", Type::boolean),
    drop("Consistency", Type::text),
    check("BindOptions", Type::object, &bind_options_schema),
    rewrite("VolumeOptions", Type::object, &volume_options_schema),
    rewrite("TmpfsOptions", Type::object, &tmpfs_options_schema),
    since(48, pass("ImageOptions", Type::object, &image_options_schema)),
    deny("ClusterOptions", Type::object, "mount-type", "cluster volumes need a swarm; use a local volume"),
};
constexpr Schema mount_schema{"Mount", mount_fields};

constexpr Field device_fields[] = {
    check("PathOnHost", Type::text),
    pass("PathInContainer", Type::text),
    check("CgroupPermissions", Type::text),
};
constexpr Schema device_schema{"DeviceMapping", device_fields};

constexpr Field device_request_fields[] = {
    check("Driver", Type::text),
    pass("Count", Type::integer),
    check("DeviceIDs", Type::text_list),
    pass("Capabilities", Type::any),
    deny("Options", Type::text_map, "devices", "leave the driver's options out"),
};
constexpr Schema device_request_schema{"DeviceRequest", device_request_fields};

constexpr Field resource_fields[] = {
    pass("CpuShares", Type::integer),
    rewrite("Memory", Type::integer),
    force("CgroupParent", Type::text),
    pass("BlkioWeight", Type::integer),
    deny("BlkioWeightDevice", Type::object_list, "block-io", no_device_limit),
    deny("BlkioDeviceReadBps", Type::object_list, "block-io", no_device_limit),
    deny("BlkioDeviceWriteBps", Type::object_list, "block-io", no_device_limit),
    deny("BlkioDeviceReadIOps", Type::object_list, "block-io", no_device_limit),
    deny("BlkioDeviceWriteIOps", Type::object_list, "block-io", no_device_limit),
    rewrite("CpuPeriod", Type::integer),
    rewrite("CpuQuota", Type::integer),
    deny("CpuRealtimePeriod", Type::integer, "realtime", no_realtime),
    deny("CpuRealtimeRuntime", Type::integer, "realtime", no_realtime),
    pass("CpusetCpus", Type::text),
    pass("CpusetMems", Type::text),
    check("Devices", Type::object_list, &device_schema),
    deny("DeviceCgroupRules", Type::text_list, "devices", devices_one_by_one),
    since(40, check("DeviceRequests", Type::object_list, &device_request_schema)),
    drop("DiskQuota", Type::integer),
    drop("KernelMemory", Type::integer),
    drop("KernelMemoryTCP", Type::integer),
    rewrite("MemoryReservation", Type::integer),
    rewrite("MemorySwap", Type::integer),
    pass("MemorySwappiness", Type::integer),
    since(25, rewrite("NanoCpus", Type::integer)),
    since(25, rewrite("NanoCPUs", Type::integer)),  // so spelled in the schema of 1.27
    deny("OomKillDisable", Type::boolean, "oom", "the OOM killer guards the host; set a Memory limit instead"),
    rewrite("PidsLimit", Type::integer),
    check("Ulimits", Type::object_list, &ulimit_schema),
    drop("CpuCount", Type::integer),
    drop("CpuPercent", Type::integer),
    drop("IOMaximumIOps", Type::integer),
    drop("IOMaximumBandwidth", Type::integer),
};

constexpr Field host_only_fields[] = {
    at_most(512, rewrite("Binds", Type::text_list)),
    drop("ContainerIDFile", Type::text),
    rewrite("LogConfig", Type::object, &log_schema),
    rewrite("NetworkMode", Type::text),
    rewrite("PortBindings", Type::object_list_map, &port_binding_schema),
    rewrite("RestartPolicy", Type::object, &restart_schema),
    pass("AutoRemove", Type::boolean),
    check("VolumeDriver", Type::text),
    at_most(512, rewrite("VolumesFrom", Type::text_list)),
    since(25, at_most(512, rewrite("Mounts", Type::object_list, &mount_schema))),
    pass("ConsoleSize", Type::integer_list),
    drop("Annotations", Type::text_map),
    check("CapAdd", Type::text_list),
    rewrite("CapDrop", Type::text_list),
    deny("Capabilities", Type::text_list, "capabilities", "use CapAdd and CapDrop"),
    since(41, check("CgroupnsMode", Type::text)),
    check("Dns", Type::text_list),
    check("DnsOptions", Type::text_list),
    check("DnsSearch", Type::text_list),
    rewrite("ExtraHosts", Type::text_list),
    pass("GroupAdd", Type::text_list),
    rewrite("IpcMode", Type::text),
    deny("Cgroup", Type::text, "host-namespace", "a container has a cgroup of its own; leave it out"),
    at_most(512, rewrite("Links", Type::text_list)),
    check("OomScoreAdj", Type::integer),
    rewrite("PidMode", Type::text),
    deny("Privileged", Type::boolean, "privileged",
         "run without --privileged; what needs one capability gets it by --cap-add, where the profile allows that one"),
    rewrite("PublishAllPorts", Type::boolean),
    rewrite("ReadonlyRootfs", Type::boolean),
    long_texts(rewrite("SecurityOpt", Type::text_list)),
    deny("StorageOpt", Type::text_map, "storage-opt",
         "the size of a container's layer is the operator's; leave it out"),
    at_most(512, rewrite("Tmpfs", Type::text_map)),
    check("UTSMode", Type::text),
    force("UsernsMode", Type::text),
    check("ShmSize", Type::integer),
    check("Sysctls", Type::text_map),
    rewrite("Runtime", Type::text),
    check("Isolation", Type::text),
    since(37, pass("Init", Type::boolean)),
    forbid("MaskedPaths", Type::text_list, "masked-paths", no_mask),
    forbid("ReadonlyPaths", Type::text_list, "masked-paths", no_mask),
};

template <std::size_t N, std::size_t M>
constexpr std::array<Field, N + M> both(const Field (&first)[N], const Field (&second)[M])
{
    std::array<Field, N + M> fields{};
    std::ranges::copy(second, std::ranges::copy(first, fields.begin()).out);
    return fields;
}

constexpr auto host_fields = both(host_only_fields, resource_fields);
constexpr Schema host_schema{"HostConfig", host_fields};

constexpr Field networking_fields[] = {rewrite("EndpointsConfig", Type::object_map, &network_endpoint_schema)};
constexpr Schema networking_schema{"NetworkingConfig", networking_fields};

constexpr Field create_only_fields[] = {
    check("Hostname", Type::text),
    check("Domainname", Type::text),
    check("User", Type::text),
    pass("AttachStdin", Type::boolean),
    pass("AttachStdout", Type::boolean),
    pass("AttachStderr", Type::boolean),
    rewrite("ExposedPorts", Type::object_map, &empty_schema),
    pass("Tty", Type::boolean),
    pass("OpenStdin", Type::boolean),
    pass("StdinOnce", Type::boolean),
    long_texts(rewrite("Env", Type::text_list)),
    long_texts(pass("Cmd", Type::text_or_list)),
    rewrite("Healthcheck", Type::object, &health_schema),
    pass("ArgsEscaped", Type::boolean),
    rewrite("Image", Type::text),
    at_most(512, pass("Volumes", Type::object_map, &empty_schema)),
    pass("WorkingDir", Type::text),
    long_texts(pass("Entrypoint", Type::text_or_list)),
    pass("NetworkDisabled", Type::boolean),
    rewrite("MacAddress", Type::text),
    long_texts(pass("OnBuild", Type::text_list)),
    long_texts(rewrite("Labels", Type::text_map)),
    pass("StopSignal", Type::text),
    rewrite("StopTimeout", Type::integer),
    pass("Shell", Type::text_or_list),
    rewrite("HostConfig", Type::object, &host_schema),
    rewrite("NetworkingConfig", Type::object, &networking_schema),
    // dockerode and docker-java send their own options in the body as well; the engine ignores them.
    drop("name", Type::text),
    drop("platform", Type::text),
    drop("aliases", Type::text_list),
    drop("authConfig", Type::any),
    deny("Cpuset", Type::text, "misplaced", inside_host),
};

/// Engines before 28 take the fields of HostConfig at the top level as well, and all of them there when it is absent.
constexpr auto container_fields = [] {
    std::array<Field, std::size(create_only_fields) + host_fields.size()> fields{};
    const auto rest = std::ranges::copy(create_only_fields, fields.begin()).out;
    std::ranges::transform(host_fields, rest, [](const Field& field) {
        return deny(field.name, field.type, "misplaced", inside_host);
    });
    return fields;
}();

/// The settings of an image: what a container that is made of it asks for by them is judged then.
constexpr Field commit_fields[] = {
    pass("Hostname", Type::text),
    pass("Domainname", Type::text),
    pass("User", Type::text),
    pass("AttachStdin", Type::boolean),
    pass("AttachStdout", Type::boolean),
    pass("AttachStderr", Type::boolean),
    pass("ExposedPorts", Type::object_map, &empty_schema),
    pass("Tty", Type::boolean),
    pass("OpenStdin", Type::boolean),
    pass("StdinOnce", Type::boolean),
    long_texts(pass("Env", Type::text_list)),
    long_texts(pass("Cmd", Type::text_or_list)),
    pass("Healthcheck", Type::object, &health_schema),
    pass("ArgsEscaped", Type::boolean),
    drop("Image", Type::text),
    at_most(512, pass("Volumes", Type::object_map, &empty_schema)),
    pass("WorkingDir", Type::text),
    long_texts(pass("Entrypoint", Type::text_or_list)),
    drop("NetworkDisabled", Type::boolean),
    drop("MacAddress", Type::text),
    long_texts(pass("OnBuild", Type::text_list)),
    long_texts(rewrite("Labels", Type::text_map)),
    pass("StopSignal", Type::text),
    pass("StopTimeout", Type::integer),
    pass("Shell", Type::text_or_list),
};

constexpr Field update_only_fields[] = {
    rewrite("RestartPolicy", Type::object, &restart_schema),
    drop("Init", Type::boolean),
};
constexpr auto update_fields = both(update_only_fields, resource_fields);

}  // namespace

constinit const Schema container_create_schema{"ContainerCreate", container_fields};
constinit const Schema commit_schema{"Commit", commit_fields};
constinit const Schema container_update_schema{"ContainerUpdate", update_fields};

}  // namespace rules
