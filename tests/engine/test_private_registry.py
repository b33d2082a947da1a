"""An image that one job pulled with its credentials is absent to a job that has none, and instant to one that has."""

import json
import time
import unittest
from urllib.parse import quote

import attacks
from harness import EngineCase
from registries import PrivateRegistry
from tools import Docker, Unavailable, tar_of

ENGINES = ("distribution", "trixie", "newest")


class PrivateImages(EngineCase):
    """`first` has logged in and pulled; `other` has not."""

    jobs_wanted = ("first", "other")
    private = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.private = PrivateRegistry(cls.engine)
        except Unavailable as reason:
            cls.tearDownClass()  # which unittest leaves out for a class that skips itself
            raise unittest.SkipTest(str(reason)) from None
        cls.repository = f"{cls.private.address}/team/secret"
        cls.name = f"{cls.repository}:1"
        cls.engine.build("of-the-registry", "FROM busybox\nRUN echo private words >/private\nCMD cat /private\n")
        cls.private.push("of-the-registry", "team/secret:1")
        cls.engine.do("rmi", "of-the-registry")
        cls.docker = cls.client(cls.first, "first")
        cls.docker.ok("login", "-u", cls.private.user, "--password-stdin", cls.private.address, input=cls.private.password)
        cls.pull_lines = cls.docker.ok("pull", cls.name)
        cls.fetched = [each for each in cls.private.asked() if each.startswith("GET") and "/blobs/" in each]
        facts = json.loads(cls.docker.ok("image", "inspect", cls.name))[0]
        cls.identity, cls.digest = facts["Id"], facts["RepoDigests"][0].partition("@")[2]
        cls.docker.ok("pull", "-q", f"{cls.repository}@{cls.digest}")

    @classmethod
    def tearDownClass(cls):
        if cls.private:
            cls.private.stop()
            for image in cls.engine.api.get("/images/json"):
                for name in (image["RepoTags"] or []) + (image["RepoDigests"] or []):
                    if name.startswith(cls.private.address):
                        cls.engine.docker("rmi", name)  # what jobs pulled is the host's cache
        super().tearDownClass()

    @classmethod
    def client(cls, job, name):
        """A docker CLI of `job` whose credentials nobody else has."""
        folder = cls.engine.folder / f"cli-{name}"
        folder.mkdir()
        return Docker(job.docker.cli, job.door, folder)

    def references(self):
        """Every form in which the private image can be asked for, each with its twin that is no image at all."""
        nothing = self.repository.replace("secret", "absent")
        zeros = "0" * 64
        hexadecimal = self.identity[7:]
        return {
            self.name: f"{nothing}:1",
            f"{self.repository}@{self.digest}": f"{nothing}@sha256:{zeros}",
            f"{self.name}@{self.digest}": f"{nothing}:1@sha256:{zeros}",
            self.identity: f"sha256:{zeros}",
            f"sha256:{hexadecimal[:12]}": f"sha256:{zeros[:12]}",
            hexadecimal: zeros,
            hexadecimal[:12]: zeros[:12],
        }

    def answer(self, api, reference, method, path, body=None, headers=None):
        """(status, message) of an answer, the reference out of it."""
        body = json.loads(json.dumps(body).replace("REFERENCE", reference)) if isinstance(body, dict) else body
        path = path.replace("REFERENCE", quote(reference, safe=":/@"))
        status, content = api.call(method, path, body, headers=headers)
        text = content["message"] if isinstance(content, dict) and "message" in content else str(content)
        if "@" in reference:  # some messages split it
            name, _, digest = reference.partition("@")
            text = text.replace(reference, "REFERENCE").replace(digest, "DIGEST").replace(name.rpartition(":")[0] if name.count(":") > 1 else name, "NAME")
        return status, text.replace(reference, "REFERENCE").replace(reference.removeprefix("sha256:"), "REFERENCE")

    def assert_like_nothing(self, method, path, body=None, references=None, statuses=(404,)):
        """The private image is to the other job what no image is, and that as the engine itself says it."""
        for reference, twin in (references or self.references()).items():
            with self.subTest(f"{method} {path}", reference=reference):
                answer = self.answer(self.other.api, reference, method, path, body)
                self.assertIn(answer[0], statuses, answer)
                self.assertEqual(answer, self.answer(self.other.api, twin, method, path, body))
                status, message = self.answer(self.engine.api, twin, method, path, body)
                self.assertEqual(answer[0], status)
                self.assertIn(answer[1], message)  # 20.10 says some of it twice
                self.assert_private(answer[1])

    def test_the_first_job_has_it(self):
        self.assertTrue(self.fetched, "the registry's log shows no layer that was fetched")
        self.assertEqual(self.docker.ok("run", "--rm", self.name), "private words")
        for reference in self.references():
            with self.subTest(reference):
                self.assertEqual(self.docker.ok("image", "inspect", "-f", "{{.Id}}", reference), self.identity)
                self.assertEqual(self.docker.ok("run", "--rm", reference), "private words")

    def test_inspect_history_tag_remove_and_create(self):
        self.assert_like_nothing("GET", "/images/REFERENCE/json")
        self.assert_like_nothing("GET", "/images/REFERENCE/history")
        self.assert_like_nothing("POST", "/images/REFERENCE/tag?repo=stolen&tag=1")
        self.assert_like_nothing("DELETE", "/images/REFERENCE?force=1")
        self.assert_like_nothing("POST", "/containers/create", {"Image": "REFERENCE"})
        self.assertEqual(self.other.ok("images", "-q", "stolen"), "")
        self.assertEqual(self.other.ok("ps", "-aq"), "")

    def test_save(self):
        for path in ("/images/REFERENCE/get", "/images/get?names=REFERENCE"):
            for reference, twin in self.references().items():
                with self.subTest(path, reference=reference):
                    # What engines say differs by the reference, and names paths of theirs: berth says what it says of an inspect.
                    answers = [self.answer(self.other.api, each, "GET", path) for each in (reference, twin)]
                    self.assertEqual(answers[0], answers[1])
                    self.assertEqual(answers[0], self.answer(self.other.api, twin, "GET", "/images/REFERENCE/json"))
                    self.assertEqual(answers[0][0], 404)
        self.refused(self.other.docker("save", "-o", self.engine.folder / "stolen.tar", self.name), "no such image", code=1)
        self.docker.ok("save", "-o", self.engine.folder / "own.tar", self.name)

    @attacks.shows("M-22", "refused")
    def test_image_mounts(self):
        """They are closed to all jobs, whatever image they name and whether the engine knows them (28 does)."""
        api = type(self.other.api)(self.other.door, f"v{self.engine.api.get('/version')['ApiVersion']}")
        body = {"Image": self.other.image, "HostConfig": {"Mounts": [{"Type": "image", "Source": "REFERENCE", "Target": "/x"}]}}
        for reference, twin in self.references().items():
            with self.subTest(reference):
                answer = self.answer(api, reference, "POST", "/containers/create", body)
                self.assertIn(answer[0], (403, 404), answer)
                self.assertEqual(answer, self.answer(api, twin, "POST", "/containers/create", body))
        self.assertEqual(self.other.ok("ps", "-aq"), "")

    @attacks.shows("I-04 I-17", "the registry is asked with the job's credentials")
    def test_a_pull_is_the_registrys_to_refuse(self):
        for parameters in (f"fromImage={self.repository}&tag=1", f"fromImage={quote(self.name)}", f"fromImage={self.repository}&tag={self.digest}"):
            for who, headers in (("nobody", None), ("a wrong password", self.private.header("not it"))):
                with self.subTest(parameters, who=who):
                    status, content = self.other.api.call("POST", f"/images/create?{parameters}", headers=headers)
                    self.assertIn(status, (401, 500), content)
                    self.assertRegex(content["message"], "no basic auth credentials|unauthorized: authentication required")
                    if "sha256" not in parameters:  # which the engine itself gives to anyone, once it has it
                        self.assertEqual((status, content), self.engine.api.call("POST", f"/images/create?{parameters}", headers=headers))
        for command in (("pull", self.name), ("run", "--rm", self.name), ("create", self.name), ("pull", f"{self.repository}@{self.digest}")):
            with self.subTest(command):
                self.refused(self.other.docker(*command), "no basic auth credentials")
        self.assertEqual(self.other.ok("images", "--format", "{{.Repository}}"), self.other.image)

    def test_builds(self):
        for reference in self.references():
            for dockerfile in (f"FROM {reference}\nRUN cat /private\n", f"FROM {self.other.image}\nCOPY --from={reference} /private /x\nRUN cat /x\n",
                               f"ARG BASE={reference}\nFROM $BASE\nRUN cat /private\n"):
                with self.subTest(dockerfile):
                    status, content = self.other.api.call("POST", "/build?t=stolen&q=0", tar_of({"Dockerfile": dockerfile}), raw=True)
                    self.assertTrue(status in (400, 401, 404, 500) or b'"error"' in content, content)
                    self.assertNotIn(b"private words", content)
                    self.assert_private(content.decode())
        self.assertEqual(self.other.ok("images", "-q", "stolen"), "")
        for name in (self.name, f"{self.repository}@{self.digest}"):
            result = self.other.docker("build", "-t", "stolen", "-", input=f"FROM {name}\n")
            self.refused(result, "no basic auth credentials", code=1)
        # A cache that the job may not see gives no layers.
        status, content = self.other.api.call("POST", f"/build?t=own&cachefrom={quote(json.dumps([self.name]))}", raw=True, body=tar_of(
            {"Dockerfile": f"FROM {self.other.image}\nRUN echo mine >/x\n"}))
        self.assertEqual(status, 200, content)
        self.assertNotIn(b"Using cache", content)
        self.other.do("rmi", "own")

    @attacks.shows("I-08", "404")
    def test_push(self):
        absent = self.repository.replace("secret", "absent")
        answers = [self.answer(self.other.api, each, "POST", "/images/REFERENCE/push?tag=1") for each in (self.repository, absent)]
        self.assertEqual(answers, [(404, "An image does not exist locally with the tag: REFERENCE")] * 2)
        self.refused(self.other.docker("push", self.name), "does not exist", code=1)
        # An image of its own, by that very name.
        self.other.do("tag", self.other.image, self.name)
        self.refused(self.other.docker("push", self.name), "no basic auth credentials", code=1)
        self.assertEqual(self.engine.docker.ok("image", "inspect", "-f", "{{.Id}}", self.name), self.identity, "the engine's own tag is as before")
        self.other.do("rmi", self.name)
        self.assertEqual(self.docker.ok("image", "inspect", "-f", "{{.Id}}", self.name), self.identity)

    def test_lists_and_filters(self):
        for path in ("/images/json?all=1", "/images/json?all=1&digests=1", f"/images/json?filters={quote(json.dumps({'reference': [self.repository]}))}",
                     "/system/df", "/info", f"/events?since=0&until={time.time():.0f}"):
            with self.subTest(path):
                content = self.other.api.call("GET", path, raw=True)[1].decode()
                for word in (self.repository, self.identity[7:19], self.digest):
                    self.assertNotIn(word, content)
        for reference, twin in self.references().items():
            for key in ("since", "before"):
                with self.subTest(key, reference=reference):
                    answers = [self.answer(self.other.api, each, "GET", "/images/json?filters=" + quote(json.dumps({key: [each]}))) for each in (reference, twin)]
                    self.assertEqual(answers[0], answers[1])
            with self.subTest("ancestor", reference=reference):
                self.assertEqual(self.other.ok("ps", "-aq", "--filter", f"ancestor={reference}"), "")

    def test_with_credentials_it_is_instant(self):
        parameters = (f"fromImage={self.repository}&tag=1", f"fromImage={self.repository}&tag={self.digest}")
        for query in parameters:
            with self.subTest(query):
                job = self.open_job(busybox=False)
                before = len(self.private.asked())
                status, content = job.api.call("POST", f"/images/create?{query}", headers=self.private.header(), raw=True)
                self.assertEqual(status, 200, content)
                self.assertNotIn(b"error", content)
                self.assert_nothing_fetched(before)
                self.assertEqual(job.do("run", "--rm", self.identity), "private words")
                self.assertEqual(job.close().code, 0)

    def test_with_credentials_a_build_is_instant_too(self):
        job = self.open_job(busybox=False)
        docker = Docker(job.docker.cli, job.door, self.private.config("builder"))
        before = len(self.private.asked())
        out = docker.ok("build", "-t", "child", "-", input=f"FROM {self.name}\nRUN cat /private\n")
        self.assertIn("private words", out)
        self.assert_nothing_fetched(before)
        docker.ok("tag", "child", f"{self.private.address}/team/child:1")
        docker.ok("push", f"{self.private.address}/team/child:1")
        self.assertTrue([each for each in self.private.asked() if "/v2/team/child/manifests/1" in each])
        self.assertEqual(job.close().code, 0)

    def assert_nothing_fetched(self, before):
        """Since the registry had answered `before` requests: it was asked whether the credentials are good, and for no layer."""
        asked = self.private.asked()[before:]
        self.assertTrue([each for each in asked if "/v2/team/secret/manifests/" in each], asked)
        # The configuration, which is not larger than a manifest, may be read again.
        self.assertEqual([each for each in asked if "/blobs/" in each and each.startswith("GET") and self.identity not in each], [])
