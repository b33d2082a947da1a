"""Clients and engines that vanish, stall or answer nonsense at any byte: berth closes, tells what it can, and serves on."""

import io
import json
import os
import select
import tarfile
import threading
import time
import unittest

import attacks
from door import Broken, Client, FakeCase, chunked, in_background, request
from fake_engine import RAW_STREAM, Cut, FakeEngine
from tools import wait_for

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")
TAR = b"tar" * 20


def build_context():
    """A tar that a build takes."""
    text = b"FROM scratch\nADD Dockerfile /\n"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return file.getvalue()[:2048]  # header, text and the two empty blocks of the end


CONTEXT = build_context()


def with_chunks(method, target, kind, *pieces):
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunked(*pieces)


class Hold:
    """A handler that begins an answer and then waits for berth to close the connection."""

    def __init__(self, begin):
        self.begin = begin
        self.started = threading.Event()
        self.gone = threading.Event()

    def __call__(self, channel, request):
        self.begin(channel)
        self.started.set()
        if channel.until_peer_closes():
            self.gone.set()
        raise Cut


def nothing(_):
    pass


def lines(channel):
    channel.begin()
    channel.chunk(b'{"status":"x"}\r\n')


def raw_chunks(channel):
    channel.begin(content_type=RAW_STREAM)
    channel.chunk(b"hello\n")


def switched(channel):
    channel.switch()
    channel.send(b"hello\n")


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


class EngineTalksNonsense(FakeCase):
    """An answer that is not one: 502, or cut where it had begun; and the connection is not used again."""

    OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    ANSWERS = [
        ("no HTTP", b"SSH-2.0-OpenSSH\r\n\r\n"),
        ("HTTP/2", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n[]"),
        ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\n[]"),
        ("no status", b"HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]"),
        ("a short status", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n[]"),
        ("a long status", b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n[]"),
        ("a negative status", b"HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\n[]"),
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\n[]"),
        ("a folded header", OK + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n[]"),
        ("two lengths", OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]"),
        ("a length and chunks", OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"),
        ("an unreadable length", OK + b"Content-Length: two\r\n\r\n[]"),
        ("a negative length", OK + b"Content-Length: -2\r\n\r\n[]"),
        ("a huge length", OK + b"Content-Length: 99999999999999999999\r\n\r\n[]"),
        ("an unknown coding", OK + b"Transfer-Encoding: gzip\r\n\r\n[]"),
        ("broken chunks", OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"),
        ("chunks with bare LF", OK + b"Transfer-Encoding: chunked\r\n\r\n2\n[]\n0\n\n"),
        ("a chunk that is too long", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]]\r\n0\r\n\r\n"),
        ("a head of 40 KiB", OK + b"A: " + b"b" * 40960 + b"\r\nContent-Length: 2\r\n\r\n[]"),
        ("200 headers", OK + b"A: b\r\n" * 200 + b"Content-Length: 2\r\n\r\n[]"),
        ("a NUL in a header", OK + b"A: \0\r\nContent-Length: 2\r\n\r\n[]"),
        ("an upgrade that nobody asked for", b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n[]"),
        ("a status below 200 that ends the stream", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("a redirect", b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
        ("no JSON", OK + b"Content-Length: 2\r\n\r\n[["),
        ("nothing", OK + b"Content-Length: 0\r\n\r\n"),
        ("no body at all", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("another type", OK + b"Content-Length: 6\r\n\r\n\"text\""),
        ("a number", OK + b"Content-Length: 1\r\n\r\n1"),
        ("a list of numbers", OK + b"Content-Length: 3\r\n\r\n[1]"),
        ("wrong types inside", OK + b"Content-Length: 20\r\n\r\n{\"Id\":1,\"Config\":[]}"),
        ("invalid UTF-8", OK + b"Content-Length: 3\r\n\r\n\"\xff\""),
    ]
    ROUTES = [("GET", "/containers/json"), ("GET", "/containers/base/json"), ("GET", "/info"), ("GET", "/version"), ("GET", "/volumes"), ("GET", "/networks"),
              ("GET", "/images/json"), ("GET", "/images/busybox/json"), ("GET", "/images/busybox/history"), ("GET", "/system/df"),
              ("POST", "/containers/create"), ("POST", "/volumes/create"), ("POST", "/networks/create"), ("POST", "/containers/base/exec")]

    @attacks.shows("H-10 K-10", "502, nothing of it reaches the job")
    def test_nothing_of_it_reaches_the_job(self):
        def nonsense(channel, request):
            made = request.method == "POST" and b" 200 " in answer
            channel.send(answer.replace(b"200 OK", b"201 Created") if made else answer)
            if b" 100 " in answer:
                raise Cut

        for name, answer in self.ANSWERS:
            for number, (method, path) in enumerate(self.ROUTES):
                with self.subTest(f"{name}: {method} {path}"):
                    self.engine.clear()
                    self.engine.on(method, path[1:].split("/")[-1], nonsense)
                    body = {"/containers/create": {"Image": "busybox"}, "/volumes/create": {"Name": f"vol-{name}-{number}".replace(" ", "-").replace("/", "-")},
                            "/networks/create": {"Name": f"net-{name}-{number}".replace(" ", "-")}, "/containers/base/exec": {"Cmd": ["a"]}}.get(path)
                    reply = self.call(method, path, body)
                    if name in ("another type", "a number", "a list of numbers", "wrong types inside") and reply.status == 200:
                        continue  # a view that has nothing to show
                    self.assertEqual(reply.status, 502, reply)
                    self.assertIn("engine", reply.message())

    def test_an_end_of_a_job_that_it_disturbs_is_tried_again(self):
        job = self.berth.open_job()
        self.engine.on("GET", "containers/json", lambda channel, _: channel.reply(200, [{"Names": 1, "Labels": "none", "HostConfig": {"NetworkMode": 1}}]), times=100)
        closed = self.berth.cli("job", "close", job["id"])
        self.assertNotEqual(closed.returncode, 0, closed.stdout)
        self.assertIn(job["id"], self.berth.cli("job", "list").stdout)
        self.engine.clear()
        wait_for(lambda: job["id"] not in self.berth.cli("job", "list").stdout, 60, "the end of the job")

    def test_a_body_where_none_may_be_is_not_the_next_answer(self):
        evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        for head in (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n", b"HTTP/1.1 204 No Content\r\nContent-Length: 43\r\n\r\n"):
            with self.subTest(head), self.client() as client:
                self.engine.on("POST", "start", lambda channel, _: channel.send(head + evil))
                client.send(request("POST", "/containers/base/start") + request("GET", "/_ping"))
                self.assertIn(client.reply().status, (204, 304))
                self.assertEqual(client.reply().body, b"OK")
        with self.client() as client:
            self.engine.on("HEAD", "archive", lambda channel, _: channel.send(b"HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n" + evil))
            client.send(request("HEAD", "/containers/base/archive?path=/") + request("GET", "/_ping"))
            self.assertEqual(client.reply(to_head=True).status, 200)
            self.assertEqual(client.reply().body, b"OK")

    def test_interim_answers_are_read_over(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        self.engine.on("GET", "containers/json", lambda channel, _: (channel.send(interim), channel.reply(200, [])))
        with self.client() as client:
            self.assertEqual(client.call("GET", "/containers/json").body.strip(), b"[]")
            self.assertEqual(client.call("GET", "/containers/base/json").status, 200)

    def test_an_answer_that_stalls_keeps_only_its_own_client_waiting(self):
        for size in (0, 20, 200):
            self.engine.fault("GET", "containers/json", "stall", size)
        waiting = [self.client().send(request("GET", "/containers/json")) for _ in range(3)]
        wait_for(lambda: len(self.sent("GET", "containers/json")) == 3)
        with self.client() as client:
            for _ in range(10):
                self.assertEqual(client.call("GET", "/containers/base/json").status, 200)
        for client in waiting:
            client.close()
        for channel in [each for each in self.engine.channels if each.fault]:
            channel.sock.shutdown(2)


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
