"""A job ends while its clients are busy: after `berth job close` the engine is as it was before the job."""

import fcntl
import socket
import struct
import tempfile
import termios
import threading
import time

import attacks
from test_reap import ReapCase
from tools import tar_of, wait_for

ENGINES = ("distribution", "newest")


def unread(sock):
    """How many bytes have arrived that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]


def unsent(sock):
    """How many of the bytes that were sent the other side has not read."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


class OpenStreams(ReapCase):
    """The job ends while its clients are busy."""

    @attacks.shows("K-06 L-17", "cut, and removed")
    def test_logs_events_attach_exec_and_wait_are_cut(self):
        self.run_box("--name", "box", command=("sh", "-c", "while :; do echo tick; sleep 0.1; done"))
        self.job.do("create", "-i", "--name", "cat", self.job.image, "cat")
        clients = [self.job.docker.start(*args) for args in (
            ("logs", "-f", "box"), ("events",), ("attach", "box"), ("exec", "box", "sleep", "1000"), ("wait", "box"),
            ("start", "-ai", "cat"), ("run", "--rm", self.job.image, "sleep", "1000"))]
        # All have begun: what is asked for is under way, or has said something.
        self.assertEqual(clients[0].stdout.readline(), b"tick\n")
        self.assertEqual(clients[2].stdout.readline(), b"tick\n")
        wait_for(lambda: [each for each in self.job.api.get("/containers/json") if "sleep 1000" in each["Command"]], 20, "the container of the run")
        wait_for(lambda: self.job.api.get("/containers/box/json")["ExecIDs"], 20, "the exec")
        wait_for(lambda: self.job.api.get("/containers/cat/json")["State"]["StartedAt"] > "1", 20, "the start")
        self.assertEqual([client.poll() for client in (*clients[:5], clients[6])], [None] * 6)  # the cat has had its whole input
        self.assert_reaped()
        for client in clients:
            client.communicate(timeout=20)
            self.assertIsNotNone(client.returncode)

    @attacks.shows("H-14", "cut with the job")
    def test_a_client_that_never_reads(self):
        self.run_box("--name", "noisy", command=("sh", "-c", "while :; do echo 0123456789012345678901234567890123456789; done"))
        stuck = socket.socket(socket.AF_UNIX)
        stuck.connect(self.job.door)
        stuck.sendall(b"GET /v1.41/containers/noisy/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n")

        def waiting():
            """How many bytes lie in the socket, once no more come."""
            before = unread(stuck)
            time.sleep(0.3)
            return before if before and before == unread(stuck) else 0
        self.assertLess(wait_for(waiting, 20, "the stream to be stuck"), 20000000)
        self.assert_reaped()
        stuck.close()

    @attacks.shows("G-04 R-23", "cut before the removal")
    def test_an_archive_that_never_arrives_whole_holds_nothing_up(self):
        self.run_box("--name", "box")
        tar = tar_of({"big": bytes(1 << 20)})
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(self.job.door)
            slow.sendall(b"PUT /v1.41/containers/box/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(tar) + tar[:4096])
            wait_for(lambda: unsent(slow) == 0, 20, "berth to have what was sent")
            self.assert_reaped(within=30)

    def test_a_build_context_that_never_arrives_whole_holds_nothing_up(self):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(self.job.door)
            slow.sendall(b"POST /v1.41/build?t=slow HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n")
            wait_for(lambda: unsent(slow) == 0, 20, "berth to have what was sent")
            self.assert_reaped(within=30)

    def test_a_build_that_is_running(self):
        client = self.job.docker.start("build", "-t", "long", "-", stdin=open_text(f"FROM {self.job.image}\nRUN sleep 1000\n"))
        wait_for(lambda: [each for each in self.engine.api.get("/containers/json") if "sleep 1000" in each["Command"]], 20, "the step")
        self.assert_reaped()
        client.communicate(timeout=20)

    @attacks.shows("G-05", "let finish, recorded, removed")
    def test_creates_that_are_under_way(self):
        made = threading.Event()
        codes = []

        def create():
            for turn in range(1000):
                try:
                    status, _ = self.job.api.call("POST", f"/containers/create?name=c{threading.get_ident()}-{turn}",
                                                  {"Image": self.job.image, "HostConfig": {"Binds": [f"v{turn % 7}:/v"]}})
                except OSError:
                    return
                except Exception:  # an answer that was cut
                    return
                codes.append(status)
                made.set()
                if status != 201:
                    return
        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        made.wait(20)
        time.sleep(0.3)
        self.assert_reaped()
        for thread in threads:
            thread.join(20)
        self.assertIn(201, codes)

    def test_clients_that_were_killed(self):
        self.job.do("create", "-i", "--name", "cat", self.job.image, "cat")
        clients = [self.job.docker.start(*args) for args in (
            ("run", "--rm", self.job.image, "sleep", "1000"), ("run", "-v", "/a", self.job.image, "sleep", "1000"), ("start", "-ai", "cat"),
            ("build", "-"))]
        for delay, client in zip((0.05, 0.4, 0.2, 0.1), clients):
            time.sleep(delay)
            client.kill()
            client.communicate()
        self.assert_reaped()


def open_text(text):
    """A file, open for reading, that holds `text`."""
    file = tempfile.TemporaryFile("w+b")
    file.write(text.encode())
    file.seek(0)
    return file
