"""A job has no way to the host itself, and reads why."""

import json

import attacks
from harness import EngineCase
from tools import tar_of

ENGINES = ("newest",)


class Refusals(EngineCase):
    def test_what_would_be_a_way_to_the_host_is_refused(self):
        cases = (
            (("--privileged",), "HostConfig.Privileged"),
            (("-v", "/:/host"), "HostConfig.Binds"),
            (("-v", "/etc:/host-etc:ro"), "HostConfig.Binds"),
            (("--mount", "type=bind,source=/etc,target=/host-etc"), "HostConfig.Mounts"),
            (("--network", "host"), "HostConfig.NetworkMode"),
            (("--pid", "host"), "HostConfig.PidMode"),
            (("--ipc", "host"), "HostConfig.IpcMode"),
            (("--uts", "host"), "HostConfig.UTSMode"),
            (("--cgroupns", "host"), "HostConfig.CgroupnsMode"),
            (("--cap-add", "SYS_ADMIN"), "HostConfig.CapAdd"),
            (("--cap-add", "ALL"), "HostConfig.CapAdd"),
            (("--device", "/dev/kmsg"), "HostConfig.Devices"),
            (("--device-cgroup-rule", "c *:* rwm"), "HostConfig.DeviceCgroupRules"),
            (("--security-opt", "seccomp=unconfined"), "HostConfig.SecurityOpt"),
            (("--security-opt", "apparmor=unconfined"), "HostConfig.SecurityOpt"),
            (("--security-opt", "systempaths=unconfined"), "HostConfig."),
            (("--runtime", "other"), "HostConfig.Runtime"),
            (("--oom-score-adj", "-500"), "HostConfig.OomScoreAdj"),
            (("--volume-driver", "other"), "HostConfig.VolumeDriver"),
            (("--log-driver", "syslog"), "HostConfig.LogConfig"),
        )
        for flags, field in cases:
            with self.subTest(" ".join(flags)):
                result = self.job.docker("run", "--rm", *flags, self.job.image, "true")
                self.refused(result, "berth: ", field, "is refused by rule", code=125)
        self.assertEqual(self.job.ok("ps", "-aq"), "")
        self.assertGreaterEqual(self.job.show()["refusals"], len(cases))

    def test_a_sysctl_of_the_whole_machine_is_refused(self):
        body = {"Image": self.job.image, "HostConfig": {"Sysctls": {"kernel.panic": "1"}}}  # the CLI refuses it by itself
        status, content = self.job.api.call("POST", "/containers/create", body)
        self.assertEqual(status, 403, content)
        self.assertIn("HostConfig.Sysctls", content["message"])

    def test_what_is_berths_to_say_is_said_by_berth(self):
        identity = self.job.ok("create", "--userns", "host", "--cgroup-parent", "/", "-l", "berth.job=other", "-l", "colour=red", self.job.image)
        facts = json.loads(self.engine.docker.ok("inspect", identity))[0]
        self.assertEqual((facts["HostConfig"]["UsernsMode"], facts["HostConfig"]["CgroupParent"]), ("", ""))
        self.assertEqual((facts["Config"]["Labels"]["berth.job"], facts["Config"]["Labels"]["colour"]), (self.job.id, "red"))
        self.job.do("rm", identity)

    @attacks.shows("M-05 K-05", "the engine mounts the job's own door")
    def test_the_docker_socket_in_a_container_is_the_jobs_own_door(self):
        out = self.job.do("run", "--rm", "-v", "/var/run/docker.sock:/var/run/docker.sock", self.job.image, "stat", "-c", "%F", "/var/run/docker.sock")
        self.assertEqual(out, "socket")
        identity = self.job.do("create", "-v", "/var/run/docker.sock:/var/run/docker.sock", self.job.image)
        sources = [each["Source"] for each in json.loads(self.engine.docker.ok("inspect", identity))[0]["Mounts"]]
        self.assertEqual(len(sources), 1)
        self.assertIn(self.job.key, sources[0])
        self.assertNotIn(self.job.key, self.job.ok("inspect", identity))
        self.job.do("rm", identity)

    def test_a_volume_of_a_host_folder_is_refused(self):
        self.refused(self.job.docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/etc", "etc"),
                     "berth: ", "refused", code=1)
        self.refused(self.job.docker("run", "--rm", "--mount", "type=volume,target=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/etc",
                                     self.job.image, "true"), "berth: ", "refused", code=125)
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "")

    def test_networks_on_the_hosts_links_are_refused(self):
        for flags in (("-d", "macvlan"), ("-d", "ipvlan"), ("-d", "host"), ("-o", "com.docker.network.bridge.name=docker0"),
                      ("--subnet", "8.8.8.0/24")):
            with self.subTest(" ".join(flags)):
                self.refused(self.job.docker("network", "create", *flags, "bad"), code=1)
        self.assertNotIn("bad", self.job.ok("network", "ls", "--format", "{{.Name}}").split())

    def test_an_exec_has_no_more_than_the_container(self):
        self.job.do("run", "-d", "--name", "box", self.job.image, "sleep", "1000")
        self.refused(self.job.docker("exec", "--privileged", "box", "true"), "berth: ", "privileged", "refused")
        self.job.do("rm", "-f", "box")

    def test_what_jobs_have_no_use_for_is_closed(self):
        for args in (("swarm", "init"), ("plugin", "install", "--grant-all-permissions", "x"), ("secret", "ls"), ("service", "ls"), ("node", "ls")):
            with self.subTest(" ".join(args)):
                self.refused(self.job.docker(*args))

    def test_a_second_spelling_of_a_field_is_no_way_around(self):
        for body in ('{"Image":"IMAGE","HostConfig":{"privileged":true}}', '{"Image":"IMAGE","hostconfig":{"Privileged":true}}',
                     '{"Image":"IMAGE","HostConfig":{"Privileged":false,"Privileged":true}}', '{"Image":"IMAGE","HostConfig":{"Pri\\u0076ileged":true}}',
                     '{"Image":"IMAGE","HostConfig":{"\\u017fecurityOpt":["seccomp=unconfined"]}}', '{"Image":"IMAGE","Privileged":true}'):
            with self.subTest(body):
                status, content = self.job.api.call("POST", "/containers/create", body.replace("IMAGE", self.job.image).encode(),
                                                    headers={"Content-Type": "application/json"})
                self.assertIn(status, (400, 403), content)

    def test_the_ledger_keeps_the_refusals(self):
        before = self.job.show()["refusals"]
        self.job.docker("run", "--rm", "--privileged", self.job.image, "true")
        self.assertEqual(self.job.show()["refusals"], before + 1)
