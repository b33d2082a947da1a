"""Two jobs and the host at work on one engine, each name of theirs with a word in it, and what one job reads searched for the words of the others."""

import base64
import io
import json
import re
import socket
import sqlite3
import tarfile
import unittest
from urllib.parse import quote

from harness import EngineCase, RuledBerth
from registries import Registry
from tools import Unavailable, UnixConnection

THEIRS = "quokka"  # in every name of the other job
HOSTS = "wombat"   # in every name of the host


class LimitedBerth(RuledBerth):
    rules = """
        [profile.default]
        limits.job = { memory = "512MB", pids = 400 }  # so that there are cgroups
    """


class LeakCase(EngineCase):
    """`mine` reads; `theirs` and the host are what it must not find."""

    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.limited = None
        try:
            cls.make_world()
        except BaseException as error:
            cls.tearDownClass()  # which unittest leaves out for a class whose set-up fails
            if isinstance(error, Unavailable):
                raise unittest.SkipTest(str(error)) from None
            raise

    @classmethod
    def make_world(cls):
        cls.world.registry()
        docker = cls.engine.docker
        host = cls.engine.folder / "leak/host"
        (host / "sub").mkdir(parents=True)
        (host / "late").mkdir()
        (host / "file").write_text("a file")
        docker.ok("run", "-d", "--name", "leak-anchor", "-v", f"{host}:/builds", "busybox", "sleep", "100000")
        cls.host = [cls.engine.do("run", "-d", "--name", f"{HOSTS}-box", "-v", f"{HOSTS}-vol:/v", "busybox", "sleep", "100000"),
                    docker.ok("network", "create", f"{HOSTS}-net")]
        docker.ok("tag", "busybox", f"{HOSTS}-image")
        work = cls.engine.folder / f"leak/{THEIRS}"
        (work / "sub").mkdir(parents=True)
        cls.limited = LimitedBerth(cls.engine).start()
        cls.mine = cls.limited.open_job("--anchor", "leak-anchor")
        cls.theirs = cls.limited.open_job("--workspace", str(work))
        cls.fill(cls.theirs, THEIRS, f"{work}/sub")
        cls.fill(cls.mine, "mine", "/builds/sub")
        cls.forbidden = cls.collect()

    @classmethod
    def tearDownClass(cls):
        if cls.limited:
            for facts in json.loads(cls.limited.ok("job", "list", "--json")):
                cls.limited.cli("job", "close", facts["id"], timeout=120)
            cls.limited.stop()
        docker = cls.engine.docker
        docker("rm", "-fv", "leak-anchor", f"{HOSTS}-box")
        docker("network", "rm", f"{HOSTS}-net")
        docker("volume", "rm", f"{HOSTS}-vol")
        docker("rmi", f"{HOSTS}-image", f"{Registry.address}/busybox")
        super().tearDownClass()

    @classmethod
    def fill(cls, job, word, path):
        """Some of everything, each name with `word` in it."""
        job.load_busybox()
        for turn in (1, 2):  # the first one loses its name
            job.build(f"{word}-app:1", {"Dockerfile": f"FROM {job.image}\nLABEL team={word}\nRUN echo {word}{turn} >/text\nVOLUME /declared\n"})
        job.do("tag", f"{word}-app:1", f"{Registry.address}/{word}/app:2")
        job.ok("push", f"{Registry.address}/{word}/app:2")
        job.ok("pull", f"{Registry.address}/busybox")
        job.ok("network", "create", "--label", f"of={word}", f"{word}-net")
        job.ok("volume", "create", "--label", f"of={word}", f"{word}-vol")
        box = ("--label", f"of={word}", "--network-alias", f"{word}-alias", "--network", f"{word}-net", "-v", f"{word}-vol:/data", "-v", f"{path}:/bound")
        job.ok("run", "-d", "--name", f"{word}-web", *box, "-p", "8080:80", "-v", "/anonymous", "-v", "/var/run/docker.sock:/var/run/docker.sock",
               "--health-cmd", "true", f"{word}-app:1", "sh", "-c", f"echo {word} in the log; exec httpd -f -p 80 -h /etc")
        job.ok("run", "-d", "--name", f"{word}-idle", "--volumes-from", f"{word}-web", "-m", "64m", "-P", job.image, "sleep", "100000")
        job.ok("run", "--name", f"{word}-done", "--network", "none", "--mount", f"type=bind,source={path},target=/x", job.image, "true")
        job.do("run", "-d", "--name", f"{word}-joined", "--network", f"container:{word}-web", job.image, "sleep", "100000")
        job.do("network", "connect", "bridge", f"{word}-web")
        job.do("exec", f"{word}-web", "true")
        job.exec = job.api.call("POST", f"/containers/{word}-web/exec", {"Cmd": ["echo", word], "AttachStdout": True})[1]["Id"]
        job.ok("commit", f"{word}-done", f"{word}-committed")
        job.containers = job.ok("ps", "-aq", "--no-trunc").split()
        job.committed = job.ok("inspect", "-f", "{{.Id}}", f"{word}-committed")
        job.images = set(job.ok("images", "-aq", "--no-trunc").split())

    @classmethod
    def collect(cls):
        """What nothing that `mine` reads may hold: (why, pattern)."""
        ledger = sqlite3.connect(f"file:{cls.limited.folder}/state/berth.db?mode=ro", uri=True)
        bridges = [row[0] for row in ledger.execute("SELECT bridge FROM leases")]
        ledger.close()
        texts = [("the other job's names", THEIRS), ("the host's names", HOSTS), ("a real name or label", "berth."), ("a cgroup", "/berth/"),
                 ("a path of the host", str(cls.engine.folder)), ("a pin", "/pins/"), ("a volume of berth's", "_root-")]
        texts += [("a job's key", job.key[:8]) for job in (cls.mine, cls.theirs)]
        texts += [("a bridge", name) for name in bridges]
        ids = [*cls.theirs.containers, cls.theirs.exec, *cls.host]
        ids += [each["Id"] for each in cls.engine.api.get("/networks") if each["Name"].startswith(f"berth.{cls.theirs.key}") or each["Name"] == "bridge"]
        ids += [each.removeprefix("sha256:") for each in cls.theirs.images - cls.mine.images]
        ids += [each.rsplit(".", 1)[-1] for each in cls.engine.snapshot()["volumes"] if cls.theirs.key in each and len(each) > 80]
        texts += [("another's id", each[:12]) for each in ids]
        patterns = [(why, re.compile(re.escape(text.encode()))) for why, text in texts]
        addresses = {cls.theirs.address()}
        for identity in cls.theirs.containers:
            for endpoint in cls.engine.api.get(f"/containers/{identity}/json")["NetworkSettings"]["Networks"].values():
                addresses.update(each for each in (endpoint["IPAddress"], endpoint["MacAddress"]) if each)
        return patterns + [("another's address", re.compile(rb"(?<![0-9.])" + re.escape(each.encode()) + rb"(?![0-9])")) for each in addresses]

    def setUp(self):
        self.found = []
        self.read = 0

    def tearDown(self):
        self.assertEqual(len(self.found), 0, "\n".join(self.found[:40]))
        self.assertGreater(self.read, 0)

    def search(self, what, content, sent=()):
        """Notes what `content` holds that it must not. `sent`: what the job itself had written in its question."""
        self.read += 1
        for text in sorted(sent, key=len, reverse=True):
            content = content.replace(text.encode(), b"(sent)")
        for why, pattern in self.forbidden:
            if match := pattern.search(content):
                around = content[max(0, match.start() - 150):match.end() + 100]
                self.found.append(f"{what}: {why}: {around!r}")
        return content

    def saved(self, archive, reference):
        """`archive` as it is to be searched. The engine writes the configuration of a container, labels and all, into the image that
        is committed of it, beside the image's own, where berth's labels stay with nothing in them: an image goes by the digest of that,
        so nobody can leave it out afterwards."""
        out = b""
        with tarfile.open(fileobj=io.BytesIO(archive)) as read:
            for member in read:
                out += str(member.get_info()).encode()
                content = read.extractfile(member).read() if member.isfile() else b""
                if content.startswith(b"{") and b'"container_config"' in content and ("committed" in reference or self.mine.committed[7:] in reference):
                    config = json.loads(content)
                    del config["container_config"]
                    if labels := config.get("config", {}).get("Labels"):
                        config["config"]["Labels"] = {key: value for key, value in labels.items() if not key.startswith("berth.") or value}
                    content = json.dumps(config).encode()
                out += content
        return out

    def ask(self, method, path, body=None, headers=None, sent=(), version="v1.41"):
        """Searches the whole answer, its headers too; (status, body)."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = UnixConnection(self.mine.door, 60)
        try:
            connection.request(method, f"/{version}{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        head = f"{answer.status} {answer.reason}\n{answer.headers}".encode()
        if stat := answer.getheader("X-Docker-Container-Path-Stat"):
            head += base64.b64decode(stat)
        is_archive = answer.status == 200 and re.search("^/images/(.*/)?get", path)
        self.search(f"{method} {path}", head + (self.saved(content, path) if is_archive else content), sent)
        return answer.status, content

    def hijacked(self, path, body=None, seconds=5):
        """Searches all that comes back on a connection that is no longer HTTP."""
        body = json.dumps(body).encode() if body is not None else b""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.mine.door)
            stream.settimeout(seconds)
            stream.sendall(f"POST /v1.41{path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            content = b""
            try:
                while got := stream.recv(65536):
                    content += got
            except TimeoutError:
                pass  # it stays open as long as the container runs
        self.assertTrue(content, path)
        return self.search(f"POST {path}", content)

    def references(self, kind):
        """The job's own objects of a kind, as they may be asked for."""
        if kind == "containers":
            return [f"mine-{each}" for each in ("web", "idle", "done", "joined")] + self.mine.containers[:1] + [self.mine.containers[0][:12]]
        if kind == "images":
            return ["mine-app:1", "mine-committed", self.mine.image, f"{Registry.address}/mine/app:2", f"{Registry.address}/busybox", *sorted(self.mine.images)]
        if kind == "networks":
            return ["bridge", "host", "none", "mine-net", self.mine.ok("network", "inspect", "-f", "{{.Id}}", "mine-net")]
        if kind == "volumes":
            return self.mine.ok("volume", "ls", "-q").split()
        return [self.mine.exec] if kind == "exec" else ["x"]

    def foreign(self, kind):
        """The same of the others: to this job, nothing."""
        key = self.theirs.key
        if kind == "containers":
            return [f"{THEIRS}-web", f"berth.{key}.{THEIRS}-web", self.theirs.containers[0], f"{HOSTS}-box", self.host[0]]
        if kind == "images":
            return [f"{THEIRS}-app:1", f"berth.{key}/docker.io/library/{THEIRS}-app:1", f"{HOSTS}-image", *sorted(self.theirs.images - self.mine.images)[:2]]
        if kind == "networks":
            return [f"{THEIRS}-net", f"berth.{key}.{THEIRS}-net", f"{HOSTS}-net", self.host[1]]
        if kind == "volumes":
            return [f"{THEIRS}-vol", f"berth.{key}.{THEIRS}-vol", f"{HOSTS}-vol"]
        return [self.theirs.exec] if kind == "exec" else []

    def filters(self, **filters):
        return "filters=" + quote(json.dumps(filters))
