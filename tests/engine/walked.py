"""Profiles and requests that show each knob which refuses: what its rule refuses, and where it is shown otherwise."""

from harness import RuledBerth

SECRET = "s3cret-of-the-job"


class Walked(RuledBerth):
    rules = """
        [profile.switched-off]
        images.pull = false
        images.push = false
        images.commit = false
        images.import = false
        images.load = false
        images.export = false
        build.allowed = false
        exec.allowed = false
        volumes.drivers = []
        networks.drivers = []
        endpoints.closed = ["container.rename"]
        limits.body = 1024

        [profile.bounded]
        env.refused = ["LD_*"]
        user.non_root = true
        namespaces.shared = []
        binds.docker_socket = false
        sysctls.allowed = []
        devices.cdi = ["a.b/c=1"]
        networks.subnets = ["10.0.0.0/8"]
        ports.range = "8000-8999"
        ports.max = 1
        restart.policies = ["no"]
        logs.drivers = ["local"]
        ulimits.allowed = ["nofile"]
        ulimits.nofile_max = 10
        limits.container.shm_max = "1MiB"
        limits.container.tmpfs_max = "1MiB"
        limits.job.containers = 1
        limits.job.networks = 1
        limits.job.volumes = 1
        limits.job.execs = 1
        images.registries = ["127.0.0.1:*/**"]
        images.tags = "no-latest"
        build.networks = ["default"]
        exec.users = ["1000"]

        [profile.nowhere]
        binds.allowed = "none"
        ports.address = "none"
        build.networks = []

        [profile.one-image]
        limits.job.images = 1

        [profile.few-bytes]
        limits.job.image_bytes = "1KiB"

        [profile.new]
        api.version_min = "1.30"

        [profile.uncached]
        build.cache = false

        [profile.slow]
        limits.job.requests_per_second = 5

        [profile.watched]
        extends = "strict"
        mode = "observe"
        networks.isolation_required = false
    """


def host(**config):
    return {"Image": "IMAGE", "User": "1000", "HostConfig": config}


CREATE = "POST /containers/create"
# profile, rule, request, body: what each knob that refuses is asked for.
SWITCHED_OFF = (
    ("images.pull", "POST /images/create?fromImage=busybox&tag=1", None),
    ("images.push", "POST /images/app/push", None),
    ("images.commit", "POST /commit?container=a", None),
    ("images.import", "POST /images/create?fromSrc=-", None),
    ("images.load", "POST /images/load", None),
    ("images.export", "GET /images/app/get", None),
    ("build.allowed", "POST /build", None),
    ("exec.allowed", "POST /containers/a/exec", {"Cmd": ["true"]}),
    ("volumes.drivers", "POST /volumes/create", {"Name": "vol"}),
    ("networks.drivers", "POST /networks/create", {"Name": "n"}),
    ("endpoints.closed", "POST /containers/a/rename?name=b", None),
)
BOUNDED = (
    ("capabilities.allowed", CREATE, host(CapAdd=["NET_ADMIN"])),
    ("security.options", CREATE, host(SecurityOpt=["seccomp=unconfined"])),
    ("sysctls.allowed", CREATE, host(Sysctls={"net.ipv4.ip_forward": "1"})),
    ("devices.allowed", CREATE, host(Devices=[{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}])),
    ("devices.gpus", CREATE, host(DeviceRequests=[{"Count": -1, "Capabilities": [["gpu"]]}])),
    ("devices.cdi", CREATE, host(DeviceRequests=[{"Driver": "cdi", "DeviceIDs": ["a.b/c=2"]}])),
    ("runtime.allowed", CREATE, host(Runtime="kata")),
    ("user.non_root", CREATE, {"Image": "IMAGE", "User": "0"}),
    ("namespaces.shared", CREATE, host(PidMode="container:first")),
    ("env.refused", CREATE, {**host(), "Env": [f"LD_PRELOAD={SECRET}"]}),
    ("binds.docker_socket", CREATE, host(Binds=["/var/run/docker.sock:/s"])),
    ("networks.subnets", "POST /networks/create", {"Name": "n", "IPAM": {"Config": [{"Subnet": "172.20.0.0/16"}]}}),
    ("ports.range", CREATE, host(PortBindings={"80/tcp": [{"HostPort": "80"}]})),
    ("ports.max", CREATE, host(PortBindings={"80/tcp": [{}], "81/tcp": [{}]})),
    ("restart.policies", CREATE, host(RestartPolicy={"Name": "always"})),
    ("logs.drivers", CREATE, host(LogConfig={"Type": "json-file"})),
    ("ulimits.allowed", CREATE, host(Ulimits=[{"Name": "core", "Soft": 0, "Hard": 0}])),
    ("ulimits.nofile_max", CREATE, host(Ulimits=[{"Name": "nofile", "Soft": 11, "Hard": 11}])),
    ("limits.container.shm_max", CREATE, host(ShmSize=2000000)),
    ("limits.container.tmpfs_max", CREATE, host(Tmpfs={"/t": "size=2m"})),
    ("images.registries", "POST /images/create?fromImage=busybox&tag=1", None),
    ("images.registries_local", "POST /images/create?fromImage=127.0.0.1:7/busybox&tag=1", None),
    ("images.tags", "POST /images/create?fromImage=127.0.0.1:5000/busybox&tag=latest", None),
    ("exec.users", "POST /containers/first/exec", {"Cmd": ["true"], "User": "0"}),
    ("limits.job.containers", CREATE, host()),
    ("limits.job.networks", "POST /networks/create", {"Name": "n"}),
    ("limits.job.volumes", "POST /volumes/create", {"Name": "vol"}),
    ("limits.job.execs", "POST /containers/first/exec", {"Cmd": ["true"]}),
)
NOWHERE = (
    ("binds.allowed", CREATE, host(Binds=["/builds:/b"])),
    ("ports.address", CREATE, host(PortBindings={"80/tcp": [{}]})),
)
# Shown otherwise: the host's nftables decide; a refused connection has no answer; 413 and 400 are HTTP's and Docker's own words for these.
ELSEWHERE = {"networks.isolation_required", "limits.job.connections", "limits.job.streams", "limits.body", "limits.archive", "api.version_min"}
# By tests of their own: below, and of builds.
ALONE = {"limits.job.images", "limits.job.image_bytes", "build.networks", "build.remote_files"}
