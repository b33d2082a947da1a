"""What the engine connects to for a job: nothing of the host's, however it is named, unless the operator lists it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import attacks
from harness import BINARY, Berth, EngineCase
from networks import inspected, serve
from tools import tar_of, wait_for

ENGINES = ("distribution", "trixie", "newest")

PORT = 7099
HOST = "198.18.0.1"  # the engine's host's own, beside loopback
LISTENER = r"""
import socket, sys
server = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    client, _ = server.accept()
    with client:
        client.settimeout(2)
        try:
            print(client.getsockname()[0], client.recv(4096).split(b"\r\n")[0], flush=True)
            client.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 12\r\nConnection: close\r\n\r\nsecret words")
        except OSError:
            print("broken off", flush=True)
"""


class Case(EngineCase):
    """A service of the host listens on all that the host has; nobody connects to it."""

    jobs_wanted = ("job", "other")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.heard = cls.engine.folder / f"heard-{cls.__name__}"
        with cls.heard.open("wb") as out:
            cls.listener = subprocess.Popen(["nsenter", f"--net=/run/netns/{cls.engine.namespace}", sys.executable, "-c", LISTENER, str(PORT)],
                                            stdin=subprocess.DEVNULL, stdout=out)
        wait_for(lambda: f":{PORT} " in cls.engine.inside("ss", "-Htln").out, 10, "the host's service")

    @classmethod
    def tearDownClass(cls):
        cls.listener.terminate()
        cls.listener.wait()
        super().tearDownClass()

    def refused_dial(self, answer, rule="images.registries_local"):
        status, content = answer
        text = content if isinstance(content, str) else json.dumps(content)
        self.assertIn(status, (200, 403), text)
        self.assertIn(f'is refused by rule "{rule}"', text.replace('\\"', '"'))
        self.assertNotIn("secret words", text)
        self.assert_private(text)
        self.assertEqual(self.heard.read_text(), "", "the engine connected to the host's service")

    def pull(self, image, job=None):
        status, content = (job or self.job).api.call("POST", f"/images/create?fromImage={quote(image, safe='')}&tag=1", raw=True)
        return status, content.decode()


class EngineDials(Case):
    @attacks.shows("V-40 V-41", "refused; nothing is connected to")
    def test_pulls_from_the_host(self):
        for host in ("127.0.0.1", "127.9.9.9", "127.1", "2130706433", "0x7f000001", "0x7F.1", "017700000001", "0177.0.0.1", "0", "0.0.0.0", HOST, "3323068417",
                     "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:7f00:1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "localhost", "LOCALHOST", "a.localhost", "ip6-localhost",
                     "localhost.localdomain", "169.254.169.254", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255"):
            with self.subTest(host):
                self.refused_dial(self.pull(f"{host}:{PORT}/x"))

    @attacks.shows("V-43 V-44 V-45", "refused; nothing is connected to")
    def test_pushes_logins_bases_and_digests(self):
        digest = "sha256:" + "a" * 64
        self.refused_dial(self.job.api.call("POST", f"/images/create?fromImage=127.0.0.1:{PORT}/x&tag={digest}"))
        for server in (f"127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT}/v1/", f"https://{HOST}:{PORT}", f"https://localhost:{PORT}?", f"[::1]:{PORT}", f"http://0x7f.1:{PORT}#x"):
            with self.subTest(login=server):
                self.refused_dial(self.job.api.call("POST", "/auth", {"username": "a", "password": "b", "serveraddress": server}))
        for server in (f"http://elsewhere.test@127.0.0.1:{PORT}", f"HTTP://127.0.0.1:{PORT}", f"http://127.0.0.1\\@elsewhere.test:{PORT}", f"http://127.0.0.1%00:{PORT}", f"http:///127.0.0.1:{PORT}"):
            with self.subTest(login=server):
                self.assertEqual(self.job.api.call("POST", "/auth", {"username": "a", "password": "b", "serveraddress": server})[0], 400)
        for name in (f"127.0.0.1:{PORT}/x:1", f"{HOST}:{PORT}/x:1"):
            with self.subTest(push=name):
                self.job.do("tag", self.job.image, name)
                self.refused_dial(self.job.api.call("POST", f"/images/{quote(name.removesuffix(':1'), safe='/:')}/push?tag=1", headers={"X-Registry-Auth": "e30="}))
                self.job.do("rmi", name)
        for dockerfile in (f"FROM 127.0.0.1:{PORT}/x\n", f"FROM {self.job.image}\nCOPY --from=localhost:{PORT}/x / /\n", f"FROM 127.0.0.1:{PORT}/x@{digest}\n"):
            with self.subTest(dockerfile):
                status, content = self.job.api.call("POST", "/build", tar_of({"Dockerfile": dockerfile}), raw=True)
                self.refused_dial((status, content.decode()))
        self.assertEqual(self.heard.read_text(), "")

    @attacks.shows("V-46", "refused; the job's own is not")
    def test_what_is_of_others_and_what_is_the_jobs_own(self):
        for job in (self.job, self.other):
            serve(job, "registry", "-p", f"{PORT + 1}:80")
        self.engine.do("run", "-d", "--name", "hosts-own", "busybox", "sleep", "1000")
        self.addCleanup(lambda: self.engine.docker("rm", "-f", "hosts-own"))
        of_host = json.loads(self.engine.docker.ok("inspect", "hosts-own"))[0]["NetworkSettings"]["Networks"]["bridge"]
        foreign = inspected(self.other, "registry")["NetworkSettings"]["Networks"]["bridge"]
        for address in (of_host["IPAddress"], of_host["Gateway"], foreign["IPAddress"], foreign["Gateway"]):
            with self.subTest(address):
                self.refused_dial(self.pull(f"{address}:{PORT + 1}/x"))
        own = inspected(self.job, "registry")["NetworkSettings"]["Networks"]["bridge"]
        for address in (own["IPAddress"], own["Gateway"]):
            with self.subTest(own=address):  # no registry answers there, but it is asked
                self.assertNotIn("is refused by rule", self.pull(f"{address}:{PORT + 1}/x")[1])
        for job in (self.job, self.other):
            job.do("rm", "-f", "registry")

    @contextlib.contextmanager
    def names(self):
        """What `ip netns exec` has as /etc/hosts: the words of the command."""
        names = Path("/etc/netns") / self.engine.namespace / "hosts"
        names.parent.mkdir(parents=True)
        names.write_text(f"127.0.0.1 loopback.test\n{HOST} host.test\n169.254.169.254 metadata.test\n192.168.77.7 company.test\n192.168.77.7 both.test\n::1 both.test\n")
        try:
            yield ["ip", "netns", "exec", self.engine.namespace]
        finally:
            names.unlink()
            names.parent.rmdir()

    def judged_by_names(self, *flags, **options):
        """A berth that knows the names: what it refuses of them. An open job of it."""
        berth = Berth(self.engine).start(*flags, **options)
        self.addCleanup(berth.stop)
        job = berth.open_job()
        self.addCleanup(lambda: self.assertEqual(job.close().code, 0))
        for name in ("loopback.test", "LOOPBACK.test", "host.test", "metadata.test", "both.test"):
            with self.subTest(name):
                self.refused_dial(self.pull(f"{name}:{PORT}/x", job))
                self.refused_dial(job.api.call("POST", "/auth", {"serveraddress": f"http://{name}:{PORT}"}))
        for name in ("company.test", "nobody-knows.test"):  # the engine is asked, and knows neither
            with self.subTest(name):
                self.assertNotIn("is refused by rule", self.pull(f"{name}:{PORT}/x", job)[1])
        return job

    @attacks.shows("V-42", "refused by what the name stands for")
    def test_names(self):
        with self.names() as within:
            self.judged_by_names(within=within)

    @attacks.shows("V-58", "refused by what the name stands for, looked up by a process that may")
    def test_names_that_are_looked_up_for_berth(self):
        path = self.engine.folder / "names.sock"
        with self.names() as within, socket.create_server(str(path), family=socket.AF_UNIX) as server:
            answer = [*within, BINARY, "lookup"]

            def serve_all():
                with contextlib.suppress(OSError):
                    while True:
                        asked, _ = server.accept()
                        with asked:
                            subprocess.run(answer, stdin=asked, stdout=asked)
            threading.Thread(target=serve_all, daemon=True).start()
            job = self.judged_by_names("--names-socket", path)
            for broken in (["true"], ["printf", "203.0.113.7"], ["printf", "none\n"]):  # no answer, half of one, none that can be read
                answer[:] = broken
                with self.subTest(broken):
                    status, text = self.pull(f"by-{broken[0]}-{len(broken[-1])}.test:{PORT}/x", job)
                    self.assertEqual(status, 503, text)
                    self.assertIn("cannot be learnt now", text)
            self.assertEqual(self.heard.read_text(), "")
            server.shutdown(socket.SHUT_RDWR)

    def test_what_the_operator_lists_is_asked(self):
        name = self.registry().push("busybox", "listed:1")
        self.job.ok("pull", "-q", name)
        self.refused(self.job.docker("pull", "localhost:5000/listed:1"), '"images.registries_local"', code=1)
        self.job.do("rmi", name)
