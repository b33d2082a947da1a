"""Images that a job commits, imports and pushes."""

import io
import json
import tarfile
import threading
import time

import attacks
from harness import EngineCase
from registries import Registry

ENGINES = ("distribution", "newest")


class Transfers(EngineCase):
    jobs_wanted = ("job", "other")

    def labels(self, image):
        return json.loads(self.job.ok("inspect", "-f", "{{json .Config.Labels}}", image)) or {}

    def test_a_commit_is_the_jobs_image(self):
        self.job.do("run", "--name", "source", "--label", "kept=yes", self.job.image, "sh", "-c", "echo committed >/made")
        identity = self.job.ok("commit", "-m", "why", "-a", "who", "-c", "CMD cat /made", "source", "committed:1")
        self.assertEqual(self.job.do("run", "--rm", "committed:1"), "committed")
        self.assertEqual(self.labels("committed:1"), {"kept": "yes"})
        self.assertEqual(self.job.ok("inspect", "-f", "{{.Id}}", "committed:1"), identity)
        nameless = self.job.ok("commit", "source")
        self.assertEqual(self.job.ok("images", "-q", "--no-trunc", "--filter", "dangling=true"), nameless)
        self.refused(self.other.docker("inspect", "--type", "image", "committed:1"), "no such image", code=1)
        self.refused(self.job.docker("commit", "absent", "x"), "No such container", code=1)
        real = self.engine.docker.ok("inspect", "-f", "{{json .Config.Labels}}", identity)
        self.assertNotIn(self.job.key, real, "a label tells whose container it was")
        self.job.do("rm", "source")
        self.job.do("rmi", "committed:1", nameless)

    def test_an_import_is_the_jobs_image(self):
        archive = self.engine.folder / "import.tar"
        with tarfile.open(archive, "w") as tar:
            for name, text in (("etc/made", "imported\n"),):
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        out = self.job.ok("import", "-c", "ENV A=b", "-m", "why", archive, "imported:1")
        self.assertEqual(out, self.job.ok("inspect", "-f", "{{.Id}}", "imported:1"))
        self.assertEqual(self.job.ok("inspect", "-f", "{{.Config.Env}}", "imported:1"), "[A=b]")
        self.job.do("create", "--name", "importing", "imported:1", "x")
        self.assertIn("etc/made", tarfile.open(fileobj=io.BytesIO(self.job.api.call("GET", "/containers/importing/export", raw=True)[1])).getnames())
        nameless = self.job.ok("import", archive)
        self.assertEqual(self.job.ok("images", "-q", "--no-trunc", "--filter", "dangling=true"), nameless)
        status, content = self.job.api.call("POST", "/images/create?fromSrc=http://169.254.169.254/x&repo=x")
        self.assertEqual(status, 403, content)
        self.job.do("rm", "importing")
        self.job.do("rmi", "imported:1", nameless)


class Pushes(EngineCase):
    jobs_wanted = ("job", "other")

    address = Registry.address

    def setUp(self):
        self.registry()

    def test_jobs_push_the_same_name_one_after_another(self):
        name = f"{self.address}/team/app:1"
        contents = {}
        for job, text in ((self.job, "mine"), (self.other, "theirs")):
            job.build(name, {"Dockerfile": f"FROM {job.image}\nRUN echo {text} >/text\nCMD cat /text\n"})
        answers = {}

        def push(job):
            answers[job] = job.docker("push", name)

        threads = [threading.Thread(target=push, args=(job,)) for job in (self.job, self.other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for job, answer in answers.items():
            self.assertEqual(answer.code, 0, answer.out + answer.err)
            self.assertIn("digest: sha256:", answer.out)
            self.assert_private(answer.out + answer.err)
            contents[job] = job.do("run", "--rm", name)
            self.assertIn("sha256:", job.ok("images", "--digests", "--format", "{{.Digest}}", name.rsplit(":", 1)[0]))
            job.ok("rmi", "-f", job.ok("images", "-q", name))
        self.assertEqual((contents[self.job], contents[self.other]), ("mine", "theirs"))
        third = self.open_job(busybox=False)
        third.ok("pull", "-q", name)
        self.assertIn(third.do("run", "--rm", name), ("mine", "theirs"))
        third.close()
        cached = self.engine.docker.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.address}/*/*")
        self.assertEqual(cached, name, "the cache has what was pulled, and nothing else")
        self.engine.do("rmi", name)

    def test_a_push_is_an_event_of_the_job_that_pushed(self):
        since = str(int(time.time()) - 1)
        name = f"{self.address}/told:1"
        follower = self.other.docker.start("events", "--filter", "event=push", "--format", "{{.Actor.ID}}")
        for job, tags in ((self.job, (name,)), (self.other, (name, f"{self.address}/told:2"))):
            for tag in tags:
                job.do("tag", job.image, tag)
                job.ok("push", tag)
        self.engine.do("tag", "busybox", name)
        self.engine.docker.ok("push", name)
        self.engine.do("rmi", name)

        def pushes(job):
            lines = job.ok("events", "--since", since, "--until", str(int(time.time()) + 1), "--filter", "event=push", "--format", "{{json .}}").splitlines()
            self.assert_private("".join(lines))
            events = [json.loads(line) for line in lines]
            return [(each["Type"], each["Actor"]["ID"], each["Actor"]["Attributes"]["name"], each["id"]) for each in events]
        repository = name.rpartition(":")[0]
        mine = ("image", name, repository, name)
        self.assertEqual(pushes(self.job), [mine])
        self.assertEqual(pushes(self.other), [mine, ("image", f"{repository}:2", repository, f"{repository}:2")])
        self.assertEqual([follower.stdout.readline().decode().strip() for _ in range(2)], [name, f"{repository}:2"])
        follower.terminate()
        follower.communicate(timeout=10)
        for job in (self.job, self.other):
            job.ok("rmi", *job.ok("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split())

    @attacks.shows("I-02 I-08", "the host's tag is as before")
    def test_the_hosts_own_tag_is_as_before(self):
        name = f"{self.address}/host:1"
        self.engine.do("tag", "busybox", name)
        before = self.engine.docker.ok("inspect", "-f", "{{.Id}} {{.RepoTags}} {{.RepoDigests}}", name)
        self.job.do("tag", self.job.image, name)
        self.refused(self.job.docker("push", name), "the host has an image of its own", code=1)
        self.assertEqual(self.engine.docker.ok("inspect", "-f", "{{.Id}} {{.RepoTags}} {{.RepoDigests}}", name), before)
        self.job.do("rmi", "-f", name)
        self.engine.do("rmi", name)

    @attacks.shows("I-08", "404")
    def test_what_is_not_the_jobs_is_not_pushed(self):
        self.engine.do("tag", "busybox", f"{self.address}/secret:1")
        result = self.job.docker("push", f"{self.address}/secret:1")
        self.refused(result, "does not exist", code=1)
        self.engine.do("rmi", f"{self.address}/secret:1")
