"""What berth sends of an input and what the engine alone makes of it, side by side.

A recorder between berth and a real engine keeps what berth sends. Each input goes through a door, and as it is to the engine itself."""

import http.client
import json
import os
import socket
from pathlib import Path

import variants
from harness import Berth, EngineCase
from recorder import Recorder, canonical
from tools import UnixConnection

# What berth says itself of a container, whatever was asked for.
BERTHS_OWN = {"CgroupParent", "UsernsMode", "NetworkMode", "Annotations", "ContainerIDFile"}
# And of one that says nothing of it, since the engine's default is another in other versions and on other hosts.
BERTHS_DEFAULT = {"LogConfig", "IpcMode", "CgroupnsMode", "Runtime"}
# What the engine makes of one field in another.
DERIVED = {"MemorySwap": {"Memory"}, "Cmd": {"Entrypoint"}, "Hostname": {"Image"}, "Domainname": {"Hostname"}}


class RecordedBerth(Berth):
    def __init__(self, engine):
        super().__init__(engine)
        self.recorder = Recorder(self.folder / "engine.sock", engine.socket)
        self.engine_socket = self.folder / "engine.sock"


def ask(path, method, target, body=None, kind="application/json"):
    """(status, bytes) of one request, its body as it is."""
    connection = UnixConnection(path)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", "x")
        if body is not None:
            connection.putheader("Content-Type", kind)
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def exchange(path, data, answers=4, silence=10):
    """The statuses that a server answers to these bytes, until it closes or is silent."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(silence)
    sock.connect(str(path))
    statuses = []
    try:
        sock.sendall(data)
        for _ in range(answers):
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            answer.read()
            statuses.append(answer.status)
            if answer.will_close:
                break
    except (OSError, http.client.HTTPException):
        pass
    finally:
        sock.close()
    return statuses


class DifferentialCase(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recorded = RecordedBerth(cls.engine).start()
        cls.recorder = cls.recorded.recorder
        cls.job = cls.recorded.open_job()
        cls.job.load_busybox()
        cls.job.do("tag", cls.job.image, "busybox")  # as the corpus calls it
        # The same image for the engine alone: what differs then is not the image's.
        cls.hosts_own = cls.engine.docker.ok("inspect", "-f", "{{.Id}}", "busybox")
        cls.engine.do("tag", f"berth.{cls.job.key}/docker.io/library/{cls.job.image}:latest", "busybox")
        cls.api = "v" + cls.engine.api.get("/version")["ApiVersion"]
        cls.job.api.version = cls.engine.api.version = cls.api
        status, content = cls.job.api.call("POST", "/containers/create", {"Image": "busybox"})
        assert status == 201, content
        cls.minimal = cls.facts(content["Id"])
        cls.minimal_sent = canonical(cls.recorder.since(0, "POST .*/containers/create")[-1][1])

    @classmethod
    def tearDownClass(cls):
        cls.engine.api.version = "v1.41"
        cls.engine.do("tag", cls.hosts_own, "busybox")
        try:
            result = cls.job.close()
            assert result.code == 0, result
            cls.recorded.stop()
            cls.recorder.stop()
        finally:
            super().tearDownClass()

    @classmethod
    def facts(cls, identity):
        """What the engine has understood of a container: Config and HostConfig, their fields beside each other."""
        facts = cls.engine.api.get(f"/containers/{identity}/json")
        return {**facts["Config"], **facts["HostConfig"]}

    def remove_new(self, before):
        for each in self.engine.api.get("/containers/json?all=1"):
            if each["Id"] not in before:
                self.engine.api.call("DELETE", f"/containers/{each['Id']}?force=1&v=1")

    def present(self):
        return {each["Id"] for each in self.engine.api.get("/containers/json?all=1")}

    # Bodies.

    def check_understood(self, sent, facts):
        """Field by field: what was sent is what the engine has, and nothing else differs from a container that asks for nothing."""
        fields = {**{key: value for key, value in sent.items() if key not in ("HostConfig", "NetworkingConfig")}, **sent["HostConfig"]}
        minimal = {**self.minimal_sent, **self.minimal_sent["HostConfig"]}
        for key, value in fields.items():
            got = facts.get(key)
            if key in ("CapAdd", "CapDrop"):  # newer engines write them in full
                value, got = ([each.removeprefix("CAP_") for each in some or []] for some in (value, got))
            elif key in ("Env", "Labels"):  # the image's come along
                rest = [each for each in got if each not in value]
                own = [each.split("=")[0] for each in value] if key == "Env" else list(value)
                self.assertFalse([each for each in rest if each.split("=")[0] in own], key)
                got = type(got)(each for each in got if each in value) if key == "Env" else {each: got.get(each) for each in value}
                if key == "Env":
                    value, got = sorted(value), sorted(got)
            elif key == "WorkingDir":
                value = os.path.normpath(value) if value else value
            elif key in ("Init", "PidsLimit", "PortBindings", "SecurityOpt", "CapAdd", "Volumes", "ExposedPorts", "Memory") and not value:
                value, got = value or None, got or None
            elif key == "Mounts":  # the engine fills in what a mount's type has
                got = [{name: each.get(name) for name in wanted} for wanted, each in zip(value, got)]
            elif key == "RestartPolicy":
                value = {"MaximumRetryCount": 0, **value}
            elif key == "Hostname" and not value:
                continue
            self.assertEqual(got, value, f"{key}: the engine has not what berth sent")
        for key in set(facts) | set(self.minimal):
            if facts.get(key) == self.minimal.get(key) or key in fields and fields[key] != minimal.get(key):
                continue
            self.assertTrue(DERIVED.get(key, set()) & set(fields), f"{key}: {facts.get(key)!r} though berth sent nothing of it")

    def compare(self, door, alone, asked):
        """What the engine alone made of the client's own bytes, against what it made of berth's."""
        def own(facts):
            labels = {key: value for key, value in (facts.get("Labels") or {}).items() if not key.strip().lower().startswith("berth.")}
            return {**facts, "Labels": labels, "Image": "", "Hostname": "" if facts["Hostname"] in ("", None) or len(facts["Hostname"]) == 12 else facts["Hostname"]}
        first, second = own(door), own(alone)
        for key in set(first) | set(second):
            if key in BERTHS_OWN or key in BERTHS_DEFAULT and not asked.get(key):
                continue
            self.assertEqual(first.get(key) or None, second.get(key) or None, f"{key}: berth read the client's bytes otherwise than the engine does")

    def try_body(self, tally, kind, data):
        before = self.present()
        mark = self.recorder.mark()
        status, content = ask(self.job.door, "POST", f"/{self.api}/containers/create", data)
        sent = [each for each in self.recorder.since(mark, "^POST .*/containers/create")]
        alone, answer = ask(self.engine.socket, "POST", f"/{self.api}/containers/create", data)
        taken = alone == 201
        try:
            if status == 201:
                self.assertEqual(len(sent), 1)
                body = canonical(sent[0][1])
                door = self.facts(json.loads(content)["Id"])
                self.check_understood(body, door)
                self.assertTrue(taken, f"berth took what the engine refuses: {alone} {answer}")
                self.compare(door, self.facts(json.loads(answer)["Id"]), json.loads(data).get("HostConfig") or {})
                tally["accepted"] += 1
            elif sent:
                # A harmless body that the engine itself refuses, alone as through berth.
                self.assertEqual((len(sent), alone), (1, status), answer)
                canonical(sent[0][1])
                tally["refused by the engine, both ways"] += 1
            else:
                self.assertIn(status, (400, 403, 404, 413), content)
                tally["refused"] += 1
                tally["refused, and the engine alone would take it"] += taken
                if taken:
                    facts = self.facts(json.loads(answer)["Id"])
                    hostile = [key for key, value in {**variants.HOSTILE, "Mounts": None}.items()
                               if facts.get(key) and facts.get(key) == value or key == "Mounts" and "/etc" in json.dumps(facts.get("Mounts") or "")]
                    tally["refused, and the engine alone would open a way to the host"] += bool(hostile)
                    tally[f"by {kind.split(' ')[0]}"] += bool(hostile)
        finally:
            self.remove_new(before)

    def report(self, what, tally):
        text = f"{what}: " + ", ".join(f"{name}: {count}" for name, count in sorted(tally.items(), key=lambda each: (-each[1], each[0])) if count)
        print(f"       {self.kind:12} differential, {text}", flush=True)
        if folder := os.environ.get("BERTH_TABLES"):
            with open(Path(folder) / f"differential-{self.kind}.txt", "a", encoding="utf-8") as file:
                file.write(text + "\n")
        return text
