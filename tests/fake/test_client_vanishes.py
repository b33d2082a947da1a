"""Clients that vanish or stall at any byte: berth hears the engine out or closes, and serves on."""

import json
import os
import select
import threading
import time
import unittest

import attacks
from channel import RAW_STREAM, Cut
from client import Client
from door import FakeCase, in_background
from exchanges import CONTEXT, TAR, UPGRADE, Hold, lines, nothing, raw_chunks, switched, with_chunks
from framings import request
from tools import wait_for


class ClientVanishes(FakeCase):
    # name, bytes, what the engine gets of it
    REQUESTS = [
        ("a list", request("GET", "/containers/json"), "containers/json"),
        ("a create with a length", request("POST", "/containers/create", {"Image": "busybox"}), "containers/create"),
        ("a create in chunks", with_chunks("POST", "/containers/create", "application/json", b'{"Image"', b':"busybox"}'), "containers/create"),
        ("an upload with a length", request("PUT", "/containers/base/archive?path=/", TAR, content_type="application/x-tar"), "archive"),
        ("an upload in chunks", with_chunks("PUT", "/containers/base/archive?path=/", "application/x-tar", TAR, TAR), "archive"),
        ("a build", with_chunks("POST", "/build?t=gone", "application/x-tar", CONTEXT), "build"),
        ("an attach", request("POST", "/containers/base/attach?stream=1", None, *UPGRADE), "attach"),
    ]

    def test_within_a_request_at_any_byte(self):
        for name, data, path in self.REQUESTS:
            for leave in ("close", "half_close"):
                with self.subTest(f"{name}, {leave}"):
                    self.mark = self.engine.mark()
                    for size in range(len(data)):
                        with self.client() as client:
                            client.send(data[:size])
                            getattr(client, leave)()
                            if leave == "half_close":
                                client.rest()  # berth closes by itself
                    self.settled()
                    self.assertEqual([each for each in self.sent(None, path) if each.complete], [])

    def test_within_chunks_that_are_broken_ends_the_upload_at_once(self):
        hold = Hold(lambda channel: channel.fill())
        hold.reads_body = False
        self.engine.on("PUT", "archive", hold)
        with self.client() as client:
            client.send(with_chunks("PUT", "/containers/base/archive?path=/", "application/x-tar", TAR)[:-5] + b"zz\r\n")
            self.assertEqual(client.reply().status, 400)
            self.assertTrue(hold.gone.wait(3), "the engine's connection is still open")

    @attacks.shows("H-12", "not passed on where it would cancel")
    def test_a_half_close_behind_a_request_is_not_passed_on(self):
        """An engine takes it for the client's end and cancels what it does."""
        seen = []

        def create(channel, request):
            poll = select.poll()
            poll.register(channel.sock, select.POLLRDHUP)
            seen.extend(poll.poll(300))
            self.engine._container_create(channel, request)

        self.engine.on("POST", "containers/create", create)
        with self.client() as client:
            client.send(request("POST", "/containers/create", {"Image": "busybox"})).half_close()
            self.assertEqual(client.reply().status, 201)
            self.assertTrue(client.closed())
        self.assertEqual(seen, [])

    @attacks.shows("G-05 G-06", "recorded before it is made")
    def test_right_behind_a_create_leaves_a_container_that_is_the_job_s(self):
        def slowly(channel, request):
            time.sleep(0.2)
            self.engine._container_create(channel, request)

        def containers():
            return json.loads(self.berth.cli("job", "show", job["id"], "--json").stdout)["objects"]["container"]

        job = self.berth.open_job()
        self.engine.on("POST", "containers/create", slowly, times=3)
        with Client(job["door"]) as client:
            client.call("POST", "/images/create?fromImage=busybox&tag=latest")
        for number in range(3):
            with Client(job["door"]) as client:
                client.send(request("POST", f"/containers/create?name=left{number}", {"Image": "busybox"}))
        wait_for(lambda: containers() == 3 and len(self.sent("POST", "containers/create")) == 3, 10, "the job's three containers")
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)
        self.assertEqual([each for each in self.engine.containers.values() if job["key"] in each["Name"]], [])

    LONG = [
        ("logs", "GET", "/containers/base/logs?follow=1&stdout=1", None, (), raw_chunks),
        ("events of the past", "GET", "/events?since=1", None, (), lines),
        ("stats", "GET", "/containers/base/stats", None, (), lines),
        ("wait", "POST", "/containers/base/wait", None, (), lambda channel: channel.begin()),
        ("export", "GET", "/containers/base/export", None, (), raw_chunks),
        ("a download", "GET", "/containers/base/archive?path=/", None, (), raw_chunks),
        ("a pull", "POST", "/images/create?fromImage=busybox&tag=latest", None, (), lines),
        ("an upload", "PUT", "/containers/base/archive?path=/", TAR, (), None),
        ("attach", "POST", "/containers/base/attach?stream=1", None, UPGRADE, switched),
        ("attach of old", "POST", "/containers/base/attach?stream=1", None, (),
         lambda channel: channel.send(channel.head(200, f"Content-Type: {RAW_STREAM}") + b"hello\n")),
        ("exec", "POST", "/exec/{exec}/start", {"Detach": False}, UPGRADE, switched),
    ]

    def test_during_a_long_answer(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["sh"]}).json()["Id"]
        for name, method, path, body, headers, begin in self.LONG:
            for answered in (True, False):
                if answered and not begin:
                    continue
                with self.subTest(f"{name}, {'begun' if answered else 'not begun'}"):
                    hold = Hold(begin if answered else nothing)
                    path = path.replace("{exec}", exec_id)
                    self.engine.on(method, path.split("?")[0].rsplit("/", 1)[1], hold)
                    with self.client() as client:
                        client.send(request(method, path, body, *headers))
                        self.assertTrue(hold.started.wait(5))
                        if answered:
                            self.assertIn(client.head().status, (101, 200))
                    self.assertTrue(hold.gone.wait(3), "berth keeps its connection with the engine")
                    self.settled()

    def test_during_a_build_takes_its_step_away_and_hears_the_engine_out(self):
        """Only a container that can be the step's: a step prints what it likes."""
        begun, removed, finished = threading.Event(), threading.Event(), threading.Event()
        step, foreign, image = "0123456789cd" + "0" * 52, "ba9876543210" + "0" * 52, "c" * 64

        def inspect(reference, network):
            return lambda channel, _: channel.reply(200, {
                "Id": reference, "Image": f"sha256:{image}", "Created": "2100-01-01T00:00:00Z", "Config": {"Image": f"sha256:{image}"}, "HostConfig": {"NetworkMode": network}})

        def build(channel, _):
            channel.begin()
            channel.chunk(b'{"stream":" ---\\u003e ' + image[:12].encode() + b'\\n"}\r\n{"stream":" ---\\u003e Running in ba9876543210\\n"}\r\n')
            begun.set()
            wait_for(lambda: self.sent("GET", "containers/ba9876543210/json"), 5, "a look at the first container")
            channel.chunk(b'{"stream":" ---\\u003e Running in 0123456789cd\\n"}\r\n')
            removed.wait(5)
            channel.chunk(b'{"error":"gone"}\r\n')
            channel.end()
            finished.set()

        def remove(channel, _):
            channel.reply(204)
            removed.set()

        self.engine.on("POST", "build", build)
        self.engine.on("GET", f"images/sha256:{image}", lambda channel, _: channel.reply(200, {"Id": f"sha256:{image}", "RepoTags": [], "RepoDigests": []}), times=1000)
        self.engine.on("GET", "containers/ba9876543210/json", inspect(foreign, "other"), times=1000)
        self.engine.on("GET", "containers/0123456789cd/json", inspect(step, "none"), times=1000)
        self.engine.on("DELETE", f"containers/{step}", remove, times=1000)
        with self.client() as client:
            client.send(request("POST", "/build?networkmode=none", CONTEXT))
            self.assertTrue(begun.wait(5))
            self.assertEqual(client.head().status, 200)
        self.assertTrue(removed.wait(5), "the step goes on")
        self.assertTrue(finished.wait(5), "berth does not hear the engine out")
        self.settled()
        self.assertEqual(self.sent("DELETE", f"containers/{foreign}"), [])

    def test_and_leaves_nothing_that_runs_in_circles(self):
        """Half-closed and idle peers on both sides cost no CPU time."""
        def half_closing(channel, request):
            channel.switch()
            channel.sock.shutdown(1)
            channel.until_peer_closes()
            raise Cut

        clients = [self.client() for _ in range(8)]
        self.engine.on("GET", "logs", Hold(raw_chunks), times=2)
        self.engine.on("POST", "attach", Hold(switched))
        for client in clients[:2]:
            client.send(request("GET", "/containers/base/logs?follow=1"))
        clients[2].send(request("GET", "/events"))
        clients[3].send(request("POST", "/containers/base/attach?stream=1", None, *UPGRADE))
        self.assertEqual([client.head().status for client in clients[:4]], [200, 200, 200, 101])
        self.engine.on("POST", "attach", half_closing)
        clients[4].send(request("POST", "/containers/base/attach?stream=1", None, *UPGRADE))
        self.assertEqual(clients[4].head().status, 101)
        clients[5].send(b"GET /_pi")
        self.engine.on("POST", "wait", Hold(nothing))
        clients[6].send(request("POST", "/containers/base/wait"))
        for client in (clients[1], clients[2], clients[3], clients[6]):
            client.half_close()
        time.sleep(0.3)
        before = self.berth.cpu()
        time.sleep(1)
        self.assertLess(self.berth.cpu() - before, 0.05)
        for client in clients:
            client.close()
        self.settled()
        before = self.berth.cpu()
        time.sleep(1)
        self.assertLess(self.berth.cpu() - before, 0.05)

    @unittest.skipUnless(os.environ.get("BERTH_SLOW"), "takes 65 s; BERTH_SLOW=1 runs it")
    @attacks.shows("H-07", "a body that stalls is cut after a minute")
    def test_a_body_that_stalls_is_cut_after_a_minute(self):
        def seconds(data):
            with self.client(90) as client:
                client.send(data)
                started = time.monotonic()
                client.rest()
                return time.monotonic() - started

        for wait in [in_background(seconds, data[:-3]) for _, data, _ in self.REQUESTS[1:6]]:
            self.assertTrue(58 < wait(90) < 65)


if __name__ == "__main__":
    unittest.main()
