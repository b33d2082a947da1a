#include "rules/profile/profile_file.h"

namespace rules {

const RulesText& ready_profiles()
{
    static const RulesText text{"berth's own profiles", R"toml(
# What berth does with no rules file: safe, and all that usual jobs need.
[profile.default]

# For code of strangers: no root, nothing that lasts, no way to the host's services, images from Docker Hub's official ones alone.
[profile.strict]
capabilities.dropped = ["ALL"]
security.no_new_privileges = true
sysctls.allowed = []
user.non_root = true
filesystem.read_only = true
env.forced = { NVIDIA_VISIBLE_DEVICES = "void" }
binds.allowed = "read-only"
binds.docker_socket = false
networks.host_reachable = false
networks.isolation_required = true
ports.max = 10
restart.policies = ["no", "on-failure"]
logs.drivers = ["json-file", "local"]
ulimits.nofile_max = 65536
limits.container.memory_max = "4GiB"
limits.container.cpus_max = 4
limits.container.pids_max = 1024
limits.container.shm_max = "256MiB"
limits.container.tmpfs_max = "512MiB"
limits.job.containers = 20
limits.job.networks = 5
limits.job.volumes = 20
limits.job.execs = 1000
limits.job.images = 50
limits.job.connections = 200
limits.job.time = "6h"
images.registries = ["docker.io/library/**"]
images.tags = "no-latest"
images.push = false
images.commit = false
images.import = false
images.load = false
build.allowed = false

# Builds and pushes images; runs nothing besides the steps of its builds.
[profile.build-only]
binds.allowed = "none"
networks.drivers = []
ports.address = "none"
exec.allowed = false
images.commit = false
endpoints.closed = ["container.create", "container.start", "volume.create"]

# Test suites that start databases and the like: published ports, execs, the job's door in Ryuk, networks; no images of its own out.
[profile.testcontainers]
limits.job.containers = 100
limits.job.networks = 30
images.push = false
images.commit = false

# Sees what a job would be refused, and refuses only what is a way to the host.
[profile.trusted]
mode = "observe"

# As near to a Docker-in-Docker of its own as is safe.
[profile.dind]
capabilities.allowed = ["BLOCK_SUSPEND", "IPC_LOCK", "IPC_OWNER", "LEASE", "NET_ADMIN", "NET_BROADCAST", "SYS_NICE", "SYS_PTRACE", "WAKE_ALARM"]
devices.allowed = ["/dev/fuse", "/dev/net/tun"]
restart.retries_max = 1000
stop.timeout_max = "10m"
healthcheck.interval_min = "100ms"
ports.max = 1000
logs.size_max = "1GiB"
logs.files_max = 5
limits.container.shm_max = "16GiB"
limits.container.tmpfs_max = "16GiB"
limits.job.connections = 5000
)toml"};
    return text;
}

}  // namespace rules
