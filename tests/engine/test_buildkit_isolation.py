"""What a build with BuildKit has of the host and of other jobs: nothing. And what it may have, it gets with its own credentials."""

import tempfile
from pathlib import Path

import attacks
from buildkit import BuildKit, stock_docker
from builds import VICTIM
from harness import RuledBerth, RuledCase
from registries import PrivateRegistry
from tools import wait_for

ENGINES = ("newest",)


class Isolation(BuildKit):
    """What a build of one job has of the host and of other jobs: nothing."""

    jobs_wanted = ("job", "other")

    @attacks.shows("I-03 B-19 X-01", "no name leads to an image that the job does not have")
    def test_an_image_of_the_host_is_out_of_reach(self):
        own, name = self.job.image, VICTIM
        identity = self.engine.api.get(f"/images/{name}/json")["Id"].partition(":")[2]
        for lines in ((f"FROM {name}",), (f"FROM {own}", f"COPY --from={name} /secret /s"), (f"FROM {identity[:12]}",), (f"FROM {identity}",),
                      (f"FROM {own}", f"RUN --mount=type=bind,from={name},target=/m cat /m/secret"),
                      (f"FROM {own} AS a", f"ONBUILD COPY --from={name} /secret /s", "FROM a"),
                      (f"FROM {own} AS a", f"ONBUILD COPY --from={identity[:4]} /secret /s", "FROM a"),
                      ("ARG X=private:1", "FROM victim/$X"), (f"FROM docker.io/{name}",)):
            with self.subTest(lines):
                self.refused(*lines, flags=("-t", "loot"))
        for context in (f"docker-image://{name}", f"docker-image://docker.io/{name}"):
            self.refused(f"FROM {own}", "COPY --from=x /secret /s", flags=("--build-context", f"x={context}", "-t", "loot"))
        self.refused(f"FROM {own}", flags=("--build-context", f"{own}=docker-image://{name}", "-t", "loot"))
        self.assertNotIn("loot:latest", self.tags())

    @attacks.shows("B-08 B-17", "a cache that is named is not looked up")
    def test_no_cache_of_the_host_is_imported(self):
        caches = ("--cache-from", VICTIM, "--cache-from", f"type=registry,ref={VICTIM}")
        text = self.build(f"FROM {self.job.image}", "LABEL a=b", flags=(*caches, "-t", "mine"))
        self.assertNotIn(VICTIM, text)
        self.job.do("rmi", "-f", "mine")

    @attacks.shows("B-01 B-15", "the host's network is refused")
    def test_the_network_of_the_host(self):
        self.assertIn('rule "host-namespace"', self.refused(f"FROM {self.job.image}", "RUN true", flags=("--network", "host")))
        self.assertIn('rule "host-namespace"', self.refused(f"FROM {self.job.image}", flags=("--allow", "network.host")))
        self.assertIn('rule "privileged"', self.refused(f"FROM {self.job.image}", flags=("--allow", "security.insecure")))
        self.assertIn("not allowed", self.refused(f"FROM {self.job.image}", "RUN --network=host true"))

    @attacks.shows("B-05 B-23 X-06", "the engine fetches nothing for a build")
    def test_what_the_engine_would_fetch(self):
        for lines in (("ADD http://169.254.169.254/latest /x",), ("ADD https://127.0.0.1:1/x /x",), ("ADD https://github.com/a/b.git /x",)):
            self.assertIn("fetch it in the job", self.refused(f"FROM {self.job.image}", *lines))
        for context in ("https://github.com/a/b.git", "git://10.0.0.1/x.git", "http://10.0.0.1/x.tar"):
            result = self.docker("build", context)
            self.assertIn("fetch it in the job", result.err)

    @attacks.shows("B-06", "the engine's own frontend reads every Dockerfile")
    def test_no_other_frontend(self):
        self.build("# syntax=evil/frontend:1", f"FROM {self.job.image}", "LABEL a=b")
        self.job.do("rmi", "-f", "mine")
        self.assertIn('rule "frontend"', self.refused(f"FROM {self.job.image}", flags=("--build-arg", "BUILDKIT_SYNTAX=evil/frontend:1")))

    @attacks.shows("B-07", "each job has a space of its own")
    def test_a_cache_mount_is_the_jobs_own(self):
        mount = "RUN --mount=type=cache,id=shared,target=/c"
        self.build(f"FROM {self.job.image}", f"{mount} echo poison >/c/x; echo {self.job.key}")
        self.build(f"FROM {self.job.image}", f"{mount} cp /c/x /kept; echo {self.job.key}")
        self.assertEqual(self.job.read("mine", "/kept"), "poison\n")
        other = self.stock(self.other)
        self.build(f"FROM {self.other.image}", f"{mount} ls /c >/seen; echo {self.other.key}", docker=other,
                   flags=("-t", "mine", "--build-arg", "BUILDKIT_CACHE_MOUNT_NS=" + f"berth.{self.job.key}.cache"))
        self.assertEqual(self.other.read("mine", "/seen"), "")
        for job in (self.job, self.other):
            job.do("rmi", "-f", "mine")

    @attacks.shows("B-18", "no step is taken over from another job")
    def test_the_same_step_with_another_secret(self):
        """A secret is no part of what the engine knows a step by."""
        name = f"{self.registry().address}/busybox"
        lines = (f"FROM {name}", "RUN --mount=type=secret,id=s cp /run/secrets/s /kept")
        for job in (self.job, self.other):
            docker = self.stock(job)
            for _ in range(2):  # the second one takes the step over from the first
                text = self.build(*lines, docker=docker, flags=("-t", "mine", "--secret", "id=s,src=in"), files={"in": job.key})
            self.assertIn("CACHED", text)
            self.assertEqual(job.read("mine", "/kept"), job.key)
            job.do("rmi", "-f", "mine", name)

    @attacks.shows("B-09 W-10", "from a step no job and no metadata service is reached")
    def test_a_step_reaches_no_other_job(self):
        box = self.other.do("run", "-d", "-p", "8080:80", self.other.image, "sh", "-c", "echo theirs >index.html; httpd -f -p 80")
        address = self.other.address()
        try:
            self.fetch(f"{address}:8080", "/index.html")
            self.build(f"FROM {self.job.image}", f"RUN wget -T 2 -q -O /got http://{address}:8080/index.html || echo nothing >/got",
                       "RUN ip route >/route")
            self.assertEqual(self.job.read("mine", "/got"), "nothing\n")
            self.assertIn("default", self.job.read("mine", "/route"))  # it has a network
        finally:
            self.other.do("rm", "-f", box)
        self.job.do("rmi", "-f", "mine")

    @attacks.shows("B-13 B-21 I-02", "an image gets the job's own names alone")
    def test_names_of_the_result(self):
        self.build(f"FROM {self.job.image}", "LABEL a=b", flags=("--output", "type=image,name=busybox:latest,push=false"))
        self.assertEqual(self.engine.api.get("/images/busybox/json")["Id"], self.host_busybox())
        self.refused(f"FROM {self.job.image}", flags=("-t", f"berth.{self.other.key}/docker.io/library/x:1"))
        self.job.do("rmi", "-f", "busybox")

    def host_busybox(self):
        return next(each["Id"] for each in self.engine.api.get("/images/json") if "busybox:latest" in (each["RepoTags"] or []))


class Credentials(BuildKit):
    """A base that one job may read: with the session's own credentials, and no other job has it by that."""

    jobs_wanted = ("job", "other")

    def test_a_private_base(self):
        private = PrivateRegistry(self.engine)
        self.addCleanup(private.stop)
        self.engine.build("of-the-registry", "FROM busybox\nLABEL private=1\n")
        name = private.push("of-the-registry", "team/base:1")
        self.engine.do("rmi", "of-the-registry")
        self.ok("login", "-u", private.user, "--password-stdin", private.address, input=private.password)
        self.build(f"FROM {name}", "LABEL mine=1")
        self.assertEqual(self.job.api.get("/images/mine/json")["Config"]["Labels"]["private"], "1")
        self.assertIn("failed to resolve source metadata", self.refused(f"FROM {name}", docker=self.stock(self.other)))
        self.assertNotIn(private.password, self.berth.log.read_text())
        self.job.do("rmi", "-f", "mine", name)
        self.engine.docker("rmi", name)  # what a job pulled is the host's cache


class ProfiledBerth(RuledBerth):
    rules = """
        [profile.closed]
        build.allowed = false
        [profile.without]
        limits.container.memory_max = "64MiB"
        [profile.limited]
        limits.job = { memory = "64MB", pids = 40 }
    """


class ByProfile(RuledCase):
    """What profiles say of builds."""

    ruled_by = ProfiledBerth

    def client(self, profile):
        job = self.open("--profile", profile, busybox=profile == "limited")
        docker = stock_docker(self.engine, job.door)
        return (job, docker) if docker else self.skipTest("no docker-buildx")

    def test_the_client_says_why(self):
        """It is refused as a build: a client that is not let in at all makes a builder of its own, a privileged container."""
        for profile, rule in (("closed", "build.allowed"), ("without", "limits.container.memory_max")):
            result = self.client(profile)[1]("build", "-", input="FROM scratch\nLABEL a=b\n")
            self.assertIn(f'rule "{rule}"', result.err)
            self.assertNotIn("booting", result.err)

    @attacks.shows("B-16", "under the job's own control group")
    def test_steps_are_under_the_jobs_control_group(self):
        job, docker = self.client("limited")
        root = Path("/sys/fs/cgroup")

        def groups():
            return [each for at in (*root.glob(f"*/berth/{job.key}"), *root.glob(f"berth/{job.key}")) for each in at.iterdir() if each.is_dir()]

        build = docker.start("build", "--cgroup-parent", "/elsewhere", "-", stdin=self.dockerfile(f"FROM {job.image}\nRUN sleep 1000\n"))
        wait_for(groups, 20, "the step's group under the job's")
        build.kill()
        build.communicate()
        self.assertEqual(job.close().code, 0)
        self.assertEqual(groups(), [])

    def dockerfile(self, text):
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        file.write(text.encode())
        file.seek(0)
        return file
