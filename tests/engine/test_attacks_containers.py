"""Attacks by the body of a new container: the engine alone takes each, and through a door it is refused or comes to nothing."""

import json

import attacks
from harness import EngineCase

ENGINES = ("distribution", "newest")

HOST = "HostConfig."


def host(**settings):
    return {"HostConfig": settings}


def mount(**settings):
    return host(Mounts=[{"Target": "/x", **settings}])


def volume(**options):
    return mount(Type="volume", Source="vol", VolumeOptions={"DriverConfig": {"Name": "local", "Options": options}})


def bind(*binds):
    return host(Binds=list(binds))


def log(kind, **options):
    return host(LogConfig={"Type": kind, "Config": options})


# (name, body, status through a door, words of its answer, what the engine alone shows of it afterwards: a field of its inspect, or None
# where the engine would refuse it here, too, or is not asked, since what it did could not be undone).
REFUSED = [
    ("P-01", host(Privileged=True), 403, "Privileged", "HostConfig.Privileged"),
    ("P-02", host(CapAdd=["SYS_ADMIN"]), 403, "CapAdd", "HostConfig.CapAdd"),
    ("P-02 in lower case, with its prefix", host(CapAdd=["cap_sys_admin"]), 403, "CapAdd", "HostConfig.CapAdd"),
    ("P-02 all", host(CapAdd=["all"]), 403, "CapAdd", "HostConfig.CapAdd"),
    ("P-03 seccomp", host(SecurityOpt=["seccomp=unconfined"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-03 AppArmor", host(SecurityOpt=["apparmor=unconfined"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-03 SELinux", host(SecurityOpt=["label=disable"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-04", host(SecurityOpt=["seccomp:unconfined"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-04 a bare word", host(SecurityOpt=["disable"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-04 writable control groups", host(SecurityOpt=["writable-cgroups=true"]), 403, "SecurityOpt", None),
    ("P-05", host(SecurityOpt=['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-06", host(MaskedPaths=[], ReadonlyPaths=[]), 403, "Paths", None),
    ("P-06 one", host(MaskedPaths=["/proc/nothing"]), 403, "MaskedPaths", "HostConfig.MaskedPaths"),
    ("P-07", host(Sysctls={"kernel.core_pattern": "|/x"}), 403, "Sysctls", "HostConfig.Sysctls"),
    ("P-08", host(Runtime="io.containerd.runc.v2"), 403, "Runtime", None),
    ("P-08 a path", host(Runtime="/tmp/evil"), 403, "Runtime", None),
    ("P-13", host(Capabilities=["CAP_SYS_ADMIN"]), 403, "Capabilities", None),
    ("P-14 core files", host(Ulimits=[{"Name": "core", "Soft": -1, "Hard": -1}]), 403, "Ulimits", "HostConfig.Ulimits"),
    ("P-14 realtime", host(Ulimits=[{"Name": "rtprio", "Soft": 99, "Hard": 99}]), 403, "Ulimits", "HostConfig.Ulimits"),
    ("P-14 locked memory", host(Ulimits=[{"Name": "memlock", "Soft": -1, "Hard": -1}]), 403, "Ulimits", "HostConfig.Ulimits"),
    ("P-15", host(SecurityOpt=["no-new-privileges=false"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),
    ("P-15 with a colon", host(SecurityOpt=["no-new-privileges:false"]), 403, "SecurityOpt", "HostConfig.SecurityOpt"),

    ("M-01", bind("/:/host"), 403, "Binds", "HostConfig.Binds"),
    ("M-01 as a mount", mount(Type="bind", Source="/"), 403, "Mounts", "HostConfig.Mounts"),
    ("M-02", bind("/tmp/../etc:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-02 with slashes", bind("//etc:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-05", bind("/run/docker/containerd/containerd.sock:/x"), 403, "Binds", None),
    ("M-05 beside the words that mean the door", bind("/var/run//docker.sock:/x"), 403, "Binds", None),
    ("M-05 its directory", bind("/var/run:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-07", bind("/proc/1/root:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-07 core_pattern", bind("/proc/sys/kernel/core_pattern:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-07 sys", bind("/sys:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-07 devices", bind("/dev:/x"), 403, "Binds", "HostConfig.Binds"),
    ("M-08", bind("/var/lib/docker:/x"), 403, "Binds", None),
    ("M-10", bind("/tmp:/x:rshared"), 403, "Binds", None),
    ("M-10 as a mount", mount(Type="bind", Source="/tmp", BindOptions={"Propagation": "rshared"}), 403, "Propagation", "HostConfig.Mounts"),
    ("M-12", bind("/etc:/x:Z"), 403, "Binds", None),
    ("M-17", volume(type="none", o="bind", device="/"), 403, "DriverConfig", "HostConfig.Mounts"),
    ("M-17,M-14 a disk", volume(type="ext4", device="/dev/sda1", o="rw"), 403, "DriverConfig", "HostConfig.Mounts"),
    ("M-17,M-15 an overlay", volume(type="overlay", device="overlay", o="lowerdir=/etc:/root"), 403, "DriverConfig", "HostConfig.Mounts"),
    ("M-17,M-16 over the network", volume(type="nfs", device=":/x", o="addr=10.0.0.5"), 403, "DriverConfig", "HostConfig.Mounts"),
    ("M-18", host(VolumeDriver="vieux/sshfs"), 403, "VolumeDriver", "HostConfig.VolumeDriver"),
    ("M-18 of a mount", mount(Type="volume", VolumeOptions={"DriverConfig": {"Name": "vieux/sshfs"}}), 403, "DriverConfig", None),
    ("M-21", host(VolumesFrom=["victim-box"]), 404, "victim-box", None),
    ("M-22", mount(Type="image", Source="busybox:latest"), 403, "Mounts", None),
    ("M-24", host(Tmpfs={"/x": "size=500g"}), 403, "Tmpfs", "HostConfig.Tmpfs"),
    ("M-24 shared memory", host(ShmSize=1 << 40), 403, "ShmSize", "HostConfig.ShmSize"),
    ("M-24 a mount", mount(Type="tmpfs", TmpfsOptions={"SizeBytes": 1 << 40}), 403, "SizeBytes", "HostConfig.Mounts"),
    ("M-24 an option of mount(2)", host(Tmpfs={"/x": "mpol=bind:0"}), 403, "Tmpfs", None),
    ("M-27", mount(Type="npipe", Source="x"), 403, "Mounts", None),
    ("M-27 cluster", mount(Type="cluster", Source="x"), 403, "Mounts", None),
    ("M-28", mount(Type="bind", Source="\\etc"), 400, "absolute", None),
    ("M-28 a NUL", bind("/tmp\0/etc:/x"), 400, "NUL", None),
    ("M-28 a line end", bind("/tmp\n/etc:/x"), 403, "Binds", None),

    ("N-01", host(NetworkMode="host"), 403, "NetworkMode", "HostConfig.NetworkMode"),
    ("N-01 by an endpoint", {"NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, 403, "host-namespace", None),
    ("N-02", host(NetworkMode="container:victim-box"), 404, "victim-box", None),
    ("N-03", host(PidMode="host"), 403, "PidMode", "HostConfig.PidMode"),
    ("N-03 of another", host(PidMode="container:victim-box"), 404, "victim-box", None),
    ("N-04", host(IpcMode="host"), 403, "IpcMode", "HostConfig.IpcMode"),
    ("N-04 of another", host(IpcMode="container:victim-box"), 404, "victim-box", None),
    ("N-05", host(UTSMode="host"), 403, "UTSMode", "HostConfig.UTSMode"),
    ("N-05 control groups", host(CgroupnsMode="host"), 403, "CgroupnsMode", "HostConfig.CgroupnsMode"),
    ("N-05 another's control group", host(Cgroup="container:x"), 403, "Cgroup", "HostConfig.Cgroup"),
    ("N-06", host(NetworkMode="not-yet"), 404, "not-yet", "HostConfig.NetworkMode"),
    ("N-06 a container", host(NetworkMode="container:not-yet"), 404, "not-yet", None),
    ("N-06 an endpoint", {"NetworkingConfig": {"EndpointsConfig": {"not-yet": {}}}}, 404, "not-yet", None),
    ("N-08", host(Links=["victim-box:db"]), 404, "victim-box", None),

    ("R-01", host(Devices=[{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]), 403, "Devices", "HostConfig.Devices"),
    ("R-01 a directory", host(Devices=[{"PathOnHost": "/dev", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]), 403, "Devices", "HostConfig.Devices"),
    ("R-02", host(DeviceCgroupRules=["b 8:* rwm"]), 403, "DeviceCgroupRules", "HostConfig.DeviceCgroupRules"),
    ("R-03", host(DeviceRequests=[{"Count": -1, "Capabilities": [["gpu"]]}]), 403, "DeviceRequests", "HostConfig.DeviceRequests"),
    ("R-03 by its name", host(DeviceRequests=[{"Driver": "cdi", "DeviceIDs": ["x.com/c=all"]}]), 403, "DeviceRequests", None),
    ("R-06", host(OomScoreAdj=-1000), 403, "OomScoreAdj", "HostConfig.OomScoreAdj"),
    ("R-06 the killer off", host(OomKillDisable=True), 403, "OomKillDisable", None),
    ("R-07", host(CpuRealtimeRuntime=1000), 403, "CpuRealtimeRuntime", None),
    ("R-07 a device", host(BlkioWeightDevice=[{"Path": "/dev/sda", "Weight": 10}]), 403, "BlkioWeightDevice", None),
    ("R-10", log("syslog", **{"syslog-address": "tcp://169.254.169.254:80"}), 403, "LogConfig", None),
    ("R-10 gelf", log("gelf", **{"gelf-address": "udp://10.0.0.1:1"}), 403, "LogConfig", None),
    ("R-10 a socket of the host", log("fluentd", **{"fluentd-address": "unix:///run/x"}), 403, "LogConfig", None),
    ("R-10 the journal", log("journald"), 403, "LogConfig", "HostConfig.LogConfig.Type"),
    ("R-13", host(PortBindings={f"{port}/tcp": [{"HostPort": str(port)}] for port in range(1, 200)}), 403, "PortBindings", "HostConfig.PortBindings"),
    ("R-13 a range", host(PortBindings={"80/tcp": [{"HostPort": "1-60000"}], **{f"{port}/udp": [{}] for port in range(1, 200)}}), 403, "PortBindings", None),
    ("R-16", host(StorageOpt={"size": "10000g"}), 403, "StorageOpt", None),
    ("W-03,N-01 the host's, spelled otherwise", host(NetworkMode="Host"), 404, "Host", None),
    ("W-07,P-07 options of an endpoint", {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"DriverOpts": {
        "com.docker.network.endpoint.sysctls": "net.ipv4.ip_forward=1"}}}}}, 403, "DriverOpts", None),
    ("N-10 an id as its name", {"?name": "a1" * 32}, 400, "name", None),
    ("N-10 a short id as its name", {"?name": "a1b2c3d4e5f6"}, 201, "Id", None),
    ("N-09 a slash in its name", {"?name": "a/b"}, 400, "name", None),
    ("W-14,K-08 a name without bound", {"?name": "a" * 4000}, 400, "name", None),
    ("I-04 an image that the host has", {"Image": "busybox:latest"}, 404, "No such image", None),
    ("I-04,I-16 by its id", {"Image": "BUSYBOX-ID"}, 404, "No such image", None),
    ("I-16 by another name", {"Image": "docker.io/library/busybox:latest"}, 404, "No such image", None),
]


def at(facts, path):
    for key in path.split("."):
        facts = (facts or {}).get(key)
    return facts


# (name, body, {field of the engine's inspect: what it has to be}): taken, and harmless.
WRITTEN = [
    ("P-09", host(Annotations={"org.systemd.property.DeviceAllow": "x"}), {"HostConfig.Annotations": None}),
    ("P-10", host(UsernsMode="host"), {"HostConfig.UsernsMode": ""}),
    ("P-11", host(GroupAdd=["6", "docker"]), {"HostConfig.GroupAdd": ["6", "docker"]}),
    ("M-24 dev and suid of a tmpfs", host(Tmpfs={"/x": "suid,dev,exec,nr_inodes=0"}), {"HostConfig.Tmpfs": {"/x": "exec,size=2147483648"}}),
    ("M-27 a file for the id", host(ContainerIDFile="/etc/cron.d/x"), {"HostConfig.ContainerIDFile": ""}),
    ("N-04 the default, which old versions share", {}, {"HostConfig.IpcMode": "private"}),
    ("N-05 the default", {}, {"HostConfig.CgroupnsMode": "private"}),
    ("R-04", host(CgroupParent="/"), {"HostConfig.CgroupParent": ""}),
    ("R-04 another job's", host(CgroupParent="/../../system.slice"), {"HostConfig.CgroupParent": ""}),
    ("R-08", {}, {"HostConfig.LogConfig": {"Type": "json-file", "Config": {"max-file": "2", "max-size": "268435456"}}}),
    ("R-09", log("json-file", **{"mode": "non-blocking", "max-buffer-size": "200g", "max-size": "900g"}),
     {"HostConfig.LogConfig": {"Type": "json-file", "Config": {"max-file": "2", "max-size": "268435456"}}}),
    ("R-11", {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 1000000, "Timeout": 1000000, "Retries": 1000000}},
     {"Config.Healthcheck.Interval": 10**9, "Config.Healthcheck.Timeout": 10**9, "Config.Healthcheck.Retries": 100}),
    ("R-14,L-09", host(RestartPolicy={"Name": "always"}), {"HostConfig.RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 10}}),
    ("J-36,G-03", {"Labels": {"berth.key": "x", "Berth.Job": "y", "BERTH.PROFILE": "z", " berth.key ": "w", "colour": "red"}},
     {"Config.Labels.colour": "red", "Config.Labels.Berth.Job": None}),
]


class Containers(EngineCase):
    jobs_wanted = ("job", "victim")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.victim.do("create", "--name", "victim-box", "-v", "victim-volume:/v", cls.victim.image)
        cls.busybox_id = cls.engine.api.get("/images/busybox:latest/json")["Id"]

    def create(self, api, image, body):
        """The answer to a create with what `body` says besides the image; `?name` is the container's name."""
        body = dict(body)
        name = body.pop("?name", None)
        if body.get("Image") == "BUSYBOX-ID":
            body["Image"] = self.busybox_id
        return api.call("POST", "/containers/create" + (f"?name={name.replace('/', '%2F')}" if name else ""), {"Image": image, **body})

    def alone(self, body, field):
        """What the engine shows of a container that it made of this without berth, which is removed again."""
        status, content = self.create(self.engine.api, "busybox", body)
        self.assertEqual(status, 201, f"the engine alone takes this: {content}")
        try:
            value = at(self.engine.api.get(f"/containers/{content['Id']}/json"), field)
            self.assertTrue(value, f"{field} shows the attack")
            return f"alone the engine takes it, {field}={json.dumps(value)}"
        finally:
            self.engine.do("rm", "-fv", content["Id"])
            self.engine.api.call("DELETE", "/volumes/vol")

    @attacks.shows(attacks.ids_of(REFUSED))
    def test_what_is_refused_makes_nothing_on_the_engine(self):
        before = self.engine.snapshot()
        for name, body, status, words, field in REFUSED:
            with self.subTest(name):
                alone = self.alone(body, field) if field else "the engine alone was not asked"
                got, content = self.create(self.job.api, self.job.image, body)
                self.assertEqual(got, status, content)
                self.assertIn(words, json.dumps(content))
                if got == 201:
                    self.job.do("rm", content["Id"])
                self.assertEqual(self.difference(before).replace(self.own_network(), ""), "")
                for attack in attacks.first_ids(name):
                    attacks.saw(attack, f"{status}", f"{content.get('message', '')} | nothing new on the engine; {alone}")

    def own_network(self):
        """The network that the job's first container makes is no difference."""
        made = [f"{each['Id'][:12]} {each['Name']}" for each in self.engine.api.get("/networks") if each["Name"] == f"berth.{self.job.key}.bridge"]
        return f"networks: new {made[0]}" if made else ""

    @attacks.shows(attacks.ids_of(WRITTEN))
    def test_what_is_taken_is_written_anew(self):
        for name, body, expected in WRITTEN:
            with self.subTest(name):
                status, content = self.create(self.job.api, self.job.image, body)
                self.assertEqual(status, 201, content)
                facts = self.engine.api.get(f"/containers/{content['Id']}/json")
                for field, value in expected.items():
                    self.assertEqual(at(facts, field), value, field)
                labels = facts["Config"]["Labels"]
                self.assertEqual((labels["berth.key"], labels["berth.job"]), (self.job.key, self.job.id))
                self.assertFalse([key for key in labels if key.strip().lower().startswith("berth.") and key != key.strip().lower()])
                self.job.do("rm", content["Id"])
                for attack in attacks.first_ids(name):
                    attacks.saw(attack, "accepted by design" if attack == "P-11" else "written anew", f"the engine has {json.dumps(expected)}")
