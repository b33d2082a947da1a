"""Rules files: what a profile refuses, caps and forces on a real engine; which job gets which."""

import attacks
from harness import RuledBerth, RuledCase
from tools import wait_for

ENGINES = ("trixie",)

MEGABYTE = 1 << 20


class Ruled(RuledBerth):
    rules = """
        [profile.small]
        limits.container.memory = "32MiB"
        limits.container.memory_max = "64MiB"
        limits.container.cpus_max = 0.5
        limits.container.pids_max = 50
        limits.job.containers = 2
        limits.job.volumes = 1
        limits.job.networks = 1
        capabilities.dropped = ["NET_RAW"]
        security.no_new_privileges = true
        filesystem.read_only = true
        env.forced = { NVIDIA_VISIBLE_DEVICES = "void" }
        exec.users = ["1000"]
        endpoints.closed = ["container.rename"]

        [profile.offline]
        extends = "small"
        build.networks = ["none"]

        [profile.strict]                      # berth's, with the registry of these tests
        networks.isolation_required = false
        images.registries = ["127.0.0.1:*/**"]
        build.allowed = true                  # as the image of the tests is built

        [profile.watched]
        extends = "strict"
        mode = "observe"

        [profile.brief]
        limits.job.time = "2s"

        [profile.old]
        api.version_max = "1.30"

        [[select]]
        labels = { project = "shop/*", branch = "main" }
        profile = "small"
    """


class Rules(RuledCase):
    ruled_by = Ruled

    def real(self, job, name):
        return self.engine.api.get(f"/containers/{job.ok('inspect', '-f', '{{.Id}}', name)}/json")

    def test_a_strict_job_is_refused_by_key_and_told_the_way_out(self):
        job = self.open("--profile", "strict", busybox=False)
        job.build_busybox()
        self.assertEqual(job.show()["profile"], "strict")
        user = ("--user", "1000")
        cases = (
            ((), "user.non_root", "--user 1000"),
            (("--user", "root"), "user.non_root", "--user 1000"),
            ((*user, "--cap-add", "NET_ADMIN"), "capabilities.allowed", "run without it"),
            ((*user, "--cap-add", "CHOWN"), "capabilities.dropped", "run without it"),
            ((*user, "--sysctl", "net.ipv4.ip_forward=1"), "sysctls.allowed", "leave it out"),
            ((*user, "-v", "/var/run/docker.sock:/var/run/docker.sock"), "binds.docker_socket", "leave the mount out"),
            ((*user, "--restart", "always"), "restart.policies", "no, on-failure"),
            ((*user, "--log-driver", "none"), "logs.drivers", "json-file"),
            ((*user, "--shm-size", "1g"), "limits.container.shm_max", "at most"),
            ((*user, "--ulimit", "nofile=100000"), "ulimits.nofile_max", "at most 65536"),
            ((*user, "--privileged"), "privileged", "without --privileged"),
        )
        for flags, rule, way_out in cases:
            with self.subTest(" ".join(flags)):
                result = job.docker("run", "-d", *flags, job.image, "true")
                self.refused(result, "is refused by rule", f'"{rule}"', way_out, code=125)
        self.refused(job.docker("push", job.image), '"images.push"')
        self.refused(job.docker("pull", "busybox:1"), '"images.registries"', "127.0.0.1:*/**")
        self.assertEqual(job.ok("ps", "-aq"), "")
        self.assertEqual(job.show()["refusals"], len(cases) + 2)

        job.ok("run", "-d", "--name", "box", *user, job.image, "sleep", "1000")
        facts = self.real(job, "box")["HostConfig"]
        self.assertEqual((facts["CapDrop"], facts["SecurityOpt"], facts["ReadonlyRootfs"]), (["ALL"], ["no-new-privileges"], True))
        self.assertEqual((facts["Memory"], facts["PidsLimit"]), (4096 * MEGABYTE, 1024))
        self.assertEqual(job.ok("exec", "box", "sh", "-c", "id -u; touch /x 2>/dev/null || echo no; grep CapEff /proc/self/status").split(),
                         ["1000", "no", "CapEff:", "0000000000000000"])
        self.refused(job.docker("exec", "-u", "0", "box", "true"), '"user.non_root"')

    @attacks.shows("I-11 I-12", "by knob: images.registries, of the normalised name")
    def test_a_pull_goes_by_registry_and_tag(self):
        job = self.open("--profile", "strict", busybox=False)
        registry = self.world.registry().address
        self.refused(job.docker("pull", f"{registry}/busybox"), '"images.tags"', "name a tag other than latest")
        self.assertNotIn("refused by rule", job.docker("pull", f"{registry}/busybox:no-such-tag").err)
        self.refused(job.docker("build", "-", input="FROM ghcr.io/them/image:1\n"), '"images.registries"')

    @attacks.shows("P-12 P-15 R-05 R-11", "forced and capped")
    def test_what_is_capped_and_forced_reaches_the_engine(self):
        job = self.open("--profile", "small")
        job.ok("run", "-d", "--name", "one", "-m", "1g", "--memory-swap", "-1", "--cpus", "2", "--pids-limit", "-1", "-e", "NVIDIA_VISIBLE_DEVICES=all",
               job.image, "sleep", "1000")
        facts = self.real(job, "one")
        host = facts["HostConfig"]
        self.assertEqual((host["Memory"], host["MemorySwap"], host["PidsLimit"]), (64 * MEGABYTE, 128 * MEGABYTE, 50))
        self.assertEqual((host["CpuQuota"], host["CpuPeriod"], host["NanoCpus"]), (50000, 100000, 0))
        self.assertEqual((host["CapDrop"], host["SecurityOpt"], host["ReadonlyRootfs"]), (["NET_RAW"], ["no-new-privileges"], True))
        self.assertIn("NVIDIA_VISIBLE_DEVICES=void", facts["Config"]["Env"])
        self.assertNotIn("NVIDIA_VISIBLE_DEVICES=all", facts["Config"]["Env"])

        job.ok("update", "-m", "1g", "--memory-swap", "2g", "--cpus", "2", "--pids-limit", "5000", "one")
        host = self.real(job, "one")["HostConfig"]
        self.assertEqual((host["Memory"], host["PidsLimit"], host["CpuQuota"]), (64 * MEGABYTE, 50, 50000))

        job.ok("create", "--name", "two", job.image)
        self.assertEqual(self.real(job, "two")["HostConfig"]["Memory"], 32 * MEGABYTE)
        self.refused(job.docker("create", job.image), '"limits.job.containers"', "at most 2")
        job.ok("rm", "two")
        job.ok("create", "--name", "two", job.image)
        job.ok("volume", "create", "first")
        self.refused(job.docker("volume", "create", "second"), '"limits.job.volumes"')
        job.ok("network", "create", "first")
        self.refused(job.docker("network", "create", "second"), '"limits.job.networks"')

        self.refused(job.docker("rename", "two", "three"), '"endpoints.closed"')
        job.ok("exec", "one", "true")
        job.ok("exec", "-u", "1000", "one", "true")
        self.refused(job.docker("exec", "-u", "0", "one", "true"), '"exec.users"', "1000")

    @attacks.shows("B-24", "held to the profile")
    def test_the_steps_of_a_build_are_held_to_the_profile(self):
        job = self.open("--profile", "offline", busybox=False)
        job.build_busybox(networkmode="none")
        dockerfile = f"FROM {job.image}\nRUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true\n"
        self.refused(job.docker("build", "--no-cache", "-", input=dockerfile), '"build.networks"', "none")
        self.assertIn(str(64 * MEGABYTE), job.ok("build", "--no-cache", "--network", "none", "-m", "1g", "-", input=dockerfile))

    def test_testcontainers_passes_with_its_usual_needs(self):
        job = self.open("--profile", "testcontainers")
        job.ok("run", "-d", "--name", "ryuk", "-v", "/var/run/docker.sock:/var/run/docker.sock", "-P", job.image, "sleep", "1000")
        job.ok("network", "create", "tests")
        job.ok("run", "-d", "--name", "database", "--network", "tests", "-p", "5432", "--expose", "5432", "--tmpfs", "/var/lib", job.image, "sleep", "1000")
        job.ok("exec", "-u", "root", "database", "true")
        job.ok("volume", "create", "data")
        self.refused(job.docker("commit", "database"), '"images.commit"')
        self.assertEqual(job.show()["refusals"], 1)

    def test_a_job_that_only_observes_is_refused_nothing_but_ways_to_the_host(self):
        job = self.open("--profile", "watched", busybox=False)
        job.build_busybox()
        self.assertEqual((job.show()["profile"], job.show()["mode"]), ("watched", "observe"))
        job.ok("run", "--name", "box", "-d", "--cap-add", "NET_ADMIN", "--restart", "always", job.image, "sleep", "1000")
        job.ok("exec", "-u", "0", "box", "true")
        job.ok("commit", "box", "mine")
        shown = job.show()
        self.assertEqual((shown["refusals"], shown["observed"]), (0, 4), "the container twice, the exec, the commit")
        log = self.ruled.log.read_text()
        for rule in ("capabilities.allowed", "user.non_root", "images.commit"):
            self.assertRegex(log, f"would be refused.*rule={rule}")
        self.assertEqual(self.real(job, "box")["HostConfig"]["RestartPolicy"]["Name"], "on-failure")
        self.refused(job.docker("run", "--privileged", job.image), '"privileged"')
        self.refused(job.docker("run", "--pid", "host", job.image), '"host-namespace"')
        self.refused(job.docker("run", "--cap-add", "SYS_ADMIN", job.image), '"capabilities.allowed"')
        self.refused(job.docker("run", "-v", "/etc:/x", job.image), '"binds"')
        self.assertEqual(job.show()["refusals"], 4)

    def test_build_only_runs_nothing_but_builds(self):
        job = self.open("--profile", "build-only")
        job.ok("build", "-t", "made", "-", input=f"FROM {job.image}\nRUN echo made > /made\n")
        self.refused(job.docker("run", job.image, "true"), '"endpoints.closed"', code=125)
        self.refused(job.docker("network", "create", "n"), '"networks.drivers"')
        self.refused(job.docker("volume", "create", "v"), '"endpoints.closed"')

    def test_every_ready_profile_may_be_had(self):
        for name in ("default", "strict", "build-only", "testcontainers", "trusted", "dind"):
            self.assertEqual(self.open("--profile", name, busybox=False).show()["profile"], name)
        dind = self.open("--profile", "dind")
        self.assertEqual(dind.ok("run", "--rm", "--cap-add", "NET_ADMIN", dind.image, "sh", "-c", "ip link set lo down && echo done"), "done")
        self.refused(dind.docker("run", "--privileged", dind.image), '"privileged"')

    def test_a_job_speaks_no_newer_version_than_its_profile(self):
        job = self.open("--profile", "old", busybox=False)
        self.assertEqual(job.ok("version", "-f", "{{.Server.APIVersion}}"), "1.30")
        status, content = job.api.call("GET", "/version")
        self.assertEqual((status, content["ApiVersion"]), (200, "1.30"))
        self.assertEqual(self.open(busybox=False).api.call("GET", "/version")[1]["ApiVersion"] == "1.30", False)

    def test_a_job_is_open_no_longer_than_its_profile_says(self):
        job = self.open("--profile", "brief", "--ttl", "1h", busybox=False)
        wait_for(lambda: self.ruled.cli("job", "show", job.id).code != 0, 20, "the end of the job")
        job.closed = True

    def test_labels_choose_the_profile_and_a_named_one_wins(self):
        labels = ("--label", "project=shop/web", "--label", "branch=main")
        self.assertEqual(self.open(*labels, busybox=False).show()["profile"], "small")
        self.assertEqual(self.open(*labels, "--profile", "dind", busybox=False).show()["profile"], "dind")
        self.assertEqual(self.open("--label", "project=shop/web", "--label", "branch=feature", busybox=False).show()["profile"], "default")
        result = self.ruled.cli("job", "open", "--profile", "no-such")
        self.assertEqual((result.code, "there is no profile no-such" in result.err), (1, True))
