"""Names of images that the host has by itself: no job's push or pull touches them."""

import json
import threading
import time

import attacks
from harness import Berth, EngineCase
from registries import PrivateRegistry
from tools import Docker, Unavailable, wait_for

ENGINES = ("distribution", "trixie", "newest")

# Stops a registry amid an upload: a push then hangs until it goes on.


class HostNames(EngineCase):
    jobs_wanted = ("job", "other")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.engine.docker
        cls.address = cls.world.registry().address

    def image_of_host(self, name, text):
        """An image that somebody on the host made, as `name`; its id."""
        self.engine.build(name, f"FROM busybox\nRUN echo {text} >/text\n")
        self.addCleanup(lambda: self.host("rmi", "-f", name))
        return self.named(name)

    def named(self, name):
        """The id of the host's image `name`; None where there is none."""
        result = self.host("image", "inspect", "-f", "{{.Id}}", name)
        return result.out.strip() if result.code == 0 else None

    def facts(self, name):
        facts = json.loads(self.host.ok("image", "inspect", name))[0]
        return {key: sorted(facts[key] or []) for key in ("RepoTags", "RepoDigests")} | {"Id": facts["Id"]}

    def in_registry(self, name, text):
        """`name` in the registry, whose image the host does not keep; its id."""
        target = f"{self.address}/{name}"
        self.engine.build(target, f"FROM busybox\nRUN echo {text} >/text\n")
        identity = self.named(target)
        self.host.ok("push", "-q", target) if self.engine.kind != "distribution" else self.host.ok("push", target)
        self.engine.do("rmi", target)
        self.assertIsNone(self.named(identity))
        return target, identity

    def forget(self, *names):
        for name in names:
            self.host("rmi", "-f", name)

    @attacks.shows("V-52", "409; the host's name is never another image's")
    def test_a_push_takes_no_name_of_the_host(self):
        name = f"{self.address}/hostapp:1"
        self.image_of_host(name, "of the host")
        before = self.facts(name)
        self.job.do("tag", self.job.image, name)
        stop, seen = threading.Event(), set()

        def look():
            while not stop.is_set():
                seen.add(self.named(name))
        looker = threading.Thread(target=look)
        looker.start()
        try:
            for _ in range(3):
                self.refused(self.job.docker("push", name), "the host has an image of its own", "tag", code=1)
            self.refused(self.job.docker("push", "-a", f"{self.address}/hostapp"), "the host has an image of its own", code=1)
        finally:
            stop.set()
            looker.join()
        self.assertEqual(seen, {before["Id"]})
        # The way out.
        self.job.do("tag", self.job.image, f"{self.address}/hostapp:2")
        self.job.ok("push", f"{self.address}/hostapp:2")
        self.assertEqual(self.facts(name), before)
        self.assertIsNone(self.named(f"{self.address}/hostapp:2"))
        self.job.do("rmi", name, f"{self.address}/hostapp:2")
        self.assertEqual(self.facts(name), before)

    @attacks.shows("V-53", "the registry's image comes by its digest; the host's name stays as it was")
    def test_a_pull_moves_no_name_of_the_host(self):
        name, identity = self.in_registry("moved:1", "of the registry")
        self.addCleanup(self.forget, identity)
        self.image_of_host(name, "of the host, too")
        before = self.facts(name)
        job = self.open_job(busybox=False)
        out = job.ok("pull", name)
        self.assertIn(f"Downloaded newer image for {name}", out)
        self.assertIn("1: Pulling from moved", out)
        self.assertEqual(self.facts(name), before)
        self.assertEqual(job.ok("image", "inspect", "-f", "{{.Id}}", name), identity)
        self.assertEqual(job.do("run", "--rm", name, "cat", "/text"), "of the registry")
        self.assertIn(f"up to date for {name}", job.ok("pull", name))
        self.assertIn("of the registry", job.ok("build", "-", input=f"FROM {name}\nRUN cat /text\n"))
        self.assertEqual(self.facts(name), before)
        self.assertIn(name, job.ok("rmi", name))
        job.ok("pull", name)
        self.assertEqual(job.close().code, 0)
        self.assertEqual(self.facts(name), before)
        # What is left of it is the cache's, under its digest alone.
        self.assertEqual(self.facts(identity)["RepoTags"], [])
        cached = json.loads(self.berth.ok("cleanup", "--json"))["cache"]["images"]
        self.assertIn(identity, [each["id"] for each in cached], cached)
        self.assertNotIn(before["Id"], [each["id"] for each in cached if each["outcome"] == "gone"])

    @attacks.shows("V-53", "the registry's image comes by its digest; the host's name stays as it was")
    def test_a_pull_of_what_the_host_has_leaves_no_trace(self):
        name, identity = self.in_registry("same:1", "the same")
        self.image_of_host(name, "something else")  # until it has the registry's, by an archive: without its digest
        other = self.open_job(busybox=False)
        other.ok("pull", name)
        self.engine.do("tag", identity, f"{self.address}/loaded:1")
        archive = self.engine.folder / "same.tar"
        self.host.ok("save", "-o", archive, f"{self.address}/loaded:1")
        self.assertEqual(other.close().code, 0)
        self.forget(f"{self.address}/loaded:1", identity, name)
        self.assertIsNone(self.named(identity))
        self.host.ok("load", "-i", archive)
        self.engine.do("tag", f"{self.address}/loaded:1", name)
        self.engine.do("rmi", f"{self.address}/loaded:1")
        before = self.facts(name)
        job = self.open_job(busybox=False)
        job.ok("pull", name)
        self.assertEqual(job.ok("image", "inspect", "-f", "{{.Id}}", name), identity)
        self.assertEqual(job.close().code, 0)
        after = self.facts(name)
        self.assertEqual((after["Id"], after["RepoTags"]), (before["Id"], before["RepoTags"]))

    def stalled_push(self, job, name):
        """A push of `name` that hangs because its registry is stopped; the thread, and its result when it has ended."""
        registry = self.world.registry().process
        results = []
        registry.send_signal(19)  # SIGSTOP
        thread = threading.Thread(target=lambda: results.append(job.docker("push", name)))
        thread.start()
        return registry, thread, results

    @attacks.shows("V-54", "what the host has named so meanwhile stays")
    def test_a_name_that_the_host_takes_during_a_push_stays_its(self):
        name = f"{self.address}/taken:1"
        self.job.do("tag", self.job.image, name)
        identity = self.job.ok("image", "inspect", "-f", "{{.Id}}", name)
        registry, thread, results = self.stalled_push(self.job, name)
        try:
            wait_for(lambda: self.named(name) == identity, 20, "the push")
            self.engine.do("tag", "busybox", name)
            self.addCleanup(self.forget, name)
        finally:
            registry.send_signal(18)  # SIGCONT
            thread.join()
        before = self.named("busybox")
        self.assertEqual(self.named(name), before)
        self.refused(self.job.docker("push", name), "the host has an image of its own", code=1)
        self.job.do("rmi", name)
        self.assertEqual(self.named(name), before)

    @attacks.shows("V-55", "the name is given back at the start")
    def test_a_push_that_is_cut_by_the_daemons_death(self):
        name = f"{self.address}/cut:1"
        berth = Berth(self.engine).start()
        try:
            job = berth.open_job()
            job.load_busybox()
            job.do("tag", job.image, name)
            identity = job.ok("image", "inspect", "-f", "{{.Id}}", name)
            for taken in (False, True):
                with self.subTest(taken=taken):
                    registry, thread, results = self.stalled_push(job, name)
                    try:
                        wait_for(lambda: self.named(name) == identity, 20, "the push")
                        berth.kill()
                        if taken:
                            self.engine.do("tag", "busybox", name)
                            self.addCleanup(self.forget, name)
                    finally:
                        registry.send_signal(18)
                        thread.join()
                    berth.start()
                    self.assertEqual(self.named(name), self.named("busybox") if taken else None)
            self.assertEqual(job.close().code, 0)
            self.assertEqual(self.named(name), self.named("busybox"))
        finally:
            berth.stop()


class PrivateNames(EngineCase):
    """The same with a registry that wants credentials."""

    jobs_wanted = ()

    @attacks.shows("V-53", "the registry's image comes by its digest; the host's name stays as it was")
    def test_a_pull_with_credentials(self):
        try:
            private = PrivateRegistry(self.engine)
        except Unavailable as reason:
            self.skipTest(str(reason))
        try:
            name = private.push("busybox", "kept:1")
            self.engine.build(name, "FROM busybox\nRUN echo own >/own\n")
            before = self.engine.docker.ok("image", "inspect", "-f", "{{.Id}}", name)
            job = self.open_job(busybox=False)
            self.refused(job.docker("pull", name), "no basic auth credentials", code=1)
            docker = Docker(job.docker.cli, job.door, private.config("kept"))
            docker.ok("pull", name)
            self.assertNotEqual(docker.ok("image", "inspect", "-f", "{{.Id}}", name), before)
            self.assertEqual(self.engine.docker.ok("image", "inspect", "-f", "{{.Id}}", name), before)
            self.assertEqual(job.close().code, 0)
        finally:
            private.stop()
            self.engine.docker("rmi", "-f", name)
