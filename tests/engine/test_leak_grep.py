"""Everything that a job can read, searched for what is not its own to know: two jobs and the host at work on one engine."""

import io
import json
import re
import tarfile
import threading
import time
from urllib.parse import quote

import attacks
from harness import ROOT
from leaks import THEIRS, LeakCase
from registries import Registry
from tools import tar_of

ENGINES = ("newest",)


def get_rows():
    """(name, method, path) of every GET and HEAD in the endpoint table, closed ones too."""
    source = (ROOT / "rules/api/endpoints.cpp").read_text()
    return [(name, method.upper(), path) for name, method, path in re.findall(r'\w+, "([\w.]+)", (get|head), "([^"]+)"', source)]


class Leaks(LeakCase):
    def queries(self, path):
        """The questions that are worth asking of a path."""
        now = f"{time.time() + 1:.0f}"
        questions = {
            "/containers/json": ["", "?all=1&size=1", *(f"?all=1&{self.filters(**each)}" for each in (
                {"status": ["running"]}, {"name": ["web"]}, {"network": ["bridge"]}, {"volume": ["mine-vol"]}, {"ancestor": ["mine-app:1"]},
                {"label": ["of"]}, {"label": ["berth.key"]}, {"health": ["healthy"]}, {"before": ["mine-done"]}, {"since": ["mine-web"]}, {"id": ["a"]},
                {"publish": ["8080"]}, {"expose": ["80"]}, {"is-task": ["false"]}, {"exited": ["0"]}, {"nonsense": ["x"]}))],
            "/images/json": ["", "?all=1&digests=1", "?shared-size=1&manifests=1", *(f"?all=1&{self.filters(**each)}" for each in (
                {"dangling": ["true"]}, {"reference": ["*"]}, {"reference": ["*/*/*"]}, {"label": ["team"]}, {"before": ["mine-app:1"]},
                {"since": [self.mine.image]}, {"until": ["1h"]}, {"nonsense": ["x"]}))],
            "/networks": ["", *(f"?{self.filters(**each)}" for each in (
                {"type": ["builtin"]}, {"type": ["custom"]}, {"driver": ["bridge"]}, {"dangling": ["true"]}, {"label": ["of"]}, {"name": ["net"]}, {"nonsense": ["x"]}))],
            "/volumes": ["", *(f"?{self.filters(**each)}" for each in (
                {"dangling": ["true"]}, {"dangling": ["false"]}, {"label": ["of"]}, {"name": ["o"]}, {"driver": ["local"]}, {"nonsense": ["x"]}))],
            "/events": [f"?since=0&until={now}", *(f"?since=0&until={now}&{self.filters(type=[each])}" for each in (
                "container", "image", "network", "volume", "daemon", "builder")), f"?since=0&until={now}&{self.filters(label=['berth.key'])}"],
            "/system/df": ["", "?type=container", "?type=image", "?type=volume", "?type=build-cache", "?verbose=1"],
            "/containers/{id}/json": ["", "?size=1"],
            "/containers/{id}/logs": ["?stdout=1&stderr=1&timestamps=1&details=1", ""],
            "/containers/{id}/stats": ["?stream=0", "?stream=0&one-shot=1"],
            "/containers/{id}/top": ["", "?ps_args=aux", "?ps_args=-eo+pid,comm,cgroup", "?ps_args=-eo+pid,args"],
            "/containers/{id}/archive": ["?path=/etc/hostname", "?path=/text", "?path=/bound", "?path=/data", "?path=/etc/mtab", "?path=/absent", ""],
            "/networks/{id}": ["", "?verbose=1", "?scope=swarm"],
            "/images/get": [f"?names={quote('mine-app:1')}&names={quote(self.mine.image)}", "?names=absent", ""],
        }
        return questions.get(path, [""])

    @attacks.shows("X-02 X-03 X-04 X-08 X-11 I-19", "searched: nothing of others")
    def test_every_get(self):
        newest = f"v{self.engine.api.get('/version')['ApiVersion']}"
        asked = set()
        for name, method, path in get_rows():
            kind = path.split("/")[1]
            for question in self.queries(path):
                if "{id}" not in path:
                    for version in ("v1.24", "v1.41", newest) if question == self.queries(path)[0] else ("v1.41",):
                        self.ask(method, path + question, version=version)
                    asked.add(name)
                    continue
                for reference in self.references(kind)[:2 if name in ("container.export", "image.get") else None]:
                    status, _ = self.ask(method, path.replace("{id}", quote(reference, safe=":/@")) + question)
                    if status == 200:
                        asked.add(name)
                for reference in self.foreign(kind):
                    status, _ = self.ask(method, path.replace("{id}", quote(reference, safe=":/@")) + question, sent=(reference, reference.split(":")[0]))
                    self.assertGreaterEqual(status, 400, reference)
            for version in (newest,):
                if path.endswith("/json") and "{id}" in path:
                    for reference in self.references(kind):
                        self.ask(method, path.replace("{id}", quote(reference, safe=":/@")), version=version)
        unread = {name for name, method, path in get_rows() if "{id}" in path and path.split("/")[1] in ("containers", "images", "networks", "volumes", "exec")} - asked
        self.assertEqual(unread, {"container.attach_ws", "checkpoint.list", "image.attestations"}, "what is closed, and nothing else, was never read")

    @attacks.shows("X-01", "searched: nothing of others")
    def test_streams(self):
        job = self.mine
        self.hijacked("/containers/mine-web/attach?logs=1&stream=1&stdout=1&stderr=1", seconds=1)
        content = self.hijacked(f"/exec/{job.exec}/start", {"Detach": False})
        self.assertIn(b"mine", content)
        self.ask("GET", f"/exec/{job.exec}/json")
        dockerfile = f"FROM {job.image} AS one\nARG A=1\nRUN env; hostname; echo x >/x\nFROM mine-app:1\nCOPY --from=one /x /x\nCOPY --from=mine-committed /bin/busybox /y\n"
        context = tar_of({"Dockerfile": dockerfile})
        for query in ("t=mine-streamed:1&t=mine-streamed:2", "q=1", "t=mine-streamed:1&nocache=1&labels=" + quote('{"a":"b"}')):
            status, content = self.ask("POST", f"/build?{query}", context, {"Content-Type": "application/x-tar"})
            self.assertEqual((status, b'"error"' in content), (200, False), content)
        address = Registry.address
        for path in (f"/images/create?fromImage={address}/busybox&tag=latest", f"/images/create?fromImage={address}/absent&tag=1", f"/images/{address}/mine/app/push?tag=2",
                     f"/images/{address}/mine/app/push", "/images/create?fromImage=absent.invalid/x&tag=1"):
            self.ask("POST", path, headers={"X-Registry-Auth": "e30="})
        saved = self.ask("GET", f"/images/get?names={quote('mine-streamed:1')}&names={quote('mine-app:1')}")[1]
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            self.assertIn("manifest.json", archive.getnames())
        self.ask("POST", "/images/load", saved, {"Content-Type": "application/x-tar"})
        self.ask("POST", "/images/create?fromSrc=-&repo=mine-imported", tar_of({"x": "y"}), {"Content-Type": "application/x-tar"})
        self.ask("POST", "/commit?container=mine-done&repo=mine-committed&tag=2", {})
        self.ask("POST", f"/images/{quote('mine-app:1')}/tag?repo=mine-tagged&tag=1")
        for name in ("mine-streamed:1", "mine-imported", "mine-tagged:1", "mine-committed:2", "mine-streamed:2"):
            self.ask("DELETE", f"/images/{quote(name)}")
        status, content = self.ask("POST", "/containers/create?name=mine-made", {"Image": job.image, "Cmd": ["sh", "-c", "echo said"]})
        self.assertEqual(status, 201, content)
        for path in ("start", "wait", "restart?t=0", "rename?name=mine-other", "stop?t=0", "update", "kill"):
            name = "mine-other" if path in ("stop?t=0", "update", "kill") else "mine-made"
            self.ask("POST", f"/containers/{name}/{path}", {"Memory": 1 << 26} if path == "update" else None)
        self.ask("GET", "/containers/mine-other/export")
        self.ask("DELETE", "/containers/mine-other")
        for path in ("containers", "networks", "volumes", "images", "build"):
            self.ask("POST", f"/{path}/prune?" + self.filters(label=["nobody=has"]))
        self.ask("POST", "/auth", {"username": "a", "password": "b", "serveraddress": address})
        self.ask("GET", f"/events?since=0&until={time.time() + 1:.0f}")

    @attacks.shows("X-05 K-19 X-14", "searched: nothing of others")
    def test_error_texts(self):
        image = self.mine.image
        create = "/containers/create"

        def host(**fields):
            return {"Image": image, "Cmd": ["true"], "HostConfig": fields}

        cases = [
            ("POST", f"{create}?name=mine-web", {"Image": image}, 409),
            ("POST", f"{create}?name=not+a+name", {"Image": image}, 400),
            ("POST", create, {"Image": "absent"}, 404),
            ("POST", create, {"Image": f"{THEIRS}-app:1"}, 404),
            ("POST", create, host(Binds=[f"{self.engine.folder}/leak/host:/x"]), 403),
            ("POST", create, host(Binds=["/etc:/x"]), 403),
            ("POST", create, host(Mounts=[{"Type": "bind", "Source": "/builds/absent", "Target": "/x"}]), 400),
            ("POST", create, host(NetworkMode=f"{THEIRS}-net"), None),
            ("POST", create, host(NetworkMode=f"container:{THEIRS}-web"), None),
            ("POST", create, host(VolumesFrom=[f"{THEIRS}-web"]), 404),
            ("POST", create, host(Memory=1), 400),
            ("POST", "/containers/mine-done/rename?name=mine-web", None, 409),
            ("DELETE", "/containers/mine-web", None, 409),
            ("POST", "/containers/mine-done/exec", {"Cmd": ["true"]}, 409),
            ("POST", "/containers/mine-done/pause", None, 409),
            ("GET", "/containers/mine-done/archive?path=/absent", None, 404),
            ("PUT", "/containers/mine-done/archive?path=/absent", b"", 404),
            ("PUT", "/containers/mine-web/archive?path=/", b"no tar at all" * 100, None),
            ("DELETE", "/volumes/mine-vol", None, 409),
            ("DELETE", f"/images/{self.mine.image}", None, 409),
            ("DELETE", f"/images/{self.mine.ok('inspect', '-f', '{{.Id}}', 'mine-app:1')}", None, 409),
            ("DELETE", "/networks/mine-net", None, 403),
            ("DELETE", "/networks/bridge", None, 403),
            ("POST", "/networks/create", {"Name": "mine-net", "CheckDuplicate": True}, 409),
            ("POST", "/networks/create", {"Name": "mine-over", "IPAM": {"Config": [{"Subnet": self.theirs.address() + "/28"}]}}, None),
            ("POST", "/networks/mine-net/connect", {"Container": "mine-web"}, 403),
            ("POST", "/networks/mine-net/connect", {"Container": "mine-done", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.0.0.1"}}}, None),
            ("POST", "/networks/mine-net/disconnect", {"Container": "mine-done"}, None),
            ("POST", "/volumes/create", {"Name": "x", "Driver": "absent"}, None),
            ("POST", "/volumes/create", {"Name": "x", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}, None),
            ("POST", "/images/load", b"nothing", 400),
            ("POST", "/images/create?fromSrc=-", b"nothing" * 1000, None),
            ("POST", "/commit?container=mine-done&changes=NONSENSE", {}, None),
            ("POST", f"/images/{quote('mine-app:1')}/tag?repo=NOT+OK", None, 400),
        ]
        for method, path, body, expected in cases:
            headers = {"Content-Type": "application/x-tar"} if isinstance(body, bytes) else {}
            sent = [THEIRS, str(self.engine.folder), self.theirs.address()]  # where the question holds them
            sent = [each for each in sent if each in path or each in str(body)]
            status, content = self.ask(method, path, body, headers, sent)
            with self.subTest(f"{method} {path}", body=str(body)[:100]):
                self.assertGreaterEqual(status, 400, content)
                if expected:
                    self.assertEqual(status, expected, content)
        for dockerfile in ("FROM absent.invalid/x\n", f"FROM {image}\nCOPY missing /x\n", f"FROM {image}\nRUN false\n", f"FROM {image}\nNONSENSE\n",
                           f"FROM {image}\nCOPY --from={THEIRS}-app:1 /text /x\n", f"FROM {image}\nADD no.tar /\nRUN /absent\n", f"FROM {image}\nUSER nobody-here\nRUN true\n",
                           f"FROM {image}\nWORKDIR /etc/passwd\nRUN true\n", "FROM scratch\nRUN x\n"):
            content = self.ask("POST", "/build?t=mine-fails", tar_of({"Dockerfile": dockerfile}), {"Content-Type": "application/x-tar"}, (f"{THEIRS}-app",))[1]
            self.assertTrue(b"error" in content or b"message" in content, content)

    @attacks.shows("K-19", "searched: nothing of others")
    def test_errors_of_a_start(self):
        """The engine's and its runtime's words name paths and addresses; inspect and events keep them."""
        (self.engine.folder / "leak/host/late").mkdir(exist_ok=True)
        image = self.mine.image
        cases = {
            "absent command": {"Cmd": ["/absent"]},
            "absent directory": {"Cmd": ["true"], "User": "nobody-here"},
            "a port in use": {"Cmd": ["true"], "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}},
            "a file on a directory": {"Cmd": ["true"], "HostConfig": {"Binds": ["/builds/file:/etc"]}},
            "a directory on a file": {"Cmd": ["true"], "HostConfig": {"Binds": ["/builds/sub:/etc/passwd"]}},
            "a volume on a file": {"Cmd": ["true"], "HostConfig": {"Binds": ["mine-vol:/etc/passwd"]}},
            "a path that went": {"Cmd": ["true"], "HostConfig": {"Binds": ["/builds/late:/x"]}},
            "an address in use": {"Cmd": ["true"], "HostConfig": {"NetworkMode": "mine-net"}, "NetworkingConfig": {"EndpointsConfig": {
                "mine-net": {"IPAMConfig": {"IPv4Address": "10.99.0.1"}}}}},
            "a network of a stopped container": {"Cmd": ["true"], "HostConfig": {"NetworkMode": "container:mine-done"}},
            "a working directory that is a file": {"Cmd": ["true"], "WorkingDir": "/etc/passwd"},
            "a tmpfs on a file": {"Cmd": ["true"], "HostConfig": {"Tmpfs": {"/etc/passwd": ""}}},
        }
        failures = 0
        for number, (what, body) in enumerate(cases.items()):
            name = f"mine-start{number}"
            status, content = self.ask("POST", f"/containers/create?name={name}", {"Image": image, **body})
            if status != 201:
                continue
            if what == "a path that went":
                (self.engine.folder / "leak/host/late").rmdir()
            status, content = self.ask("POST", f"/containers/{name}/start")
            failures += status >= 400
            self.ask("GET", f"/containers/{name}/json")
            self.ask("GET", "/containers/json?all=1")
            self.ask("GET", f"/containers/{name}/logs?stdout=1&stderr=1")
            self.ask("DELETE", f"/containers/{name}?force=1&v=1")
        self.ask("GET", f"/events?since=0&until={time.time() + 1:.0f}")
        self.assertGreater(failures, 5)
        status, content = self.ask("POST", "/containers/mine-web/exec", {"Cmd": ["/absent"], "AttachStdout": True, "AttachStderr": True})
        self.hijacked(f"/exec/{json.loads(content)['Id']}/start", {"Detach": False})

    def test_what_the_others_do_at_the_same_time_is_in_no_answer(self):
        """Not even as an engine that is busy, and not in events as they come."""
        stop = threading.Event()

        def busy(lane):
            while not stop.is_set():
                self.theirs.api.call("GET", "/system/df")
                self.theirs.docker("run", "--rm", "--name", f"{THEIRS}-{lane}", self.theirs.image, "true")
                self.engine.api.call("GET", "/system/df")

        client = self.mine.docker.start("events", "--format", "{{json .}}")
        threads = [threading.Thread(target=busy, args=(lane,)) for lane in range(2)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(10):
                status, content = self.ask("GET", "/system/df")
                self.assertEqual(status, 200, content)
            self.mine.do("run", "--rm", "--name", "mine-last", self.mine.image, "true")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.mine.do("volume", "create", "mine-end")
        seen = b""
        while b"mine-end" not in seen:
            got = client.stdout.read(65536)
            self.assertTrue(got, "the events ended")
            seen += got
        client.kill()
        client.communicate()
        self.mine.do("volume", "rm", "mine-end")
        self.assertIn(b"mine-last", seen)
        self.search("events", seen)
