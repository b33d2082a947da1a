"""Hostile clients: what one job does to its door, another job and the daemon's memory do not notice. Prints the figures of each attack."""

import bz2
import contextlib
import ctypes
import gzip
import io
import json
import lzma
import resource
import struct
import tarfile
import threading
import time
import zlib

from channel import RAW_STREAM
from client import Client
from door import FakeCase, in_background
from framings import request
from tools import wait_for
from watch import Watch

LASTS = 4  # seconds of an attack that has no end of its own
MEBI = 1 << 20


def zeros_in_tar(size):
    """Pieces of a tar with one file of so many zeros, behind a Dockerfile."""
    head = io.BytesIO()
    with tarfile.open(fileobj=head, mode="w") as archive:
        content = b"FROM scratch\n"
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    big = tarfile.TarInfo("zeros")
    big.size = size
    yield head.getvalue()[:1024] + big.tobuf(tarfile.GNU_FORMAT)
    for _ in range(size // MEBI):
        yield bytes(MEBI)
    yield bytes(1024)


def packed_by_zlib(pieces):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(piece) for piece in pieces) + packer.flush()


def packed_by(packer, pieces):
    return b"".join(packer.compress(piece) for piece in pieces) + packer.flush()


def packed_by_zstd(data):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    bound = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    into = ctypes.create_string_buffer(bound)
    size = library.ZSTD_compress(into, ctypes.c_size_t(bound), data, ctypes.c_size_t(len(data)), 3)
    return into.raw[:size]


def greedy_xz(data):
    """xz that claims a dictionary of 1.5 GiB."""
    packed = bytearray(lzma.compress(data, lzma.FORMAT_XZ, preset=0))
    size = (packed[12] + 1) * 4
    header = packed[12:12 + size - 4]
    at = header.index(b"\x21\x01", 1)
    header[at + 2] = 37  # 3 << 29
    packed[12:12 + size] = bytes(header) + struct.pack("<I", zlib.crc32(header))
    return bytes(packed)


def sparse_tar(hole):
    """A tar with a Dockerfile and a file of `hole` bytes that takes none."""
    whole = b"".join(zeros_in_tar(0))[:1024]
    header = bytearray(tarfile.TarInfo("hole").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"S"
    number = lambda value: b"\x80" + value.to_bytes(11, "big")
    header[386:398], header[398:410] = number(hole), number(0)
    header[483:495] = number(hole)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return whole + bytes(header) + bytes(1024)


def sparse_map_tar(entries):
    """A tar whose file has a map of so many pieces."""
    content = str(entries).encode() + b"\n" + b"0\n0\n" * entries
    content += bytes(-len(content) % 512)
    member = tarfile.TarInfo("map")
    member.size = len(content)
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "map", "GNU.sparse.realsize": "0"}
    return b"".join(zeros_in_tar(0))[:1024] + member.tobuf(tarfile.PAX_FORMAT) + content + bytes(1024)


class Hostile(FakeCase):
    """`job` attacks, `other` works on."""

    @classmethod
    def setUpClass(cls):
        # 10 000 connections have two ends, each in one process.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        super().setUpClass()
        cls.other = cls.berth.open_job()
        cls.base += 1  # its door
        with Client(cls.other["door"]) as client:
            assert client.call("POST", "/images/create?fromImage=busybox&tag=latest").status == 200

    def ping(self):
        with Client(self.other["door"], 60) as client:
            reply = client.call("GET", "/_ping")
            assert reply.status == 200, reply

    def create(self):
        with Client(self.other["door"], 60) as client:
            made = client.call("POST", "/containers/create", {"Image": "busybox"})
            assert made.status == 201, made
            gone = client.call("DELETE", f"/containers/{made.json()['Id']}")
            assert gone.status == 204, gone

    def watch(self, attack):
        return Watch(attack, self.berth.process.pid, {"ping": self.ping, "create": self.create})

    @contextlib.contextmanager
    def clients(self, count, door=None):
        """So many connections to the attacker's door."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Client(door or self.door, 60)) for _ in range(count)]

    def at_once(self, count, function, *args):
        """`function` in so many threads; their results."""
        waits = [in_background(function, *args) for _ in range(count)]
        return [wait(300) for wait in waits]

    def test_slow_heads_and_bodies(self):
        starts = [b"GET /_ping HTTP/1.1\r\nHost: x\r\nA: ", b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
                  b"POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n"]
        with self.watch("slow-loris, 600 connections"), self.clients(600) as clients:
            for number, client in enumerate(clients):
                client.send(starts[number % 3])
            end = time.monotonic() + LASTS
            while time.monotonic() < end:
                for client in clients:
                    client.send(b"a")
                time.sleep(0.2)

    def test_header_bombs(self):
        bombs = [b"GET /_ping HTTP/1.1\r\nHost: x\r\nA: " + b"a" * MEBI, b"GET /_ping HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
                 b"GET /" + b"a" * MEBI, b"A" * MEBI]

        def bomb():
            statuses = []
            for data in bombs:
                with self.client(120) as client:
                    head = client.send(data).rest()
                    statuses.append(head[:12])
            return statuses

        with self.watch("header bombs, 200 of 1 MiB"):
            for statuses in self.at_once(50, bomb):
                self.assertTrue(all(status in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"") for status in statuses), statuses)

    def test_ten_thousand_connections(self):
        count = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
        with self.watch(f"{count} connections"), self.clients(count) as clients:
            self.assertLessEqual(self.leak(), 1000 + 50, "a job's connections have a limit")
            served = sum(client.send(request("GET", "/_ping")).rest().startswith(b"HTTP/1.1 200") for client in clients[-100:])
            self.assertEqual(served, 0, "connections beyond the limit are closed")
        wait_for(lambda: self.call("GET", "/_ping").status == 200, 30, "the attacker's own next request")

    def test_giant_json(self):
        giants = [b'{"Image":"busybox","Env":[' + b'"a=b",' * 650_000 + b'"a=b"],"HostConfig":{"Privileged":true}}', b'{"Image":"busybox","Labels":{' + b",".join(b'"k%d":"v"' % n for n in range(260_000)) + b'},"HostConfig":{"Privileged":true}}',
                  b'{"Image":"busybox","X":[' + b"0," * 2_000_000 + b"0]}"]

        def post(data):
            with self.client(300) as client:
                return client.send(request("POST", "/containers/create", data)).reply().status

        with self.watch("9 JSON bodies of 4 MiB, 3 at once"):
            statuses = self.at_once(3, lambda: [post(data) for data in giants])
        self.assertEqual({tuple(each) for each in statuses}, {(413, 413, 413)}, "more values than a body may have")

    def test_bodies_that_are_held_back(self):
        """As much of a large body as is taken, on each of a hundred connections."""
        data = b'{"Image":"busybox","Env":["' + b"a" * (3 * MEBI)
        with self.watch("JSON bodies of 3 MiB of 4, held back, 200 at once"), self.clients(200) as clients:
            for client in clients:
                client.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n")
                client.sock.setblocking(False)
            end, left = time.monotonic() + LASTS, [data] * len(clients)
            while time.monotonic() < end:
                for number, client in enumerate(clients):
                    try:
                        left[number] = left[number][client.sock.send(left[number]):] if left[number] else b""
                    except BlockingIOError:
                        pass
                time.sleep(0.01)

    def test_deep_json(self):
        deep = [b'{"Image":' + b"[" * (4 * MEBI - 100), b'{"a":' * 700_000, b'{"Image":"busybox","X":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"]
        with self.watch("JSON a million deep, 60 at once"):
            for statuses in self.at_once(20, lambda: [self.call("POST", "/containers/create", data).status for data in deep]):
                self.assertEqual(statuses, [400, 400, 400])

    def build(self, data):
        with self.client(600) as client:
            reply = client.send(request("POST", "/build", data, content_type="application/x-tar")).reply()
            return reply.status, reply.body[-300:]

    def test_decompression_bombs(self):
        size = 256 * MEBI
        bombs = {"gzip": packed_by_zlib(zeros_in_tar(size)), "xz": packed_by(lzma.LZMACompressor(preset=0), zeros_in_tar(size)), "bzip2": packed_by(bz2.BZ2Compressor(1), zeros_in_tar(size // 2)),
                 "zstd": packed_by_zstd(b"".join(zeros_in_tar(size)))}
        for name, data in bombs.items():
            with self.subTest(name), self.watch(f"a context of {len(data) >> 10} KiB that {name} unpacks to {'128' if name == 'bzip2' else 256} MiB, 3 at once"):
                for status, body in self.at_once(3, self.build, data):
                    self.assertEqual(status, 200, body)

    def test_archives_that_ask_for_more_memory_than_they_have_bytes(self):
        plain = b"".join(zeros_in_tar(MEBI))
        with self.subTest("xz"), self.watch("xz with a dictionary of 1.5 GiB, 8 at once"):
            for status, body in self.at_once(8, self.build, greedy_xz(plain)):
                self.assertEqual(status, 400)
                self.assertIn(b"memory", body)
        with self.subTest("map"), self.watch("a sparse file with a map of 5 million pieces, 4 at once"):
            for status, body in self.at_once(4, self.build, packed_by_zlib([sparse_map_tar(5_000_000)])):
                self.assertEqual(status, 400)
                self.assertIn(b"too long", body)

    def test_thousands_of_execs(self):
        with self.client() as client:
            self.assertEqual(client.call("POST", "/containers/base/start").status, 204)

        def execs():
            with self.client(300) as client:
                return {client.call("POST", "/containers/base/exec", {"Cmd": ["true"]}).status for _ in range(250)}

        with self.watch("2000 execs from 8 clients"):
            self.assertEqual(set().union(*self.at_once(8, execs)), {201})

    def test_event_floods_and_streams_that_nobody_reads(self):
        ended = threading.Event()
        self.addCleanup(ended.set)
        actor = {"ID": self.container, "Attributes": {"name": f"berth.{self.key}.base", "image": "busybox"}}

        def flood():
            while not ended.is_set():
                moments = [time.time_ns() + number for number in range(50)]
                self.engine.tell(b"".join(json.dumps({"Type": "container", "Action": "pause", "Actor": actor, "timeNano": each}).encode() + b"\n" for each in moments))

        def pour(channel, _):
            channel.begin(content_type=RAW_STREAM)
            while not ended.is_set():
                channel.chunk(b"\1\0\0\0\0\0\x40\0" + b"x" * 16384)

        self.engine.on("GET", "logs", pour, 8)
        with self.watch("8 streams of events and 8 of logs as fast as they come, half of them unread"), self.clients(16) as clients:
            for number, client in enumerate(clients):
                client.send(request("GET", "/events" if number % 2 else "/containers/base/logs?stdout=1&follow=1"))
            flooded = in_background(flood)
            read = [in_background(self.drain, client, ended) for client in clients[:8]]
            time.sleep(LASTS)
            ended.set()
            flooded(60)
            for wait in read:
                self.assertGreater(wait(60), 100000, "bytes of a stream that was read")

    def drain(self, client, ended):
        taken = 0
        client.sock.settimeout(1)
        while not ended.is_set():
            try:
                if not client.fill():
                    break
            except TimeoutError:
                pass
            taken += len(client.buffer)
            client.buffer = b""
        return taken


class Bounded(FakeCase):
    """With a limit of what an archive may become."""

    rules = '[profile.default]\nlimits.archive = "64MiB"\n'

    def test_an_archive_that_becomes_too_large_is_refused(self):
        size = 96 * MEBI
        archives = {"plain": b"".join(zeros_in_tar(size)), "gzip": packed_by_zlib(zeros_in_tar(size)), "bzip2": packed_by(bz2.BZ2Compressor(1), zeros_in_tar(size)),
                    "a hole": sparse_tar(1 << 50), "many": gzip.compress(b"".join(zeros_in_tar(40 * MEBI))[:-1024] + b"".join(zeros_in_tar(40 * MEBI)), 1)}
        for name, data in archives.items():
            with self.subTest(name), self.client(300) as client:
                reply = client.send(request("POST", "/build", data, content_type="application/x-tar")).reply()
                self.assertEqual(reply.status, 403, reply)
                self.assertIn('refused by rule "limits.archive"', reply.message())
