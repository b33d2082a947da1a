"""Names that a job moves while its build, create or save is under way lead nowhere else."""

import hashlib
import io
import json
import tarfile
import threading

import attacks
from builds import SECRET, STEP_THAT_WAITS, VICTIM, Builds

ENGINES = ("distribution", "trixie")


class Moved(Builds):
    """Names that the job itself moves between judgement and use."""

    def make(self, tag, *lines):
        self.job.build(tag, {"Dockerfile": "\n".join((f"FROM {self.job.image}", *lines)) + "\n", "text": tag.partition(":")[0]})
        return self.job.api.get(f"/images/{tag}/json")["Id"]

    def evil(self):
        """An image with a trigger that no Dockerfile of this job's can have."""
        self.job.do("create", "--name", "source", self.job.image)
        self.job.api.call("POST", "/commit?container=source&repo=evil&tag=1", {"OnBuild": [f"COPY --from={VICTIM} /secret /loot"]})
        self.job.do("rm", "source")
        self.assertIn("--from", self.job.ok("inspect", "-f", "{{json .Config.OnBuild}}", "evil:1"))

    @attacks.shows("V-02", "the ids that were judged are built on")
    def test_a_tag_that_moves_while_the_build_sleeps(self):
        good = self.make("good:1", "COPY text /text")
        self.evil()
        for source in ("FROM good:1", f"FROM --platform=linux/amd64 good:1 AS named\nFROM {self.job.image}\nCOPY --from=good:1 /text /text"):
            with self.subTest(source):
                self.job.do("tag", good, "good:1")
                with self.amid(self.dockerfile(f"FROM {self.job.image}", STEP_THAT_WAITS, source, "RUN cat /text; cat /loot || true"), "built:1", nocache="1") as answer:
                    self.job.do("tag", "evil:1", "good:1")
                status, text = answer()
                self.assertNotIn(SECRET, text)
                self.assertIn("Successfully tagged built:1", text, status)
                self.assertIn("FROM good:1" if source.endswith("good:1") else "COPY --from=good:1 /text /text", text, "the client sees what it wrote")
                for sent in ("FROM sha256:", "--from=sha256:", "berth."):
                    self.assertNotIn(sent, text)
                self.assertEqual(self.job.read("built:1", "/text"), "good")
        self.job.do("rmi", "-f", "built:1", "good:1", "evil:1")

    @attacks.shows("V-07", "held until the build has ended")
    def test_a_base_that_is_removed_while_the_build_sleeps(self):
        good = self.make("gone:1", "COPY text /text")
        with self.amid(self.dockerfile(f"FROM {self.job.image}", STEP_THAT_WAITS, "FROM gone:1", "RUN cat /text >/copy"), "built:1", nocache="1") as answer:
            self.job.do("rmi", "gone:1")
            self.job.docker("rmi", "-f", good)
            self.job.ok("image", "prune", "-af")
        status, text = answer()
        self.assertIn("Successfully tagged built:1", text, status)
        self.assertEqual(self.job.read("built:1", "/copy"), "gone")
        self.assert_nothing_held()
        self.job.do("rmi", "built:1")
        self.assertNotEqual(self.engine.docker("image", "inspect", good).code, 0, "what the job removed is gone, now that nothing rests on it")
        self.job.load_busybox()
        self.send(self.dockerfile(f"FROM {self.job.image}", "RUN false"), "built:1")
        self.assert_nothing_held()

    def assert_nothing_held(self):
        self.assertEqual([name for name in self.engine.snapshot()["image names"] if f"{self.job.key}/image:build-" in name], [])

    @attacks.shows("V-05", "each container is of the image that was judged")
    def test_a_tag_that_moves_while_containers_are_made(self):
        ids = {self.make("plain:1"): None, self.make("checked:1", "HEALTHCHECK --interval=1s CMD true"): 1}
        stop = threading.Event()

        def flip():
            while not stop.is_set():
                for tag in ("plain:1", "checked:1"):
                    self.job.api.call("POST", f"/images/{tag}/tag?repo=flipped&tag=1")

        self.job.do("tag", "plain:1", "flipped:1")
        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            for number in range(12):
                status, made = self.job.api.call("POST", f"/containers/create?name=flipped{number}", {"Image": "flipped:1", "HostConfig": {"Binds": [f"fresh{number}:/x"]}})
                if status == 404:
                    continue  # amid a move the name is nobody's
                self.assertEqual(status, 201, made)
                real = self.engine.api.get(f"/containers/{made['Id']}/json")
                self.assertIn(real["Image"], ids)
                self.assertEqual(bool(real["Config"].get("Healthcheck")), ids[real["Image"]] is not None, "the image's own settings, and no other's")
                self.assertEqual(self.job.ok("inspect", "-f", "{{.Config.Image}}", made["Id"]), "flipped:1")
        finally:
            stop.set()
            flipper.join()
        self.job.ok("container", "prune", "-f")
        self.job.do("rmi", "flipped:1", "plain:1", "checked:1")

    @attacks.shows("V-06", "what is saved is the job's own, under the name that was asked for")
    def test_a_tag_that_moves_while_it_is_saved(self):
        ids = {self.make("first:1", "COPY text /text"), self.make("second:1", "COPY text /text")}
        stop = threading.Event()

        def flip():
            while not stop.is_set():
                for tag in ("first:1", "second:1"):
                    self.job.api.call("POST", f"/images/{tag}/tag?repo=flipped&tag=1")

        self.job.do("tag", "first:1", "flipped:1")
        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            for _ in range(5):
                status, archive = self.job.api.call("GET", "/images/get?names=flipped:1", raw=True)
                if status == 404:
                    continue  # amid a move the name is nobody's
                self.assertEqual(status, 200)
                with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                    entry, = json.load(tar.extractfile("manifest.json"))
                    self.assertEqual(entry["RepoTags"], ["flipped:1"])
                    self.assertIn("sha256:" + hashlib.sha256(tar.extractfile(entry["Config"]).read()).hexdigest(), ids)
        finally:
            stop.set()
            flipper.join()
        self.job.do("rmi", "flipped:1", "first:1", "second:1")
