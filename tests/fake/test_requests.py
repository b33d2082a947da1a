"""Requests on a connection: many, pipelined, with an expected 100, with bodies of all sizes."""

import time
import unittest
import zlib

import attacks
from door import FakeCase
from exchanges import BLOCK
from framings import request


class Requests(FakeCase):
    def test_one_connection_carries_many_requests(self):
        with self.client() as client:
            for number in range(200):
                self.assertEqual(client.call("GET", "/containers/base/json").json()["Id"], self.container)
                self.assertEqual(client.call("GET", f"/containers/none{number}/json").status, 404)

    def test_pipelined_requests_are_answered_in_their_order(self):
        self.engine.on("GET", "containers/json", lambda channel, _: (time.sleep(0.1), channel.reply(200, [])))
        paths = ["/containers/json", "/_ping", "/containers/base/json", "/containers/nobody/json", "/version", "/containers/base/logs?stdout=1", "/_ping"] * 5
        with self.client() as client:
            client.send(b"".join(request("GET", path) for path in paths) + request("POST", "/containers/base/start") + request("HEAD", "/_ping"))
            for path in paths:
                reply = client.reply()
                self.assertEqual(reply.status, 404 if "nobody" in path else 200, path)
                self.assertEqual(reply.body == b"OK", path == "/_ping")
                self.assertEqual(b"ApiVersion" in reply.body, path == "/version")
                self.assertEqual(reply.body == b"hello\n", "logs" in path)
            self.assertEqual(client.reply().status, 204)
            self.assertEqual(client.reply(to_head=True).status, 200)
            client.half_close()
            self.assertTrue(client.closed())
        ours = [each.path for each in self.sent() if "/logs" in each.path or "/start" in each.path or each.path == "version"]
        self.assertEqual(len(ours), 11)

    def test_pipelined_requests_may_come_byte_by_byte(self):
        data = request("GET", "/_ping") + request("POST", "/containers/create?name=drip", {"Image": "busybox"}) + request("GET", "/containers/drip/json")
        with self.client() as client:
            for at in range(len(data)):
                client.send(data[at:at + 1])
            self.assertEqual([client.reply().status for _ in range(3)], [200, 201, 200])

    def test_a_connection_ends_when_the_client_asks_for_it(self):
        for data in (request("GET", "/_ping", None, "Connection: close"), request("GET", "/_ping", None, "Connection: Keep-Alive, Close"),
                     b"GET /_ping HTTP/1.0\r\n\r\n", b"GET /containers/base/logs?stdout=1 HTTP/1.0\r\n\r\n"):
            with self.subTest(data), self.client() as client:
                reply = client.send(data + request("GET", "/_ping")).reply()
                self.assertEqual((reply.status, reply.headers["connection"]), (200, "close"))
                self.assertTrue(client.closed())
        with self.client() as client:
            client.send(b"GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
            self.assertEqual([client.reply().status for _ in range(2)], [200, 200])

    def test_old_clients_get_no_chunks(self):
        with self.client() as client:
            reply = client.send(b"GET /containers/base/logs?stdout=1 HTTP/1.0\r\n\r\n").reply()
            self.assertNotIn("transfer-encoding", reply.headers)
            self.assertEqual(reply.body, b"hello\n")

    @attacks.shows("H-09", "answered by berth, after its rules")
    def test_an_expected_100_is_berth_s_own_and_comes_after_its_rules(self):
        body = b'{"Image":"busybox"}'
        head = b"POST /containers/create%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
        with self.client() as client:
            client.send(head % (b"", b"application/json", len(body)))
            self.assertEqual(client.head().status, 100)
            self.assertEqual(self.sent(), [])
            self.assertEqual(client.send(body).reply().status, 201)
            self.assertEqual(client.send(head % (b"", b"application/json", len(body)) + body).reply().status, 201, "what came at once is not asked for")
        for target, kind in ((b"?evil=1", b"application/json"), (b"", b"text/plain")):
            with self.client() as client:
                client.send(head % (target, kind, len(body)))
                reply = client.reply()
                self.assertIn(reply.status, (400, 403))
                self.assertEqual(reply.headers["connection"], "close", "the body may or may not follow")
        with self.client() as client:
            client.send(b"PUT /containers/base/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(client.head().status, 100)
            self.assertEqual(client.send(b"tar").reply().status, 200)
        self.assertEqual([each.headers.get("expect") for each in self.sent()], [None] * len(self.sent()))

    def test_short_bodies_are_exact_whatever_their_size(self):
        def answer(channel, request):
            channel.reply(200, size * b"x", content_type="application/x-tar")

        with self.client() as client:
            for size in (0, 1, 2, 3000, 3900, 4095, 4096, 4097, 65535, 65536, 65537, 200000):
                with self.subTest(size):
                    self.engine.on("GET", "archive", answer)
                    self.assertEqual(client.call("GET", "/containers/base/archive?path=/").body, size * b"x")
                    self.assertEqual(client.call("PUT", "/containers/base/archive?path=/", size * b"y", content_type="application/x-tar").status, 200)
                    put = self.sent("PUT")[-1]
                    self.assertEqual((put.length, put.checksum, put.complete), (size, zlib.crc32(size * b"y"), True))

    def test_an_answer_before_the_end_of_the_upload_is_passed_on(self):
        def refuse(channel, request):
            if not channel.buffer:
                channel.fill()
            channel.reply(409, {"message": "read-only"})
            channel.read_body(request)  # and would serve the next request behind it

        refuse.reads_body = False
        self.engine.on("PUT", "archive", refuse, times=2)
        for head in (f"Content-Length: {10 * len(BLOCK)}", "Transfer-Encoding: chunked"):
            with self.subTest(head), self.client() as client:
                client.send(f"PUT /containers/base/archive?path=/ HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
                client.send(BLOCK[:1000] if "Length" in head else b"%x\r\n%b\r\n" % (1000, BLOCK[:1000]))
                reply = client.reply()
                self.assertEqual((reply.status, reply.message(), reply.headers["connection"]), (409, "read-only", "close"))
                for _ in range(3):
                    self.assertEqual(self.call("GET", "/containers/base/json").json()["Id"], self.container)
                self.assertFalse(self.sent("PUT")[-1].complete, "a later request was taken for the rest of this one")


if __name__ == "__main__":
    unittest.main()
