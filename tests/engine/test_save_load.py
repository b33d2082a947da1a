"""Images as archives: `docker save` and `docker load`, within a job, from job to job, and archives that lie."""

import hashlib
import io
import json
import tarfile
import threading

import attacks
from harness import EngineCase

ENGINES = ("newest",)


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def image_archive(*tags, layer=None, diff=None, labels=None):
    """An archive of one image as `docker save` writes it, with its parts to lie with."""
    layer = tar({"made": b"made by hand\n"}) if layer is None else layer
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["x"], "Labels": labels},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + (diff or digest(layer))]},
                         "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "hand"}]}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": list(tags) or None, "Layers": ["layer.tar"]}]).encode()
    files = {"config.json": config, "manifest.json": manifest}
    if layer:
        files["layer.tar"] = layer
    return tar(files), "sha256:" + digest(config)


class Archives(EngineCase):
    jobs_wanted = ("job", "other")

    def load(self, job, archive, query=""):
        return job.api.call("POST", "/images/load" + query, archive, raw=True)

    def save(self, job, *names):
        status, archive = job.api.call("GET", "/images/get?" + "&".join("names=" + name for name in names), raw=True)
        self.assertEqual(status, 200, archive[:500])
        return archive

    def texts(self, archive):
        with tarfile.open(fileobj=io.BytesIO(archive)) as read:
            return {name: read.extractfile(name).read().decode() for name in ("manifest.json", "index.json", "repositories") if name in read.getnames()}

    def built(self, job, tag, text):
        job.build(tag, {"Dockerfile": f"FROM {job.image}\nRUN echo {text} >/text\nCMD cat /text\n"})
        return job.ok("inspect", "-f", "{{.Id}}", tag)

    @attacks.shows("V-17", "a hundred at most")
    def test_whatever_gives_an_image_names(self):
        def names():
            return set(self.job.ok("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=full").split())

        many = [f"full:{number}" for number in range(100)]
        self.assertEqual(self.load(self.job, image_archive(*many[:60])[0])[0], 200)
        self.assertEqual(self.load(self.job, image_archive(*many[40:])[0])[0], 200, "some of which it has already")
        self.assertEqual(names(), set(many))
        for what, (_, answer) in {
            "load": self.load(self.job, image_archive("full:over")[0]),
            "build": self.job.api.call("POST", "/build?t=full:over", tar({"Dockerfile": b"FROM full:0\n"}), raw=True),
            "push": self.job.api.call("POST", "/images/full/push?tag=0", b"", raw=True, headers={"X-Registry-Auth": "e30="}),
        }.items():
            with self.subTest(what):
                self.assertIn(b"100 names in this job already", answer)
                self.assertEqual(names(), set(many))
        self.job.ok("rmi", *many)

    def test_from_job_to_job(self):
        identity = self.built(self.job, "app:1", "saved")
        self.job.do("tag", "app:1", "registry.example:5000/team/app:2")
        archive = self.engine.folder / "app.tar"
        self.job.ok("save", "-o", archive, "app:1", "registry.example:5000/team/app:2")
        bytes_ = archive.read_bytes()
        self.assert_private(bytes_.decode("latin-1"))
        texts = self.texts(bytes_)
        self.assertEqual(sorted(json.loads(texts["manifest.json"])[0]["RepoTags"]), ["app:1", "registry.example:5000/team/app:2"])
        if "repositories" in texts:
            self.assertEqual(sorted(json.loads(texts["repositories"])), ["app", "registry.example:5000/team/app"])
        if "index.json" in texts:
            names = [each["annotations"]["io.containerd.image.name"] for each in json.loads(texts["index.json"])["manifests"]]
            self.assertEqual(sorted(names), ["docker.io/library/app:1", "registry.example:5000/team/app:2"])

        self.refused(self.other.docker("run", "--rm", "app:1"), "app", code=125)
        out = self.other.ok("load", "-i", archive)
        self.assertIn("Loaded image: app:1", out)
        self.assertIn("Loaded image: registry.example:5000/team/app:2", out)
        self.assert_private(out)
        self.assertEqual(self.other.do("run", "--rm", "app:1"), "saved")
        self.assertEqual(self.other.ok("inspect", "-f", "{{.Id}}", "app:1"), identity)
        self.other.do("rmi", "app:1", "registry.example:5000/team/app:2")
        self.assertEqual(self.job.do("run", "--rm", "app:1"), "saved", "the image is the first job's still")
        self.job.do("rmi", "app:1", "registry.example:5000/team/app:2")

    def test_what_can_be_asked_for(self):
        identity = self.built(self.job, "what:1", "one")
        self.built(self.job, "what:2", "two")
        tags = lambda *names: sorted(tag for image in json.loads(self.texts(self.save(self.job, *names))["manifest.json"]) for tag in image["RepoTags"] or ["-"])
        self.assertEqual(tags("what"), ["what:1", "what:2"])
        self.assertEqual(tags("what:1", "what:2"), ["what:1", "what:2"])
        self.assertEqual(tags(identity), ["-"])
        self.assertEqual(tags(identity[7:19], "what:2"), ["-", "what:2"])
        status, one = self.job.api.call("GET", "/images/what:1/get", raw=True)
        self.assertEqual((status, json.loads(self.texts(one)["manifest.json"])[0]["RepoTags"]), (200, ["what:1"]))
        for absent in ("what:3", "absent", "sha256:" + "0" * 64):
            self.refused(self.job.docker("save", "-o", self.engine.folder / "none.tar", absent), absent, code=1)
        self.refused(self.other.docker("save", "-o", self.engine.folder / "none.tar", identity), identity, code=1)
        self.refused(self.other.docker("save", "-o", self.engine.folder / "none.tar", "what:1"), "what:1", code=1)
        self.job.do("rmi", "what:1", "what:2")

    def test_an_image_without_a_name(self):
        archive, identity = image_archive()
        status, out = self.load(self.job, archive)
        self.assertEqual(status, 200, out)
        self.assertIn(f"Loaded image ID: {identity}", out.decode())
        self.assertEqual(self.job.ok("images", "-q", "--no-trunc", "--filter", "dangling=true"), identity)
        self.assertIsNone(json.loads(self.texts(self.save(self.job, identity))["manifest.json"])[0]["RepoTags"])
        status, out = self.load(self.job, archive)
        self.assertEqual(status, 200, out)
        self.job.do("tag", identity, "named:1")
        self.assertEqual(self.job.ok("images", "-q", "--filter", "dangling=true"), "")
        self.job.do("rmi", "named:1")
        self.refused(self.job.docker("image", "inspect", identity), "no such", code=1)

    def test_a_tag_that_moves(self):
        before = self.built(self.job, "moving:1", "before")
        archive, identity = image_archive("moving:1")
        status, out = self.load(self.job, archive, "?quiet=1")
        self.assertEqual(status, 200, out)
        self.assertEqual(self.job.ok("inspect", "-f", "{{.Id}}", "moving:1"), identity)
        self.assertIn(before, self.job.ok("images", "-aq", "--no-trunc"), "the image that lost its name is the job's still")
        self.job.do("rmi", "moving:1", before)

    @attacks.shows("I-01", "loaded under the job's own references")
    def test_tags_of_others_stay_where_they_are(self):
        mine = self.built(self.job, "victim:1", "mine")
        self.engine.docker.ok("import", self.made_tar(), "host-own:1")
        host = self.engine.docker.ok("inspect", "-f", "{{.Id}}", "host-own:1")
        try:
            real = next(name for name in self.engine.docker.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split() if name.endswith("/victim:1"))
            for tag, expected in (("victim:1", 200), ("host-own:1", 200), ("docker.io/library/host-own:1", 200), (real, 400)):
                archive, identity = image_archive(tag)
                status, out = self.load(self.other, archive)
                self.assertEqual(status, expected, out)
                self.assertEqual(self.job.ok("inspect", "-f", "{{.Id}}", "victim:1"), mine)
                self.assertEqual(self.engine.docker.ok("inspect", "-f", "{{.Id}}", "host-own:1"), host)
                if expected == 200:
                    self.other.do("rmi", tag)
                else:
                    self.assertIn(b"reserved", out)
        finally:
            self.engine.do("rmi", "host-own:1")
            self.job.do("rmi", "victim:1")

    def made_tar(self):
        path = self.engine.folder / "host.tar"
        path.write_bytes(tar({"host": b"host"}))
        return path

    @attacks.shows("I-05", "refused: every layer must be in the archive")
    def test_layers_that_are_not_carried(self):
        secret = self.built(self.job, "secret:1", "secret")
        diff = self.job.ok("inspect", "-f", "{{index .RootFS.Layers 0}}", secret)[7:]
        for layer in (None, b""):
            archive, identity = image_archive("stolen:1", layer=layer, diff=diff)
            status, out = self.load(self.other, archive)
            self.assertEqual(status, 403, out)
            self.assertIn("carry", json.loads(out)["message"])
        self.refused(self.other.docker("image", "inspect", "stolen:1"), "no such", code=1)
        self.job.do("rmi", "secret:1")

    def test_archives_that_are_none(self):
        for archive in (b"", b"nonsense" * 1000, tar({"oci-layout": b"{}", "index.json": b"{}"}), image_archive("app")[0], image_archive("x:1")[0][:700]):
            status, out = self.load(self.job, archive)
            self.assertEqual(status, 400, out)
            self.assertIn("message", json.loads(out))
        self.assertEqual(self.job.ok("images", "-q", "--filter", "dangling=true"), "")

    @attacks.shows("K-12", "each has its own")
    def test_two_jobs_at_the_same_name_at_once(self):
        answers = {}

        def work(job, text):
            for turn in range(3):
                self.built(job, "same:latest", text)
                archive = self.save(job, "same:latest")
                job.do("rmi", "same:latest")
                status, out = self.load(job, archive)
                assert status == 200, out
                answers.setdefault(job, []).append(job.do("run", "--rm", "same:latest"))
            job.do("rmi", "same:latest")

        threads = [threading.Thread(target=work, args=(job, text)) for job, text in ((self.job, "first"), (self.other, "second"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([answers.get(self.job), answers.get(self.other)], [["first"] * 3, ["second"] * 3])
