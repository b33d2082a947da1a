"""Attacks by objects so large that nobody can read them."""

import attacks
from harness import EngineCase
from test_save_load import image_archive
from tools import tar_of

ENGINES = ("distribution", "newest")


class Large(EngineCase):
    """Objects that are too large to be read do not outlive their job."""

    def create(self, job, body, query=""):
        return job.api.call("POST", "/containers/create" + query, {"Image": job.image, **body})

    def assert_none_left(self, job, images):
        job.close()
        for what in (("ps", "-aq", "--no-trunc"), ("volume", "ls", "-q")):
            self.assertEqual(set(self.engine.docker.ok(*what).split()), self.before[what])
        self.assertEqual(set(self.engine.docker.ok("images", "-aq").split()), images)

    def setUp(self):
        self.before = {what: set(self.engine.docker.ok(*what).split()) for what in (("ps", "-aq", "--no-trunc"), ("volume", "ls", "-q"))}

    @attacks.shows("V-10", "refused, and the image is taken away again")
    def test_settings_that_add_up(self):
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        for last in ([], ["FROM scratch", "LABEL a=b"], ["RUN exit 7"]):  # the result, a stage in front of it, and what a failed build leaves
            with self.subTest(last):
                lines = [f"FROM {job.image}", *("LABEL " + " ".join(f"{key}{number}=1" for number in range(2100)) for key in "ab"), *last]
                status, text = job.api.call("POST", "/build?t=large", tar_of({"Dockerfile": "\n".join(lines) + "\n"}), raw=True)
                self.assertIn("are too large for a job", text.decode() if isinstance(text, bytes) else str(text))
                self.refused(job.docker("image", "inspect", "large"), "No such image", code=1)
        status, made = self.create(job, {"Labels": {f"a{number}": "" for number in range(3000)}})
        self.assertEqual(status, 201, made)
        status, answer = job.api.call("POST", f"/commit?container={made['Id']}&repo=large", {"Labels": {f"b{number}": "" for number in range(3000)}})
        self.assertEqual(status, 413, answer)
        archive, _ = image_archive("large:latest", labels={"a": "x" * 600000})
        status, text = job.api.call("POST", "/images/load", archive, raw=True)
        self.assertIn("are too large for a job", str(text))
        self.refused(job.docker("image", "inspect", "large"), "No such image", code=1)
        self.assertEqual(job.docker("run", "--rm", job.image, "true").code, 0)
        self.assert_none_left(job, images)

    @attacks.shows("V-11", "413, and both are removed again")
    def test_a_container_that_cannot_be_read(self):
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        body = {"Cmd": ["true", "\x01" * 500000], "Volumes": {"/data": {}}}  # the engine tells of it twice, and six bytes for each
        status, answer = self.create(job, body, "?name=large")
        self.assertEqual(status, 413, answer)
        self.assertEqual(job.ok("ps", "-aq"), "")
        self.assertEqual(job.ok("volume", "ls", "-q"), "")
        status, answer = self.create(job, {"Cmd": ["true"], "Volumes": {"/data": {}}}, "?name=large")
        self.assertEqual(status, 201, answer)
        job.do("rm", "large")
        self.assert_none_left(job, images)

    @attacks.shows("V-12", "found in the lists, and removed")
    def test_what_only_the_lists_tell_of(self):
        """No ledger has them: as after a crash in front of its last write."""
        images = set(self.engine.docker.ok("images", "-aq").split())
        job = self.open_job()
        api, name, labels = self.engine.api, f"berth.{job.key}.lost", {"a": "x" * (5 << 20)}
        for path, body in ((f"/containers/create?name={name}", {"Image": "busybox", "Labels": labels}), ("/volumes/create", {"Name": name, "Labels": labels})):
            status, made = api.call("POST", path, body)
            self.assertEqual(status, 201, str(made)[:300])
        self.assert_none_left(job, images)
