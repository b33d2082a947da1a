"""An engine that answers nonsense: nothing of it reaches the job."""

import unittest

import attacks
from channel import Cut
from door import FakeCase
from framings import request
from tools import wait_for


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


if __name__ == "__main__":
    unittest.main()
