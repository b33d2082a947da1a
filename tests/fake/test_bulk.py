"""Large bodies and streams pass as they are, in little memory, at the pace of whoever is slower."""

import threading
import time
import unittest
import zlib

import attacks
from channel import RAW_STREAM, Cut
from door import FakeCase, in_background
from exchanges import ATTACH, BLOCK
from framings import request
from tools import wait_for
from watch import ASAN

BIG = 300 * 1024 * 1024

MEMORY_LIMIT = 150 if ASAN else 40  # MiB, whatever passes through; ASan's own are about 60 before anything does


def checksum_of_blocks(count):
    checksum = 0
    for _ in range(count):
        checksum = zlib.crc32(BLOCK, checksum)
    return checksum


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


if __name__ == "__main__":
    unittest.main()
