"""skopeo, which speaks to a Docker by archives alone: out of one job and into another."""

import json

from harness import EngineCase
from tools import clean_env, run

ENGINES = ("newest",)


class Skopeo(EngineCase):
    jobs_wanted = ("job", "other")

    def skopeo(self, *words):
        result = run(["skopeo", "--insecure-policy", *words], timeout=120, env=clean_env(TMPDIR=str(self.engine.folder)))
        self.assert_private(result.out + result.err)
        return result

    def copy(self, *words):
        result = self.skopeo("copy", *words)
        self.assertEqual(result.code, 0, result.err)

    def built(self, job, tag, text):
        job.build(tag, {"Dockerfile": f"FROM {job.image}\nRUN echo {text} >/text\nCMD cat /text\n"})
        return job.ok("inspect", "-f", "{{.Id}}", tag)

    def test_from_a_job_to_an_archive_and_into_another_job(self):
        identity = self.built(self.job, "app:1", "copied")
        archive = self.engine.folder / "skopeo.tar"
        self.copy("--src-daemon-host", self.job.docker.host, "docker-daemon:app:1", f"docker-archive:{archive}:app:1")
        self.assert_private(archive.read_bytes().decode("latin-1"))
        self.copy("--dest-daemon-host", self.other.docker.host, f"docker-archive:{archive}", "docker-daemon:app:copy")
        self.assertEqual(self.other.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "app"), "app:copy")
        self.assertEqual(self.other.ok("run", "--rm", "app:copy"), "copied")
        self.assertEqual(self.other.ok("inspect", "-f", "{{.Id}}", "app:copy"), identity)
        self.assertEqual(self.job.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "app"), "app:1")

    def test_from_job_to_job_at_once(self):
        for job, text in ((self.job, "mine"), (self.other, "theirs")):
            self.built(job, "same:1", text)
        self.copy("--src-daemon-host", self.job.docker.host, "--dest-daemon-host", self.other.docker.host, "docker-daemon:same:1", "docker-daemon:same:of-the-first")
        self.assertEqual([self.other.ok("run", "--rm", f"same:{tag}") for tag in ("1", "of-the-first")], ["theirs", "mine"])

    def test_into_a_name_that_another_job_and_the_host_have(self):
        theirs = self.built(self.other, "taken:1", "theirs")
        self.built(self.job, "source:1", "mine")
        self.engine.docker.ok("tag", "busybox", "taken:1")
        try:
            before = self.engine.docker.ok("inspect", "-f", "{{.Id}}", "taken:1")
            self.copy("--src-daemon-host", self.job.docker.host, "--dest-daemon-host", self.job.docker.host, "docker-daemon:source:1", "docker-daemon:taken:1")
            self.assertEqual(self.job.ok("run", "--rm", "taken:1"), "mine")
            self.assertEqual(self.other.ok("inspect", "-f", "{{.Id}}", "taken:1"), theirs)
            self.assertEqual(self.engine.docker.ok("inspect", "-f", "{{.Id}}", "taken:1"), before)
        finally:
            self.engine.docker.ok("rmi", "taken:1")

    def test_what_an_image_is(self):
        identity = self.built(self.job, "looked-at:1", "x")
        result = self.skopeo("inspect", "--raw", "--config", "--daemon-host", self.job.docker.host, "docker-daemon:looked-at:1")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(json.loads(result.out)["config"]["Cmd"][-1], "cat /text")
        result = self.skopeo("copy", "--src-daemon-host", self.job.docker.host, f"docker-daemon:{identity}", f"dir:{self.engine.folder}/by-id")
        self.assertEqual(result.code, 0, result.err)

    def test_what_is_not_the_jobs_is_absent(self):
        self.built(self.other, "secret:1", "secret")
        for name in ("secret:1", "busybox:latest", self.other.ok("inspect", "-f", "{{.Id}}", "secret:1")):
            with self.subTest(name):
                self.refused(self.skopeo("copy", "--src-daemon-host", self.job.docker.host, f"docker-daemon:{name}", f"dir:{self.engine.folder}/none"), "no such image")
