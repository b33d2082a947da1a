"""Clients other than the docker CLI: docker-py and dockerode, each with streams that are written, half-closed and followed."""

import socket
import threading
from pathlib import Path

from harness import EngineCase
from toolchains import CACHE, reason_of
from tools import clean_env, run

ENGINES = ("distribution", "newest")

HERE = Path(__file__).parent


class DockerPy(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import docker  # Debian's python3-docker
        cls.client = docker.DockerClient(base_url=f"unix://{cls.job.door}", version="auto", timeout=60)
        cls.errors = docker.errors

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        super().tearDownClass()

    def test_run_logs_and_removal(self):
        self.assertEqual(self.client.containers.run(self.job.image, "echo hi", remove=True), b"hi\n")
        with self.assertRaises(self.errors.ContainerError) as caught:
            self.client.containers.run(self.job.image, "sh -c 'echo no >&2; exit 3'", remove=True)
        self.assertEqual(caught.exception.exit_status, 3)
        self.assertEqual(self.client.containers.list(all=True), [])

    def test_attach_writes_half_closes_and_reads_on(self):
        container = self.client.containers.create(self.job.image, "cat", stdin_open=True, name="cat")
        stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        container.start()
        raw = stream._sock
        raw.sendall(b"line\n")
        raw.settimeout(20)
        self.assertEqual(read_exactly(raw, 8 + 5)[8:], b"line\n")
        raw.shutdown(socket.SHUT_WR)
        self.assertEqual(raw.recv(1), b"")  # the end of cat's stdin is the end of cat
        self.assertEqual(container.wait()["StatusCode"], 0)
        stream.close()
        container.remove()

    def test_exec_gives_both_streams_and_the_exit_code(self):
        container = self.client.containers.run(self.job.image, "sleep 1000", detach=True, name="box")
        result = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
        self.assertEqual((result.exit_code, result.output), (4, (b"out\n", b"err\n")))
        _, stream = container.exec_run(["cat"], stdin=True, socket=True)
        raw = stream._sock
        raw.sendall(b"abc")
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(20)
        self.assertEqual(read_exactly(raw, 8 + 3)[8:], b"abc")
        self.assertEqual(raw.recv(1), b"")
        stream.close()
        container.remove(force=True)

    def test_following_logs_and_waiting_at_once(self):
        container = self.client.containers.run(self.job.image, ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done; exit 6"], detach=True)
        codes = []
        waiting = threading.Thread(target=lambda: codes.append(container.wait()["StatusCode"]))
        waiting.start()
        self.assertEqual(b"".join(container.logs(stream=True, follow=True)), b"1\n2\n3\n")
        waiting.join(20)
        self.assertEqual(codes, [6])
        container.remove()

    def test_networks_volumes_and_files(self):
        network = self.client.networks.create("app")
        volume = self.client.volumes.create("data", labels={"a": "b"})
        container = self.client.containers.create(self.job.image, "cat /data/f", network="app", volumes={"data": {"bind": "/data"}})
        self.assertEqual([each.name for each in self.client.networks.list(names=["app"])], ["app"])
        self.assertEqual([each.name for each in self.client.volumes.list()], ["data"])
        container.remove()
        network.remove()
        volume.remove()

    def test_errors_have_their_classes(self):
        with self.assertRaises(self.errors.NotFound):
            self.client.containers.get("nobody")
        with self.assertRaises(self.errors.ImageNotFound):
            self.client.containers.create("nothing:here")
        with self.assertRaises(self.errors.APIError) as caught:
            self.client.containers.create(self.job.image, privileged=True)
        self.assertEqual(caught.exception.response.status_code, 403)


class Dockerode(EngineCase):
    def test_a_node_client_works(self):
        modules = CACHE / "dockerode/node_modules"
        if not modules.exists():
            self.skipTest("no dockerode: " + reason_of("dockerode"))
        result = run(["node", HERE / "dockerode.js", self.job.image], timeout=120,
                     env=clean_env(DOCKER_HOST=self.job.docker.host, NODE_PATH=str(modules)))
        self.assertEqual((result.code, result.out.strip()), (0, "done"), result.err)


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        got = stream.recv(count - len(data))
        assert got, f"the stream ended after {data!r}"
        data += got
    return data
