"""Answers that are too large or of another shape: at a pull, a create, the end of a job, a restart."""

import secrets

import attacks
from channel import Cut
from client import Client
from door import Berth, FakeCase, in_background
from tools import wait_for


class OddAnswers(FakeCase):
    def odd(self, method, pattern, status, body, times=1):
        self.engine.on(method, pattern, lambda channel, sent: channel.reply(status, body), times)

    @attacks.shows("V-10", "a pull of it is refused")
    def test_a_pulled_image(self):
        image = "sha256:" + "e" * 64
        self.engine.configs[image] = {"Labels": {str(number): "" for number in range(5000)}}

        def pull(channel, sent):
            self.engine.images["wide:1"] = image
            self.engine._pull(channel, sent)

        self.engine.on("POST", "^images/create$", pull)
        reply = self.call("POST", "/images/create?fromImage=wide&tag=1")
        self.assertIn(b"are too large for a job", reply.body)
        self.assertEqual(self.call("POST", "/containers/create", {"Image": "wide:1"}).status, 404)
        self.assertNotIn(image, self.engine.images.values())

    @attacks.shows("V-11", "removed with its volumes, and refused")
    def test_a_container_with_volumes(self):
        for status, body, answer in ((200, {"Id": "x" * (5 << 20)}, 413), (500, {"message": "odd"}, 500)):
            with self.subTest(status):
                self.mark = self.engine.mark()
                self.odd("GET", "^containers/[0-9a-f]{64}/json$", status, body)
                self.assertEqual(self.call("POST", "/containers/create?name=odd", {"Image": "busybox", "Volumes": {"/data": {}}}).status, answer)
                self.assertEqual([each.query for each in self.sent("DELETE", "^containers/")], [{"force": "1", "v": "1"}])
                self.assertEqual(self.call("GET", "/containers/odd/json").status, 404)

    @attacks.shows("V-15", "all others are removed, and the job is not clean before it is")
    def test_the_end_of_a_job(self):
        job = self.berth.open_job()
        with Client(job["door"]) as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=busybox&tag=latest").status, 200)
            for name in ("one", "two", "three"):
                self.assertEqual(client.call("POST", f"/containers/create?name={name}", {"Image": "busybox"}).status, 201)
        # A list with a line of another shape, and removals that are answered with what is too long.
        self.odd("GET", "^containers/json$", 200, [{"Id": 7, "Names": [f"/berth.{job['key']}.four"]}])
        self.odd("DELETE", "^containers/", 200, {"x": "x" * (5 << 20)})
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)
        self.assertFalse([each for each in self.engine.containers.values() if job["key"] in each["Name"]])

    @attacks.shows("V-15", "the others are known again after a restart")
    def test_a_restart(self):
        berth = Berth()
        self.addCleanup(berth.stop)
        job, engine = berth.open_job(), berth.engine

        def call(method, path, body=None):
            with Client(job["door"]) as client:
                return client.call(method, path, body).status

        def unanswered(channel, sent):
            made = {"Id": secrets.token_hex(32), "Name": sent.query["name"], "Body": sent.json(), "State": "created", "Labels": {}}
            engine.containers[made["Id"]] = made
            channel.until_peer_closes()
            raise Cut

        self.assertEqual(call("POST", "/images/create?fromImage=busybox&tag=latest"), 200)
        self.assertEqual(call("POST", "/containers/create", {"Image": "busybox"}), 201)
        engine.on("POST", "^containers/create$", unanswered, 2)
        for name in ("odd", "plain"):
            in_background(call, "POST", f"/containers/create?name={name}", {"Image": "busybox"})  # berth dies under it
        wait_for(lambda: len(engine.containers) == 3)
        berth.process.kill()
        berth.process.wait()
        engine.on("GET", f"^containers/berth.{job['key']}.odd/json$", lambda channel, sent: channel.reply(200, {"Id": "x" * (5 << 20)}), 5)
        berth.admin.unlink()
        berth.start()
        self.assertEqual(call("GET", "/containers/plain/json"), 200)
        closed = berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)
        self.assertEqual(engine.containers, {})
