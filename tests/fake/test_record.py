"""What is kept of requests: in the ledger, in the log and in what berth shows of them, values are only where they are listed."""

import json
import os
import re
import signal
import threading
import time
import urllib.parse

import attacks
from client import Client
from door import FakeCase
from framings import request
from tools import wait_for

CORE = re.compile(rb"s3cret(\d{4})x")


class Markers:
    """Texts that are found again, and where each was put."""

    made = 0  # by all of them: the tests share a ledger

    def __init__(self):
        self.places = {}

    def word(self, place):
        """One that looks like a name."""
        Markers.made += 1
        self.places[Markers.made] = place
        return f"s3cret{Markers.made:04}x"

    def text(self, place):
        """One that has the form of nothing."""
        return f"<{self.word(place)} !>"

    def found_in(self, content):
        return sorted({self.places[int(number)] for number in CORE.findall(content) if int(number) in self.places})


def put(body, path, value):
    """`value` at `path` of the JSON object `body`, as `berth audit --kept` writes paths."""
    name, _, rest = path.partition(".")
    base = name.rstrip("[]{}")
    inside = put({}, rest, value) if rest else value
    for brackets in reversed(re.findall(r"\[\]|\{\}", name)):
        inside = [inside] if brackets == "[]" else {"a": inside}
    body[base] = inside
    return body


def value_of(kind, value, key):
    return {"text_list": [value], "text_map": {key: value}, "object": {key: value}, "object_list": [{key: value}], "object_map": {key: {}}, "object_list_map": {key: [{}]},
            "any": {key: [value]}}.get(kind, value)


class Kept(FakeCase):
    maxDiff = None

    def everywhere(self):
        """The bytes of all that berth wrote and shows."""
        state = self.berth.folder / "state"
        files = [path.read_bytes() for path in (*state.glob("berth.db*"), self.berth.log) if path.exists()]
        shown = [self.berth.cli(*command).stdout.encode() for command in (("audit",), ("audit", "--json"), ("job", "show", "job1", "--json"), ("status", "--json"))]
        return b"\n".join((*files, *shown))

    def rows(self):
        return len(self.berth.cli("audit", "--json").stdout.splitlines())

    def ask(self, method, target, body=None):
        """One request on a connection of its own, whose answer is read up to its head."""
        with self.client() as client:
            client.send(request(method, target, body))
            try:
                client.head()
            except Exception as error:  # a stream without an answer yet
                self.assertNotIsInstance(error, AssertionError)

    def settle(self):
        """Until the ledger has what was asked so far: it is written behind the answer."""
        last = -1
        while (now := self.rows()) != last:
            last = now
            time.sleep(0.1)

    @attacks.shows("V-80")
    def test_no_field_is_kept_that_is_not_listed(self):
        table = json.loads(self.berth.cli("audit", "--kept", "--json").stdout)
        markers = Markers()
        asked = 0
        for row in table:
            if row["type"] in ("number", "number_list", "boolean"):
                continue
            place = f"{row['endpoint']} {row['in']} {row['field']}"
            make = markers.word if row["kept"] == "nothing" else markers.text
            make_key = markers.word if row["keys"] == "nothing" and row["kept"] == "nothing" else markers.text
            value, key = make(place), make_key(place + " key")
            path = re.sub(r"\{[a-z]+\}", "base", row["path"])
            if row["in"] == "body":
                body = {"Image": "busybox"} if row["endpoint"] == "container.create" else {}
                self.ask(row["method"], path, put(body, row["field"], value_of(row["type"], value, key)))
            else:
                text = json.dumps({key: value, "list": [value]}) if row["type"] == "json" else value
                self.ask(row["method"], f"{path}?{row['field']}={urllib.parse.quote(text, safe='')}")
            asked += 1
        self.assertGreater(asked, 250)
        self.settle()
        # A network may be called whatever one likes, and the ledger knows the job's objects by their names.
        self.assertEqual(markers.found_in(self.everywhere()), ["network.create body Name"])
        attacks.saw("V-80", "not kept", f"of {asked} fields and parameters no marker is in ledger, log or audit")

    @attacks.shows("V-81", "not kept")
    def test_no_secret_is_kept_where_they_are_usual(self):
        markers = Markers()
        word = markers.word

        def host(**config):
            return "POST", "/containers/create", {"Image": "busybox", "HostConfig": config}

        def create(**body):
            return "POST", "/containers/create", {"Image": "busybox", **body}

        requests = [
            create(Entrypoint=["login"], Cmd=[word("Cmd[0] behind an Entrypoint")]), create(Cmd=[word("Cmd[0]"), word("Cmd[1]")]), create(Entrypoint=word("Entrypoint")),
            create(Labels={"token": word("label"), "plain": word("plain label")}), create(Healthcheck={"Test": ["CMD", word("Test")]}), create(Hostname=word("Hostname")),
            create(Env=[f"A={word('Env')}"]), create(WorkingDir="/" + word("WorkingDir")), create(Image=f"user:{word('user')}@registry.example/app"), create(Unknown=word("unknown field")),
            host(Annotations={"a": word("annotation")}), host(Sysctls={"kernel.domainname": word("sysctl")}), host(SecurityOpt=[word("SecurityOpt")]), host(StorageOpt={"size": word("StorageOpt")}),
            host(SecurityOpt=[f"seccomp={json.dumps({'x': word('seccomp')})}"]), host(LogConfig={"Type": "splunk", "Config": {"splunk-token": word("log option")}}),
            host(Binds=[f"/src/{word('Binds')}:/x"]), host(Tmpfs={"/x": f"o={word('tmpfs')}"}), host(CgroupParent=word("CgroupParent")),
            ("POST", "/volumes/create", {"Name": "v1", "DriverOpts": {"type": "cifs", "device": f"//host/{word('device')}", "o": f"username=me,password={word('password')}"}}),
            ("POST", "/volumes/create", {"Name": "v2", "Labels": {"a": word("volume label")}}), ("POST", "/networks/create", {"Name": "n1", "Labels": {"a": word("network label")}}),
            ("POST", "/networks/create", {"Name": "n2", "Options": {"x": word("network option")}}),
            ("POST", f"/commit?container=base&repo=made&comment={word('comment')}&author={word('author')}&changes=ENV%20A%3D{word('change')}", {}),
            ("GET", f"/containers/base/top?ps_args={word('ps_args')}", None), ("POST", f"/images/create?fromSrc=https://me:{word('fromSrc')}@host/x&message={word('message')}", None),
            ("POST", f"/images/create?fromImage=https://me:{word('fromImage')}@host/x&tag=1", None), ("POST", f"/build?remote=https://me:{word('remote')}@host/x", None),
            ("POST", f"/build?buildargs=%7B%22A%22%3A%22{word('buildargs')}%22%7D&labels=%7B%22A%22%3A%22{word('build labels')}%22%7D", None),
            ("POST", "/auth", {"username": word("username"), "password": word("login"), "serveraddress": f"https://me:{word('serveraddress')}@host/"}),
            ("POST", "/containers/base/exec", {"Cmd": [word("exec"), word("argument")], "Env": [f"A={word('exec Env')}"]}),
            ("GET", f"/containers/json?filters=%7B%22label%22%3A%5B%22a%3D{word('filter')}%22%5D%7D", None), ("GET", f"/containers/json?odd={word('unknown parameter')}", None),
        ]
        for method, target, body in requests:
            self.ask(method, target, body)
        self.settle()
        self.assertEqual(markers.found_in(self.everywhere()), [])
        audit = self.berth.cli("audit", "--json").stdout
        for kept in ("busybox", "\"token\"", "kernel.domainname", "\"A=hidden.", "seccomp=hidden.", "username=hidden.", "password=hidden.", "ENV%20hidden."):
            self.assertIn(kept, audit, "names stay, for whoever reads the record")

    @attacks.shows("V-82", "not kept")
    def test_what_is_no_request_and_what_the_engine_answers(self):
        markers = Markers()
        raw = (f"GET /containers/json HTTP/1.1\r\nHost: d\r\nContent-Length: {markers.word('length')}\r\n\r\n", f"{markers.word('method')} / HTTP/1.1\r\nHost: d\r\n\r\n",
               f"GET /{markers.word('path')}/x HTTP/1.1\r\nHost: d\r\n\r\n", f"GET /v1.41/{markers.word('version')}?a=%zz HTTP/1.1\r\nHost: d\r\n\r\n",
               f"GET /containers/../{markers.word('dots')} HTTP/1.1\r\nHost: d\r\n\r\n", f"GET /_ping HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: {markers.word('coding')}\r\n\r\n")
        for text in raw:
            with self.client() as client:
                client.send(text.encode()).fill()
        self.engine.on("GET", "containers/json", lambda channel, _: channel.reply(200, f'[{{"Id": "{markers.word("answer")}" '.encode()))
        self.assertEqual(self.call("GET", "/containers/json?all=1").status, 502)
        self.engine.on("GET", "containers/json", lambda channel, _: channel.reply(200, [{"Id": 1, "Names": markers.word("shape")}]))
        self.ask("GET", "/containers/json?all=1")
        path = f"/var/lib/docker/volumes/v/_data/{markers.word('file')}"
        job = self.berth.open_job()
        with Client(job["door"]) as client:
            self.assertEqual(client.call("POST", "/volumes/create", {"Name": "held"}).status, 201)
        self.engine.on("DELETE", "volumes/", lambda channel, _: channel.reply(500, {"message": f"remove it: unlinkat {path}: operation not permitted, \"{markers.word('quoted')}\""}))
        closed = self.berth.cli("job", "close", job["id"])
        self.assertEqual(closed.returncode, 0, closed.stdout + closed.stderr)  # the listing has it tried again
        self.settle()
        self.assertEqual(markers.found_in(self.everywhere()), [])


class Closed(FakeCase):
    """A close that does not get on is over in time all the same."""

    def held(self, method, pattern, then):
        """Requests that match wait until `then` is set, and are answered as ever."""
        def handler(channel, asked):
            then.wait(60)
            channel.engine._answer(channel, asked)
        self.engine.on(method, pattern, handler, times=1000)

    @attacks.shows("V-91", "closed in time")
    def test_hanging_calls(self):
        for method, pattern in (("DELETE", "containers/"), ("GET", "containers/json"), ("DELETE", "networks/"), ("GET", "images/json"), ("GET", "")):
            with self.subTest(f"{method} {pattern}"):
                job = self.berth.open_job()
                with Client(job["door"]) as client:
                    self.assertEqual(client.call("POST", "/images/create?fromImage=busybox&tag=latest").status, 200)
                    self.assertEqual(client.call("POST", "/containers/create?name=box", {"Image": "busybox"}).status, 201)
                then = threading.Event()
                self.held(method, pattern, then)
                try:
                    began = time.monotonic()
                    closed = self.berth.cli("job", "close", job["id"], "--timeout", "1s")
                    took = time.monotonic() - began
                    self.assertEqual(closed.returncode, 1, closed.stdout + closed.stderr)
                    self.assertIn("left: container box", closed.stdout)
                    self.assertLess(took, 3)
                    self.assertEqual(json.loads(self.berth.cli("job", "show", job["id"], "--json").stdout)["state"], "draining")
                finally:
                    self.engine.clear()
                    then.set()
                again = self.berth.cli("job", "close", job["id"])  # waits for the same end
                self.assertEqual(again.returncode, 0, again.stdout + again.stderr)

    def test_a_create_under_way(self):
        job = self.berth.open_job()
        then = threading.Event()
        with Client(job["door"]) as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=busybox&tag=latest").status, 200)
            self.held("POST", "containers/create", then)
            try:
                mark = self.engine.mark()
                client.send(request("POST", "/containers/create?name=late", {"Image": "busybox"}))
                wait_for(lambda: self.engine.since(mark, "POST", "containers/create"), what="the create at the engine")
                began = time.monotonic()
                closed = self.berth.cli("job", "close", job["id"], "--timeout", "2s")
                self.assertEqual(closed.returncode, 1, closed.stdout + closed.stderr)
                self.assertLess(time.monotonic() - began, 4)
            finally:
                self.engine.clear()
                then.set()
        again = self.berth.cli("job", "close", job["id"])
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)

    def test_a_daemon_that_stands_still(self):
        job = self.berth.open_job()
        os.kill(self.berth.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            closed = self.berth.cli("job", "close", job["id"], "--timeout", "0s")
            self.assertEqual(closed.returncode, 1)
            self.assertIn("does not answer", closed.stderr)
            self.assertLess(time.monotonic() - began, 6)
        finally:
            os.kill(self.berth.process.pid, signal.SIGCONT)
