"""Builds that print what they like, and builds that are not over when they are given up: what is removed is the job's, and all that is the job's."""

import json
import threading
import time

import attacks
from client import Client
from door import FakeCase, in_background
from framings import request
from tools import tar_of, wait_for

CONTEXT = tar_of({"Dockerfile": "FROM scratch\nADD Dockerfile /\n"})
STEP = "0123456789cd" + "0" * 52
IMAGE = "sha256:" + "c" * 64
NAMELESS = {"Id": IMAGE, "Parent": "", "RepoTags": [], "RepoDigests": [], "Size": 1, "Config": {}, "Created": "2100-01-01T00:00:00Z"}


def line(**message):
    return json.dumps(message).encode() + b"\r\n"


class Held:
    """A build by the engine that prints `lines`, and goes on until it is let go."""

    def __init__(self, *lines, last=()):
        self.lines, self.last = lines, last
        self.begun, self.go_on, self.over = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, channel, _):
        channel.begin()
        for each in self.lines:
            channel.chunk(each)
        self.begun.set()
        self.go_on.wait(30)
        for each in self.last:
            channel.chunk(each)
        channel.end()
        self.over.set()


class Builds(FakeCase):
    def setUp(self):
        super().setUp()
        self.engine.on("GET", "images/(sha256:)?c{12}", lambda channel, _: channel.reply(200, NAMELESS), times=1000)
        self.engine.on("GET", f"containers/{STEP[:12]}", lambda channel, _: channel.reply(200, {
            "Id": STEP, "Image": IMAGE, "Created": "2100-01-01T00:00:00Z", "Config": {"Image": IMAGE}, "HostConfig": {"NetworkMode": "none"}}), times=1000)

    def begin(self, client, build, query="?networkmode=none", context=CONTEXT):
        self.engine.on("POST", "build", build)
        client.send(request("POST", "/build" + query, context))
        self.assertTrue(build.begun.wait(5))

    @attacks.shows("V-19", "each build's are its own")
    def test_the_container_of_another_build_is_left_alone(self):
        running = line(stream=f" ---> Running in {STEP[:12]}\n")
        theirs, ours = Held(running), Held(running)
        other = self.berth.open_job()
        with Client(other["door"]) as client:
            self.begin(client, theirs)
            self.assertIn(STEP[:12].encode(), client.head() and client.chunk())
            looked_at = len(self.sent("GET", f"containers/{STEP[:12]}"))
            with self.client() as gone:
                self.begin(gone, ours)
                wait_for(lambda: len(self.sent("GET", f"containers/{STEP[:12]}")) > looked_at, 5, "a look at the container")
            time.sleep(0.3)  # it is given up now, and its steps are taken away
            self.assertEqual(self.sent("DELETE", f"containers/{STEP[:12]}"), [])
            ours.go_on.set()
            self.assertTrue(ours.over.wait(5))
            time.sleep(0.2)
            self.assertEqual(self.sent("DELETE", f"containers/{STEP[:12]}"), [])
            theirs.go_on.set()
            self.assertEqual(client.chunk(), b"")
        self.assertEqual(len(self.sent("DELETE", f"containers/{STEP[:12]}")), 1, "its own build sees that it is gone")
        self.assertEqual(self.berth.cli("job", "close", other["id"]).returncode, 0)

    @attacks.shows("V-19", "read to the end")
    def test_a_line_that_is_too_long_hides_no_step(self):
        build = Held(line(stream="Step 2/2 : " + "<" * (3 << 20) + "\n"), last=[line(stream=f" ---> {IMAGE[7:19]}\n")])
        with self.client() as client:
            self.begin(client, build)
            build.go_on.set()
            self.assertEqual(client.head().status, 200)
            told = b""
            while piece := client.chunk():
                told += piece
            self.assertIn(b"too long", told)
            self.assertLess(len(told), 1000)
        self.assertEqual(len(self.sent("POST", f"images/{IMAGE}/tag")), 1, "it is the job's from now on")

    @attacks.shows("V-12", "removed by what the list tells")
    def test_a_step_that_is_too_large_to_be_inspected_goes_with_the_job(self):
        there = [IMAGE]
        job = self.berth.open_job()
        self.engine.clear()

        def remove(channel, _):
            there.remove(IMAGE)
            channel.reply(200, [{"Deleted": IMAGE}])

        listed = {"Id": IMAGE, "ParentId": "", "RepoTags": [], "RepoDigests": [], "Size": 1, "Labels": None, "Created": 4102444800}
        self.engine.on("GET", "images/(sha256:)?c{12}", lambda channel, _: channel.reply(200, {**NAMELESS, "Config": {"Labels": {"large": "x" * (5 << 20)}}}), times=1000)
        self.engine.on("GET", "^images/json$", lambda channel, _: channel.reply(200, [listed for _ in there]), times=1000)
        self.engine.on("DELETE", "images/(sha256:)?c{12}", remove, times=10)
        build = Held(line(stream=f" ---> {IMAGE[7:19]}\n"))
        with Client(job["door"]) as client:
            self.begin(client, build)
            build.go_on.set()
            client.head()
            told = b""
            while piece := client.chunk():
                told += piece
            self.assertIn(b"too large for a job", told)
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual((closed.returncode, there), (0, []), closed.stdout)

    @attacks.shows("V-19", "not taken for its own")
    def test_a_job_that_ends_amid_a_build_takes_nothing_of_its_bases(self):
        """Somebody else's image without a name, made of the same base while the build goes on."""
        theirs, there = "sha256:" + "d" * 64, []
        job = self.berth.open_job()
        with Client(job["door"]) as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=alpine&tag=3").status, 200)
        base = self.engine.images["alpine:3"]

        def listed(channel, _):
            there.append(theirs)
            lines = self.engine.image_lines()
            channel.reply(200, [*lines, {**lines[0], "Id": theirs, "RepoTags": [], "ParentId": base, "Created": int(time.time())}])

        build = Held(line(stream=f" ---> {base[7:19]}\n"))
        self.engine.on("GET", f"images/{theirs}/json", lambda channel, _: channel.reply(200, {**NAMELESS, "Id": theirs, "Parent": base}), times=1000)
        self.engine.on("GET", "^images/json$", listed, times=1000)
        with Client(job["door"]) as client:
            self.begin(client, build, context=tar_of({"Dockerfile": "FROM alpine:3\nADD Dockerfile /\n"}))
            closed = self.berth.cli("job", "close", job["id"], "--timeout", "2s")
            self.assertEqual(closed.returncode, 1, closed.stdout)
            wait_for(lambda: len(there) > 4, 20, "a reap beside the build")
            self.assertEqual(self.sent("DELETE", f"images/{theirs}"), [])
        build.go_on.set()
        self.assertTrue(build.over.wait(5))
        wait_for(lambda: self.berth.cli("job", "close", job["id"]).returncode == 0 or job["id"] not in self.berth.cli("job", "list").stdout, 30, "the job's end")
        self.assertEqual(self.sent("DELETE", f"images/{theirs}"), [])


class Pushes(FakeCase):
    @attacks.shows("V-24", "waits for one")
    def test_a_pull_waits_for_one_push_of_another_job(self):
        order, turns = [], threading.Semaphore(0)

        def push(channel, _):
            order.append("push")
            turns.acquire(timeout=20)
            channel.reply(200, b'{"status":"pushed"}\r\n')

        def pull(channel, request_):
            order.append("pull")
            self.engine._pull(channel, request_)

        self.engine.on("POST", "images/.*/push", push, times=100)
        with self.client() as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=busybox&tag=latest").status, 200)
            self.assertEqual(client.call("POST", "/images/busybox/tag?repo=app&tag=1").status, 201)
        self.engine.on("POST", "images/create", pull)
        pushes = [in_background(self.call, "POST", "/images/app/push?tag=1") for _ in range(5)]
        wait_for(lambda: order, 5, "the first push")
        time.sleep(0.3)  # until the others wait
        other = self.berth.open_job()
        with Client(other["door"]) as client:
            pulled = in_background(client.call, "POST", "/images/create?fromImage=app&tag=1")
            time.sleep(0.3)
            for _ in pushes:
                turns.release()
            pulled()
            for each in pushes:
                each()
        self.assertEqual(order, ["push", "pull", "push", "push", "push", "push"])
        self.assertEqual(self.berth.cli("job", "close", other["id"]).returncode, 0)
