"""A stock client's builds: nothing is set, and they are BuildKit's, through a door as before an engine."""

import json
import os
import signal
import threading
import time

from buildkit import BuildKit

ENGINES = ("newest", "trixie")


class StockBuilds(BuildKit):
    jobs_wanted = ("job", "other")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        # Nothing of a build is left: not even a record of it.
        if cls.kind == "newest":  # whose client can ask
            left = cls.of_host().ok("buildx", "history", "ls", "--format", "{{.Ref}}")
            assert not left, f"the engine has records of the jobs' builds: {left}"

    def test_stages_secrets_heredocs_and_arguments(self):
        image = self.job.image
        text = self.build("ARG BASE=none", "FROM $BASE AS one", "RUN echo 1 >/one",
                          f"FROM {image}", "COPY --from=one /one /a", "COPY --from=0 /one /b",
                          f"COPY --from={image} /bin/sh /c", "COPY in out* /ctx/", "LABEL berth.job=forged word=kept",
                          "RUN --mount=type=secret,id=s --mount=type=bind,from=one,target=/m cat /run/secrets/s /m/one >/secret; cat <<END >/here",
                          "text", "END",
                          flags=("-t", "mine", "-t", "mine:2", "--build-arg", f"BASE={image}", "--secret", "id=s,src=in", "--label", "flag=kept"),
                          files={"in": "x", "out": "y", "__dockerignore": "out\n"})
        self.assertNotIn(self.job.key, text)
        self.assertIn("FROM docker.io/library/own-busybox:latest", text)
        self.assertIn("naming to docker.io/library/mine:2", text)
        for path, content in (("/a", "1\n"), ("/b", "1\n"), ("/secret", "x1\n"), ("/here", "text\n")):
            self.assertEqual(self.job.read("mine", path), content)
        facts = self.job.api.get("/images/mine/json")
        self.assertEqual({key: facts["Config"]["Labels"][key] for key in ("word", "flag")}, {"word": "kept", "flag": "kept"})
        self.assertEqual(sorted(facts["RepoTags"]), ["mine:2", "mine:latest"])
        self.assertIn("COPY", self.ok("history", "mine"))
        self.job.do("rmi", "-f", "mine", "mine:2")

    def test_two_jobs_build_the_same_tags_at_once(self):
        """The other job's image of that name is another one, and a build on it finds the job's own."""
        clients = {job: self.stock(job) for job in (self.job, self.other)}

        def build(job):
            word = f"of {job.id}"
            self.build(f"FROM {job.image}", f"RUN echo {word} >/x", docker=clients[job], flags=("-t", "shared:1"))
            self.build("FROM shared:1 AS base", f"FROM {job.image}", "COPY --from=base /x /y", "COPY --from=shared:1 /x /z",
                       docker=clients[job], flags=("-t", "shared:2"))

        threads = [threading.Thread(target=build, args=(job,)) for job in clients]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for job in clients:
            self.assertEqual(job.read("shared:2", "/y") + job.read("shared:2", "/z"), f"of {job.id}\n" * 2)
            job.do("rmi", "-f", "shared:1", "shared:2")

    def test_a_base_is_pulled_for_the_job(self):
        name = f"{self.registry().address}/busybox"
        self.assertNotIn(f"{name}:latest", self.tags())
        text = self.build(f"FROM {name}", f"COPY --from={self.job.image} /bin/sh /sh2")
        self.assertIn(f"load metadata for {name}:latest", text)
        self.assertIn(f"{name}:latest", self.tags())
        self.build(f"FROM {name}", flags=("--pull", "-t", "mine"))
        self.assertIn("not-there", self.refused(f"FROM {name}/not-there"))
        self.job.do("rmi", "-f", "mine", name)

    def test_what_is_written_to_the_client(self):
        folder = self.folder(f"FROM {self.job.image} AS one", "RUN echo 1 >/one", "FROM scratch", "COPY --from=one /one /one")
        self.ok("build", "--output", f"type=local,dest={folder}/out", ".", cwd=folder)
        self.assertEqual((folder / "out/one").read_text(), "1\n")
        self.ok("build", "--output", f"type=tar,dest={folder}/out.tar", ".", cwd=folder)
        self.assertGreater((folder / "out.tar").stat().st_size, 1024)
        before = self.tags()
        image = self.ok("build", "-q", ".", cwd=folder)
        self.assertEqual(self.tags(), before)
        self.assertEqual(self.job.api.get(f"/images/{image}/json")["RepoTags"], [])
        self.job.do("rmi", image)

    def test_a_push_from_the_build(self):
        name = f"{self.registry().address}/pushed:1"
        self.build(f"FROM {self.job.image}", "LABEL a=b", flags=("--push", "-t", name))
        self.job.do("rmi", "-f", name)
        self.assertIn(name, self.ok("pull", name))
        self.job.do("rmi", "-f", name)
        self.engine.docker("rmi", name)  # what a job pulled is the host's cache

    def test_compose_and_bake(self):
        folder = self.folder(f"FROM {self.job.image}", "ARG WORD", "RUN echo $WORD >/x", "CMD cat /x")
        service = "  {0}:\n    build: {{context: ., args: {{WORD: {0}}}}}\n    image: baked-{0}\n"
        (folder / "compose.yaml").write_text("services:\n" + "".join(service.format(name) for name in ("a", "b")))
        started = time.monotonic()
        text = self.ok("compose", "-p", "baked", "up", "--build", cwd=folder)
        for name in ("a", "b"):
            self.assertIn(f"{name}-1  | {name}", text)
        self.ok("compose", "-p", "baked", "down", "--rmi", "all", "-t", "0", cwd=folder)
        self.ok("buildx", "bake", "-f", "compose.yaml", "a", cwd=folder)
        self.assertLess(time.monotonic() - started, 60)
        self.assertIn("baked-a:latest", self.tags())
        self.job.do("rmi", "-f", "baked-a")

    def test_a_client_that_goes_leaves_nothing_running(self):
        folder = self.folder(f"FROM {self.job.image}", "RUN touch /begun; sleep 987654")
        client = self.docker.start("build", "--progress=plain", "-t", "mine", ".", cwd=folder)
        self.wait_for_step("sleep 987654", True)
        os.kill(client.pid, signal.SIGINT)
        client.communicate(timeout=20)
        self.wait_for_step("sleep 987654", False)
        self.assertNotIn("mine:latest", self.tags())

    def wait_for_step(self, command, there):
        end = time.monotonic() + 20
        while (command in " ".join(self.commands())) != there:
            self.assertLess(time.monotonic(), end, f"{command} is {'not ' if there else ''}running")
            time.sleep(0.05)

    @staticmethod
    def commands():
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as line:
                        yield line.read().replace(b"\0", b" ").decode(errors="replace").strip()
                except OSError:
                    pass  # it has ended

    def test_a_failed_build_says_what_docker_says(self):
        self.assertIn("exit code: 3", self.refused(f"FROM {self.job.image}", "RUN exit 3", flags=("-t", "mine")))
        self.assertIn("unknown instruction", self.refused(f"FROM {self.job.image}", "NOSUCH word"))
        self.assertNotIn("mine:latest", self.tags())

    def test_what_a_client_asks_besides(self):
        self.assertIn("Driver:        docker", self.ok("buildx", "inspect"))
        self.assertIn("host-gateway-ip: " + self.job.address(), self.ok("buildx", "inspect"))
        self.assertIn("0B", self.ok("buildx", "du"))
        self.ok("buildx", "prune", "-f")
        self.ok("buildx", "history", "ls")
        self.assertIn("linux/amd64" if os.uname().machine == "x86_64" else "linux/", self.ok("buildx", "ls"))
        if self.kind != "newest":
            return  # whose client has no --call
        outline = self.ok("build", "--call=targets", ".", cwd=self.folder(f"FROM {self.job.image} AS first", "FROM first AS second"))
        self.assertIn("second", outline)

    def test_the_record_has_the_build(self):
        self.build(f"FROM {self.job.image}", "LABEL recorded=1")
        records = [json.loads(line) for line in self.berth.ok("audit", "--job", self.job.id, "--json").splitlines()]
        self.assertIn("build", [each["endpoint"] for each in records])
        self.job.do("rmi", "-f", "mine")
