"""What passes through: many requests on one connection, long bodies both ways, raw streams, streams that are silent for long."""

import socket
import threading
import time
import unittest
import zlib

import attacks
from door import FakeCase, chunked, in_background, request
from fake_engine import RAW_STREAM, Cut
from watch import ASAN
from tools import wait_for

UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")
ATTACH = request("POST", "/containers/base/attach?stream=1&stdin=1&stdout=1", None, *UPGRADE)
BIG = 300 * 1024 * 1024
BLOCK = bytes(range(256)) * 1024  # 256 KiB
MEMORY_LIMIT = 150 if ASAN else 40  # MiB, whatever passes through; ASan's own are about 60 before anything does


def checksum_of_blocks(count):
    checksum = 0
    for _ in range(count):
        checksum = zlib.crc32(BLOCK, checksum)
    return checksum


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


class Bulk(FakeCase):
    """300 MiB each way: whole, in bounded memory, and no faster than the slower side."""

    blocks = BIG // len(BLOCK)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.checksum = checksum_of_blocks(cls.blocks)

    def check_memory(self):
        self.assertLess(self.berth.memory_peak(), MEMORY_LIMIT)

    def upload(self, framed):
        with self.client(60) as client:
            head = "Transfer-Encoding: chunked" if framed else f"Content-Length: {BIG}"
            client.send(f"PUT /containers/base/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n{head}\r\n\r\n".encode())
            block = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if framed else BLOCK
            for _ in range(self.blocks):
                client.sock.sendall(block)
            if framed:
                client.send(b"0\r\n\r\n")
            self.assertEqual(client.reply().status, 200)
        put = self.sent("PUT")[-1]
        self.assertEqual((put.length, put.checksum, put.complete), (BIG, self.checksum, True))
        self.check_memory()

    def test_an_upload_in_chunks(self):
        self.upload(True)

    def test_an_upload_with_a_length(self):
        self.upload(False)

    def download(self, framed):
        def answer(channel, request):
            head = "Transfer-Encoding: chunked" if framed else f"Content-Length: {BIG}"
            channel.send(channel.head(200, "Content-Type: application/x-tar", head))
            for _ in range(self.blocks):
                channel.chunk(BLOCK) if framed else channel.send(BLOCK)
            if framed:
                channel.end()

        self.engine.on("GET", "export", answer)
        with self.client(60) as client:
            reply = client.send(request("GET", "/containers/base/export")).head()
            checksum = length = 0
            if framed:
                self.assertEqual(reply.headers["transfer-encoding"], "chunked")
                while piece := client.chunk():
                    checksum, length = zlib.crc32(piece, checksum), length + len(piece)
            else:
                self.assertEqual(reply.headers["content-length"], str(BIG))
                while length < BIG and (client.buffer or client.fill()):
                    checksum, length = zlib.crc32(client.buffer, checksum), length + len(client.buffer)
                    client.buffer = b""
            self.assertEqual((length, checksum), (BIG, self.checksum))
            self.assertEqual(client.call("GET", "/_ping").status, 200)
        self.check_memory()

    def test_a_download_in_chunks(self):
        self.download(True)

    def test_a_download_with_a_length(self):
        self.download(False)

    def test_raw_bytes_both_ways_at_once(self):
        with self.client(60) as client:
            client.send(ATTACH)
            self.assertEqual(client.head().status, 101)
            count = self.blocks // 3

            def send():
                for _ in range(count):
                    client.sock.sendall(BLOCK)
                client.half_close()

            sent = in_background(send)
            checksum = length = 0
            while client.buffer or client.fill():
                checksum, length = zlib.crc32(client.buffer, checksum), length + len(client.buffer)
                client.buffer = b""
            sent()
        self.assertEqual((length, checksum), (count * len(BLOCK), checksum_of_blocks(count)))
        self.check_memory()

    @attacks.shows("H-14", "the engine is slowed down, memory is bounded")
    def test_a_client_that_does_not_read_slows_the_engine_down(self):
        passed = [0]

        def pour(channel, request):
            channel.begin(content_type=RAW_STREAM)
            while passed[0] < BIG:
                channel.chunk(BLOCK)
                passed[0] += len(BLOCK)

        self.engine.on("GET", "logs", pour)
        with self.client() as client:
            client.send(request("GET", "/containers/base/logs?follow=1")).head()
            time.sleep(1)
            stopped = passed[0]
            self.assertLess(stopped, 16 * 1024 * 1024)
            time.sleep(0.5)
            self.assertEqual(passed[0], stopped)
            before = self.berth.cpu()
            time.sleep(1)
            self.assertLess(self.berth.cpu() - before, 0.05)
            for _ in range(40):
                client.chunk()
            wait_for(lambda: passed[0] > stopped, 5, "the engine to go on")
        self.check_memory()

    def test_an_engine_that_does_not_read_slows_the_client_down(self):
        go_on = threading.Event()

        def sip(channel, request):
            go_on.wait(20)
            raise Cut

        sip.reads_body = False
        self.engine.on("PUT", "archive", sip)
        with self.client() as client:
            client.send(f"PUT /containers/base/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: {BIG}\r\n\r\n".encode())
            client.sock.settimeout(1)
            passed = 0
            with self.assertRaises(TimeoutError):
                while passed < BIG:
                    passed += client.sock.send(BLOCK)
            self.assertLess(passed, 16 * 1024 * 1024)
            before = self.berth.cpu()
            time.sleep(1)
            self.assertLess(self.berth.cpu() - before, 0.05)
        go_on.set()
        self.check_memory()


class RawStreams(FakeCase):
    def attach(self, client, data=ATTACH):
        reply = client.send(data).head()
        self.assertEqual((reply.status, reply.headers["connection"], reply.headers["upgrade"]), (101, "Upgrade", "tcp"))
        self.assertEqual(reply.headers["content-type"], RAW_STREAM)
        return reply

    @attacks.shows("H-12", "passed on as a half-close on raw streams")
    def test_the_client_s_end_of_input_reaches_the_engine_and_its_output_still_comes(self):
        def cat(channel, request):
            channel.switch()
            while channel.fill():
                pass
            time.sleep(0.2)
            channel.send(b"got " + bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", cat)
        with self.client() as client:
            self.attach(client)
            client.send(b"input").half_close()
            self.assertEqual(client.rest(), b"got input")

    def test_the_engine_s_end_of_output_reaches_the_client_and_its_input_still_goes(self):
        got = []

        def mute(channel, request):
            channel.switch()
            channel.send(b"output")
            channel.sock.shutdown(socket.SHUT_WR)
            while channel.fill():
                pass
            got.append(bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", mute)
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"output")
            time.sleep(0.2)
            client.send(b"late input").half_close()
            wait_for(lambda: got, 5, "the input at the engine")
        self.assertEqual(got, [b"late input"])

    def test_an_engine_that_closes_ends_the_stream_for_the_client_too(self):
        self.engine.on("POST", "attach", lambda channel, _: (channel.switch(), channel.send(b"bye"), channel.close()))
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"bye")
            wait_for(lambda: self.leak() <= 0, 3, "berth to close, although the client has not")

    def test_the_last_output_arrives_although_the_client_reads_late(self):
        data = BLOCK * 8
        self.engine.on("POST", "attach", lambda channel, _: (channel.switch(), channel.send(data), channel.close()))
        with self.client() as client:
            self.attach(client)
            time.sleep(1.5)
            self.assertEqual(client.rest(), data)

    def test_the_last_input_arrives_although_the_client_closes_at_once(self):
        got = []

        def slow(channel, request):
            channel.switch()
            time.sleep(0.2)
            while channel.fill():
                pass
            got.append(bytes(channel.buffer))
            raise Cut

        self.engine.on("POST", "attach", slow)
        with self.client() as client:
            self.attach(client)
            client.send(BLOCK[:1000])
        wait_for(lambda: got, 5, "the input at the engine")
        self.assertEqual(got, [BLOCK[:1000]])

    @attacks.shows("H-11", "held until the engine has switched")
    def test_early_input_waits_for_the_switch(self):
        early = []

        def patient(channel, request):
            time.sleep(0.3)
            channel.sock.setblocking(False)
            try:
                channel.fill()
            except BlockingIOError:
                pass
            channel.sock.setblocking(True)
            early.append(bytes(channel.buffer))
            self.engine._container_attach(channel, request, self.container)

        self.engine.on("POST", "attach", patient)
        with self.client() as client:
            self.attach(client, ATTACH + b"early ")
            client.send(b"late").half_close()
            self.assertEqual(client.rest(), b"early late")
        self.assertEqual(early, [b""])

    def test_output_in_the_same_packet_as_the_switch_is_not_lost(self):
        def eager(channel, request):
            channel.send(channel.head(101, f"Content-Type: {RAW_STREAM}", "Connection: Upgrade", "Upgrade: tcp") + b"first")
            channel.close()

        self.engine.on("POST", "attach", eager)
        with self.client() as client:
            self.attach(client)
            self.assertEqual(client.rest(), b"first")

    def test_an_exec_is_the_same(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["cat"]}).json()["Id"]
        with self.client() as client:
            self.attach(client, request("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}, *UPGRADE))
            client.send(b"through").half_close()
            self.assertEqual(client.rest(), b"through")
        start = self.sent("POST", "start")[0]
        self.assertEqual(start.json(), {"Detach": False, "Tty": False})

    def test_a_detached_exec_is_an_ordinary_answer(self):
        exec_id = self.call("POST", "/containers/base/exec", {"Cmd": ["cat"]}).json()["Id"]
        self.engine.on("POST", "start", lambda channel, _: channel.reply(200))
        self.assertEqual(self.call("POST", f"/exec/{exec_id}/start", {"Detach": True}).status, 200)

    def test_clients_of_old_get_the_stream_behind_a_200(self):
        def old(channel, request):
            channel.send(channel.head(200, f"Content-Type: {RAW_STREAM}"))
            while channel.fill():
                channel.send(bytes(channel.buffer))
                channel.buffer.clear()
            raise Cut

        self.engine.on("POST", "attach", old)
        with self.client() as client:
            reply = client.send(request("POST", "/containers/base/attach?stream=1&stdin=1")).head()
            self.assertEqual((reply.status, reply.headers["content-type"]), (200, RAW_STREAM))
            self.assertFalse({"content-length", "transfer-encoding"} & set(reply.headers))
            client.send(b"as of old").half_close()
            self.assertEqual(client.rest(), b"as of old")
        self.assertNotIn("upgrade", self.sent("POST", "attach")[0].headers)

    def test_a_refused_upgrade_ends_the_connection(self):
        reply = self.call("POST", "/containers/nobody/attach?stream=1", None, *UPGRADE)
        self.assertEqual(reply.status, 404)
        self.assertEqual(self.sent(), [])

    def test_many_streams_at_once_do_not_mix(self):
        clients = [self.client() for _ in range(40)]
        for number, client in enumerate(clients):
            self.attach(client)
            client.send(b"%d " % number * 100)
        for client in clients:
            client.half_close()
        for number, client in enumerate(clients):
            with client:
                self.assertEqual(client.rest(), b"%d " % number * 100)


class SilentStreams(FakeCase):
    def test_a_stream_that_is_silent_for_fifteen_seconds_is_not_cut(self):
        release = threading.Event()

        def late(first, begin):
            def handler(channel, request):
                if first:
                    begin(channel)
                release.wait(30)
                if not first:
                    begin(channel)
                if begin is switch:
                    channel.send(b"late")
                    raise Cut
                channel.chunk(b'{"StatusCode":0}\n' if "wait" in request.path else b"late\n")
                channel.end()
            return handler

        def begin(channel):
            channel.begin()

        def switch(channel):
            channel.switch()

        streams = []
        for method, path, first, how in (("GET", "/containers/base/logs?follow=1", True, begin), ("GET", "/containers/base/logs?follow=1", False, begin),
                                         ("POST", "/containers/base/wait", True, begin),
                                         ("POST", "/containers/base/wait", False, begin), ("POST", "/containers/base/attach", True, switch)):
            name = path.split("?")[0].rsplit("/", 1)[1]
            before = len(self.sent(method, name))
            self.engine.on(method, name, late(first, how))
            client = self.client(30).send(request(method, path, None, *(UPGRADE if how is switch else ())))
            streams.append((path, client))
            wait_for(lambda: len(self.sent(method, name)) > before, 5, path)
        events = self.client(30).send(request("GET", "/events"))
        idle = self.client(30)
        before = self.berth.cpu()
        time.sleep(15)
        self.assertLess(self.berth.cpu() - before, 0.3)
        release.set()
        for path, client in streams:
            with self.subTest(path), client:
                if "attach" in path:
                    self.assertEqual((client.head().status, client.rest()), (101, b"late"))
                else:
                    reply = client.reply()
                    self.assertEqual(reply.status, 200)
                    self.assertIn(b"StatusCode" if "wait" in path else b"late", reply.body)
        self.engine.tell(b'{"Type":"container","Action":"die","id":"%b","Actor":{"ID":"%b","Attributes":{}},"time":1,"timeNano":1}\n' % ((self.container.encode(),) * 2))
        with events:
            self.assertEqual(events.head().status, 200)
            self.assertIn(b'"die"', events.chunk())
        with idle:
            self.assertEqual(idle.call("GET", "/_ping").status, 200, "a connection that was idle as long")


if __name__ == "__main__":
    unittest.main()
