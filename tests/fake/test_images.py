"""A job's images beside those of the host and of other jobs: what grew from a base that all have, and how many names one may have."""

import json
import time

import attacks
from client import Client
from door import FakeCase
from framings import request
from tools import tar_of

NAMES = 100  # of one image in one job (rules/names/image_names.h)


class Grown(FakeCase):
    @attacks.shows("V-16", "left alone")
    def test_what_others_made_of_a_base_stays(self):
        """Somebody else's image without a name, as of a finished stage, made of a base that the job gave a name of its own."""
        theirs, there = "sha256:" + "d" * 64, []
        job = self.berth.open_job()
        with Client(job["door"]) as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=alpine&tag=3").status, 200)
            self.assertEqual(client.call("POST", "/images/alpine:3/tag?repo=x&tag=1").status, 201)
        base = self.engine.images["alpine:3"]

        def listed(channel, _):
            there.append(time.time())
            lines = self.engine.image_lines()
            channel.reply(200, [*lines, {**lines[0], "Id": theirs, "RepoTags": [], "ParentId": base, "Created": int(time.time())}])

        self.engine.on("GET", "^images/json$", listed, times=100)
        mark = self.engine.mark()
        try:
            self.assertEqual(self.berth.cli("job", "close", job["id"]).returncode, 0)
        finally:
            self.engine.clear()
        self.assertTrue(there, "the engine's images were not listed")
        self.assertEqual(self.engine.since(mark, "DELETE", "^images/sha256:d"), [])


class Names(FakeCase):
    def archive(self, *tags):
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}})
        manifest = json.dumps([{"Config": "c.json", "RepoTags": list(tags), "Layers": []}])
        return tar_of({"c.json": config, "manifest.json": manifest})

    @attacks.shows("V-17", "a hundred at most")
    def test_an_image_has_so_many_names(self):
        with self.client() as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=named&tag=1").status, 200)
            for number in range(1, NAMES):
                self.assertEqual(client.call("POST", f"/images/named:1/tag?repo=more&tag={number}").status, 201)
            mark = self.engine.mark()
            answer = client.call("POST", "/images/named:1/tag?repo=more&tag=last")
            self.assertEqual((answer.status, b"docker rmi" in answer.body), (400, True), answer.body)
            self.assertEqual(client.call("POST", "/images/named:1/tag?repo=more&tag=1").status, 201, "which it has already")
            self.assertEqual(client.call("DELETE", "/images/more:1").status, 200)
            self.assertEqual(client.call("POST", "/images/named:1/tag?repo=more&tag=last").status, 201)
            self.assertEqual(len(self.engine.since(mark, "POST", "/tag$")), 1)

    @attacks.shows("V-17", "a hundred at most")
    def test_so_many_are_asked_for_at_once(self):
        tags = [f"many:{number}" for number in range(NAMES + 1)]
        mark = self.engine.mark()
        with self.client() as client:
            answer = client.send(request("POST", "/images/load", self.archive(*tags), content_type="application/x-tar")).reply()
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(b"more than 100 tags", answer.body)
            query = "&".join(f"t={tag}" for tag in tags)
            answer = client.send(request("POST", f"/build?{query}", tar_of({"Dockerfile": "FROM scratch\n"}), content_type="application/x-tar")).reply()
            self.assertEqual(answer.status, 400, answer.body)
            self.assertIn(b"t is given more than 100 times", answer.body)
        self.assertEqual(self.engine.since(mark, "POST", "^(images/load|build)$"), [])
