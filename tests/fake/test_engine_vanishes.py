"""Engines that vanish or stall at any byte: berth tells what it can, and serves on."""

import json
import os
import threading
import time
import unittest

import attacks
from channel import Cut
from client import Broken, Client
from door import FakeCase
from exchanges import CONTEXT, TAR, UPGRADE, Hold, lines, raw_chunks, switched
from fake_engine import FakeEngine
from framings import request
from tools import wait_for


class EngineVanishes(FakeCase):
    # name, method, path, body, headers; `%d` in a path makes it another one each time
    REQUESTS = [
        ("a short answer", "GET", "/containers/base/json", None),
        ("a list", "GET", "/containers/json?all=1", None),
        ("an answer without a body", "POST", "/containers/base/start", None),
        ("an answer to HEAD", "HEAD", "/containers/base/archive?path=/", None),
        ("a created container", "POST", "/containers/create?name=cut%d", {"Image": "busybox"}),
        ("a created volume", "POST", "/volumes/create", {"Name": "vol"}),
        ("a wait", "POST", "/containers/base/wait", None),
        ("chunks", "GET", "/containers/base/logs?stdout=1", None),
        ("a download", "GET", "/containers/base/archive?path=/", None),
        ("an upload", "PUT", "/containers/base/archive?path=/", TAR),
        ("a pull", "POST", "/images/create?fromImage=busybox&tag=latest", None),
        ("a build", "POST", "/build", CONTEXT),
    ]
    MESSAGES = ("a pull", "a build")  # what fails behind their beginning is told in them
    number = 0

    def assert_last_tells(self, reply):
        """The last of the messages, and only that, is an error as the engine's are."""
        *before, last = [json.loads(line) for line in reply.body.splitlines()]
        self.assertFalse([each for each in before if "error" in each])
        self.assertIn("engine", last["error"])
        self.assertEqual(last["errorDetail"], {"message": last["error"]})

    def cut_at(self, method, path, body, size):
        """The answer when the engine vanishes after `size` bytes of its own; None when it broke off."""
        EngineVanishes.number += 1
        path = path.replace("%d", str(self.number))
        if body == {"Name": "vol"}:
            body = {"Name": f"vol{self.number}"}
        mark = self.engine.mark()
        if size is not None:
            self.engine.fault(method, path.split("?")[0].rsplit("/", 1)[1], "cut", size)
        with self.client() as client:
            client.send(request(method, path, body, content_type="application/x-tar" if isinstance(body, bytes) else "application/json"))
            try:
                reply = client.reply(method == "HEAD")
            except Broken as broken:
                self.assertNotIn("head", str(broken), f"nothing was sent, and no 502 either, at byte {size}")
                return None
            if size is not None:
                self.assertEqual(reply.headers.get("connection"), None, "the client's connection is not to blame")
        if size is None:
            self.total = wait_for(lambda: self.engine.since(mark, method)[-1].answered, 5, "the end of the answer")
        return reply

    @attacks.shows("H-16", "never passed off as whole")
    def test_within_an_answer_at_any_byte(self):
        for name, method, path, body in self.REQUESTS:
            with self.subTest(name):
                whole = self.cut_at(method, path, body, None)
                self.assertLess(whole.status, 300)
                for size in range(self.total):
                    reply = self.cut_at(method, path, body, size)
                    self.engine.clear()
                    if name in self.MESSAGES:
                        self.assertIsNotNone(reply, f"cut at byte {size} of {self.total}, and not told")
                    if reply and reply.status == 200:
                        self.assertIn(name, self.MESSAGES, f"cut at byte {size} of {self.total}, and passed off as whole")
                        self.assert_last_tells(reply)
                    elif reply:
                        self.assertEqual(reply.status, 502, f"cut at byte {size} of {self.total}: {reply}")
                        if method != "HEAD":
                            self.assertIn("engine", reply.message())
                self.assertEqual(self.cut_at(method, path, body, self.total).status, whole.status)
                self.engine.clear()

    def test_within_messages_is_told_in_a_last_one(self):
        def half_a_line(channel, request):
            lines(channel)
            channel.chunk(b'{"status":"y"}\r\n{"half')
            raise Cut

        with self.client() as client:
            client.call("POST", "/images/create?fromImage=busybox&tag=latest")
            client.call("POST", "/images/busybox/tag?repo=registry.test/x&tag=1")
            for method, path, body in (("POST", "/images/create?fromImage=busybox&tag=latest", None), ("POST", "/images/create?fromSrc=-&repo=cut", TAR),
                                       ("POST", "/images/registry.test/x/push?tag=1", None), ("POST", "/build?t=cut", CONTEXT)):
                with self.subTest(path):
                    self.engine.on("POST", path.split("?")[0].rsplit("/", 1)[1], half_a_line)
                    reply = client.send(request(method, path, body, content_type="application/x-tar")).reply()
                    self.assertEqual((reply.status, reply.headers.get("connection")), (200, None))
                    self.assertEqual(reply.body.count(b"status"), 2, reply.body)
                    self.assert_last_tells(reply)

    def test_within_a_build_and_is_away_afterwards(self):
        def and_go(channel, request):
            lines(channel)
            # What berth asks to record what was made is not answered either.
            self.engine.fault("GET", "away.*json", "cut", 0)
            raise Cut

        with self.client() as client:
            self.engine.on("POST", "build", and_go)
            reply = client.send(request("POST", "/build?t=away", CONTEXT, content_type="application/x-tar")).reply()
            self.assertEqual((reply.status, self.engine.faults), (200, []))
            self.assert_last_tells(reply)

    def test_within_an_upgraded_connection_at_any_byte(self):
        def answer(channel, request):
            switched(channel)
            raise Cut

        with self.client() as client:
            self.engine.on("POST", "attach", answer)
            client.send(request("POST", "/containers/base/attach?stream=1", None, *UPGRADE))
            self.assertEqual((client.head().status, client.rest()), (101, b"hello\n"))
        total = self.sent("POST", "attach")[0].answered
        for size in range(total):
            with self.client() as client:
                self.engine.on("POST", "attach", answer)
                self.engine.fault("POST", "attach", "cut", size)
                client.send(request("POST", "/containers/base/attach?stream=1", None, *UPGRADE))
                reply = client.head()
                if size < total - 6:
                    self.assertEqual(reply.status, 502)
                else:
                    self.assertEqual((reply.status, client.rest()), (101, b"hello\n"[:size - (total - 6)]))

    @attacks.shows("G-06", "found by its name and removed")
    def test_what_it_made_without_saying_so_is_removed_with_the_job(self):
        job = self.berth.open_job()
        with Client(job["door"]) as client:
            client.call("POST", "/images/create?fromImage=busybox&tag=latest")
        for path, body in (("/containers/create?name=lost", {"Image": "busybox"}), ("/volumes/create", {"Name": "lost"}), ("/networks/create", {"Name": "lost"})):
            self.engine.fault("POST", "create$", "cut", 0)
            with Client(job["door"]) as client:
                self.assertEqual(client.call("POST", path, body).status, 502)
        made = lambda: [each["Name"] for table in (self.engine.containers, self.engine.volumes, self.engine.networks) for each in table.values() if job["key"] in each["Name"]]
        self.assertEqual(len([each for each in made() if each.endswith(".lost")]), 2, "the first request makes the network first, and fails there")
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)
        self.assertEqual(made(), [])

    def test_within_the_removal_of_an_image(self):
        image = "sha256:" + "c" * 64
        kept = []
        blank = {"Id": image, "RepoTags": [], "RepoDigests": [], "Size": 1, "Config": {}}

        def commit(channel, request):
            self.engine._image_tag(channel, request, image)
            kept.append(image)

        def untag(channel, request):
            self.engine.images.pop(next(name for name in self.engine.images if "made" in name))
            raise Cut

        def remove(channel, request):
            kept.remove(image)
            channel.reply(200, [{"Deleted": image}])

        job = self.berth.open_job()
        with Client(job["door"]) as client:
            client.call("POST", "/images/create?fromImage=busybox&tag=latest")
            client.call("POST", "/containers/create?name=box", {"Image": "busybox"})
            self.engine.on("POST", "commit", commit)
            self.assertEqual(client.call("POST", "/commit?container=box&repo=made&tag=1", {}).status, 201)
        self.engine.on("DELETE", "images/berth.*made", untag)
        self.engine.on("DELETE", "images/sha256:c", remove)
        self.engine.on("GET", "images/json", lambda channel, _: channel.reply(200, [{**blank, "ParentId": "", "Created": 4102444800} for _ in kept]), times=100)
        self.engine.on("GET", "images/sha256:c", lambda channel, _: channel.reply(200, {**blank, "Created": "2100-01-01T00:00:00Z"}), times=100)
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)
        self.assertEqual(kept, [])

    def test_between_two_requests(self):
        """A kept connection that the engine closed, or on which it spoke unasked, is not used again."""
        acted = threading.Event()

        def and_close(channel):
            channel.reply(200, [])
            channel.close()

        def and_close_later(channel):
            channel.reply(200, [])
            time.sleep(0.02)
            channel.close()

        def and_say(channel):
            channel.reply(200, [])
            time.sleep(0.02)
            channel.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

        def and_say_at_once(channel):
            channel.send(channel.head(200, "Content-Type: application/json", "Content-Length: 2") + b"[]HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

        def and_half_close(channel):
            channel.reply(200, [])
            channel.sock.shutdown(1)

        def and_say_that_it_closes(channel):
            channel.reply(200, [], extra=["Connection: close"])

        for act in (and_close, and_close_later, and_say, and_say_at_once, and_half_close, and_say_that_it_closes):
            with self.subTest(act.__name__), self.client() as client:
                for _ in range(10):
                    acted.clear()
                    self.engine.on("GET", "containers/json", lambda channel, _: (act(channel), acted.set()))
                    self.assertEqual(client.call("GET", "/containers/json").body.strip(), b"[]")
                    self.assertTrue(acted.wait(5))
                    reply = client.call("GET", "/containers/base/json")
                    if act in (and_close, and_half_close) and reply.status == 502:
                        continue  # the close was still under way when berth looked: it crossed the request
                    self.assertEqual(reply.json()["Id"], self.container)

    def test_while_the_next_request_is_on_its_way(self):
        """An engine's close that crosses a request: the right answer or a 502, and the client's connection lives on."""
        def and_close(channel, request):
            channel.reply(200, [])
            raise Cut

        with self.client() as client:
            for _ in range(50):
                self.engine.on("GET", "containers/json", and_close)
                reply = client.call("GET", "/containers/json")
                self.assertEqual((reply.status, reply.body.strip()), (200, b"[]"))
                reply = client.call("GET", "/containers/base/json")
                self.assertIn(reply.status, (200, 502))
                if reply.status == 200:
                    self.assertEqual(reply.json()["Id"], self.container)

    def test_a_connection_is_used_again_only_behind_a_whole_answer(self):
        with self.client() as client:
            client.call("GET", "/containers/base/json")
            before = len(self.engine.channels)
            for _ in range(20):
                self.assertEqual(client.call("GET", "/containers/base/json").status, 200)
        self.assertEqual(len(self.engine.channels), before)


class EngineRestarts(FakeCase):
    def test_and_berth_serves_on(self):
        old = self.engine
        old.on("GET", "logs", Hold(raw_chunks))
        logs = self.client().send(request("GET", "/containers/base/logs?follow=1"))
        wait_for(lambda: logs.buffer or logs.fill(), 5)
        old.stop()
        with logs, self.assertRaises(Broken):
            logs.reply()
        os.unlink(old.path)
        with self.client() as client:
            for _ in range(3):
                self.assertEqual(client.call("GET", "/containers/json").status, 502)
            self.assertEqual(client.call("GET", "/_ping").status, 200)
            new = FakeEngine(old.path)
            new.containers, new.images = old.containers, old.images
            type(self).engine = self.berth.engine = new
            self.mark = 0
            self.assertEqual(client.call("GET", "/containers/base/json").status, 200)


if __name__ == "__main__":
    unittest.main()
