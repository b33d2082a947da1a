"""What a hostile job sends over `POST /grpc` and `POST /session`: calls that it may not make, requests that would reach others, and bytes that
are no HTTP/2 or gRPC. The engine gets nothing of it, the other job notices nothing, and the daemon stays small."""

import random
import socket
import struct
import time

import attacks
import grpc_client as grpc
from commands import load
from grpc_client import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, Connection, Session, frame, framed, hpack
from harness import RuledBerth, RuledCase
from recorder import Recorder
from tools import image_archive, wait_for
from watch import ASAN, resident

ENGINES = ("newest",)

CONTROL = "/moby.buildkit.v1.Control/"
BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
CONTENT = "/containerd.services.content.v1.Content/"
BUILD_ID = "buildkit-controlapi-buildid"
UNKNOWN, INTERNAL = 2, 13
EMPTY_CONTENT = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def solve(**fields):
    """A request of Solve that could go through, and what is added to it: `f9` is the field of number 9."""
    return {1: f"ref-{random.getrandbits(64):x}", 5: "own", 6: "dockerfile.v0", **{int(name[1:]): value for name, value in fields.items()}}


class RecordedBerth(RuledBerth):
    """Its engine is behind a recorder, which keeps what goes on behind an upgrade."""

    def __init__(self, engine):
        super().__init__(engine)
        self.recorder = Recorder(self.folder / "recorder.sock", engine.socket)
        self.engine_socket = self.recorder.path

    def stop(self):
        code = super().stop()
        self.recorder.stop()
        return code


class Hostile(RuledCase):
    ruled_by = RecordedBerth

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.job, cls.victim = cls.ruled.open_job(), cls.ruled.open_job()

    @classmethod
    def tearDownClass(cls):
        closed = [job.close() for job in (cls.job, cls.victim)]
        super().tearDownClass()
        assert all(each.code == 0 for each in closed), closed

    def connect(self, job=None, **options):
        connection = Connection((job or self.job).door, **options)
        self.addCleanup(connection.socket.close)
        return connection

    def session(self, job, identity, **options):
        session = Session(job.door, identity, **options)
        self.addCleanup(session.close)
        return session

    def assert_refused(self, answer, *codes):
        self.assertIn(answer.code, codes, answer)
        self.assertGreater(len(answer.text.split()), 2, f"no sentence: {answer}")
        self.assert_private(answer.text.replace(self.victim.key, ""))  # which these tests name themselves


class Calls(Hostile):
    @attacks.shows("B-14 S-08", "unknown to the door, or closed with a sentence")
    def test_methods_that_are_not_there(self):
        closed = [BRIDGE + name for name in ("ResolveImageConfig", "ResolveSourceMeta", "NewContainer", "ReleaseContainer", "ExecProcess",
                                             "ReadFileContainer", "ReadDirContainer", "StatFileContainer")]
        closed += [CONTENT + name for name in ("Info", "Update", "List", "Delete", "Read", "Status", "ListStatuses", "Write", "Abort")]
        unknown = ["/", "//", CONTROL[:-1], CONTROL, CONTROL + "solve", CONTROL + "Solve/", CONTROL + "Solve%00", "/x" * 3000, BRIDGE + "ping",
                   CONTENT + "read", "/containerd.services.images.v1.Images/List", "/moby.filesync.v1.FileSync/DiffCopy",
                   "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/grpc.health.v1.Health/Watch"]
        connection = self.connect()
        begun = {path: connection.start(path, {1: EMPTY_CONTENT}) for path in closed + unknown}
        answers = {path: connection.finish(stream) for path, stream in begun.items()}
        for path, answer in answers.items():
            with self.subTest(path[:80]):
                self.assert_refused(answer, grpc.UNIMPLEMENTED)
                self.assertIn("berth:" if path in closed else "unknown method", answer.text)
        # What is no call of gRPC gets no more than that either; what has no path is no request.
        head = {":method": "POST", ":scheme": "http", ":path": CONTROL + "Info", ":authority": "d", "content-type": "application/grpc"}
        for change in ({":method": "GET"}, {"content-type": "application/json"}, {":method": "CONNECT", ":scheme": None, ":path": None},
                       {":path": ""}, {":path": None}):
            with self.subTest(change):
                other = self.connect()
                stream = other.begin("", end=True)  # only for its number: a stream without a path, which is reset
                other.finish(stream)
                stream, other.next_id = other.next_id, other.next_id + 2
                other.streams[stream] = grpc.Stream()
                fields = [(name, value) for name, value in {**head, **change}.items() if value is not None]
                other.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, hpack(fields)))
                answer = other.finish(stream)
                self.assertIn(answer.code, (None, grpc.UNIMPLEMENTED), answer)
        self.assertEqual(connection.call(CONTROL + "Info").code, grpc.OK, "the connection is over")

    @attacks.shows("B-10 B-11", "400: an id is a plain word, and the job's own")
    def test_ids_of_sessions(self):
        uuid = "X-Docker-Expose-Session-Uuid"
        own = self.session(self.job, "mine")  # no other test's: the engine looks every five seconds only whether a session is over
        victims = self.session(self.victim, "theirs")
        for what, ids in {"a colon": ["x:theirs"], "empty": [""], "none": [], "too long": ["x" * 129], "twice": ["a", "b"], "a blank": ["a b"],
                          "a slash": ["../theirs"], "a comma": ["a,theirs"], "in use": ["mine"]}.items():
            fields = [(uuid, each) for each in ids]
            with self.subTest(what):
                status, connection, _ = grpc.switch(self.job.door, "/session", fields)
                connection.close()
                self.assertEqual(status, 400)
                answer = self.connect().call(CONTROL + "Session", fields=[(name.lower(), value) for name, value in fields])
                self.assert_refused(answer, grpc.INVALID_ARGUMENT)
        # The same word in another job is another session.
        mine = self.session(self.job, "theirs")
        for each in (own, victims, mine):
            self.assertTrue(each.thread.is_alive(), "it was ended")

    @attacks.shows("B-10 B-11 B-12 X-01", "not found, and the other session is asked nothing")
    def test_builds_and_sessions_of_others(self):
        victims = self.session(self.victim, "victims-session")
        own = self.session(self.job, "own")
        # That the other job's session would be asked: it is, by that job's own build.
        theirs = self.connect(self.victim)
        self.assertNotEqual(theirs.call(CONTROL + "Solve", solve(f5="victims-session")).code, grpc.OK)
        self.assertIn("/moby.filesync.v1.FileSync/DiffCopy", victims.asked)
        asked = len(victims.asked)
        # A build of the other job's that is under way: without a frontend it waits for its client.
        waiting = solve(f1="victims-build", f5="victims-session", f6="")
        under_way = theirs.start(CONTROL + "Solve", waiting)
        self.assertEqual(theirs.call(BRIDGE + "Ping", fields=[(BUILD_ID, "victims-build")]).code, grpc.OK)
        host = self.host_build()
        connection = self.connect()
        begun = time.monotonic()
        key = self.victim.key
        calls = {
            "its session": connection.start(CONTROL + "Solve", solve(f5="victims-session")),
            "its session's real name": connection.start(CONTROL + "Solve", solve(f5=f"berth.{key}.victims-session")),
            "its session for the files": connection.start(CONTROL + "Solve", solve(f7={"local-sessionid:context": "victims-session",
                                                                                     "local-sessionid:dockerfile": "victims-session"})),
            "its session by a colon": connection.start(CONTROL + "Solve", solve(f7={"local-sessionid:dockerfile": f"x:berth.{key}.victims-session"})),
            "the status of its build": connection.start(CONTROL + "Status", {1: "victims-build"}),
            "the status of the host's build": connection.start(CONTROL + "Status", {1: host}),
        }
        for what, name in (("its build", "victims-build"), ("the host's build", host), ("no build", "")):
            fields = [(BUILD_ID, name)] if name else []
            for method, request in (("Ping", {}), ("Solve", {2: "dockerfile.v0"}), ("ReadFile", {1: "/etc/passwd", 3: "x"}), ("Return", {}),
                                    ("Inputs", {}), ("Warn", {})):
                calls[f"{method} in {what}"] = connection.start(BRIDGE + method, request, fields)
        answers = {what: connection.finish(stream) for what, stream in calls.items() if "session" not in what}
        self.assertLess(time.monotonic() - begun, 10)
        for what, answer in answers.items():
            with self.subTest(what):
                self.assertEqual(answer.code, UNKNOWN if what.endswith("no build") else grpc.NOT_FOUND, answer)
                self.assertEqual(answer.messages, [])
                self.assert_private(answer.text)
        # The engine has looked for the sessions for five seconds, which is all it does; then it tries the build's own for as long.
        self.assertGreater(time.monotonic() - begun, 5)
        for what, stream in calls.items():
            with self.subTest(what):
                answer = connection.streams[stream].answer()
                self.assertNotIn(answer.code, (grpc.OK, grpc.PERMISSION_DENIED, grpc.UNAUTHENTICATED), answer)
                self.assert_private(answer.text.replace(key, ""))
        self.assertEqual(victims.asked[asked:], [], "the other job's session was asked")
        self.assertTrue(victims.thread.is_alive() and own.thread.is_alive())
        # The other job's build has gone on.
        self.assertFalse(theirs.streams[under_way].over)
        self.assertEqual(theirs.call(BRIDGE + "Ping", fields=[(BUILD_ID, "victims-build")]).code, grpc.OK)

    def host_build(self):
        """A build of the host's, of which the engine keeps a record and a cache; its ref."""
        if not hasattr(type(self), "hosts"):
            folder = self.context("hosts-build", "FROM scratch", "COPY Dockerfile /x")
            image = self.engine.docker.ok("build", "-q", folder, DOCKER_BUILDKIT="", DOCKER_CONFIG=str(folder / "config"))
            type(self).hosts = wait_for(self.records, 10, "the engine's record of the build")[0]
            type(self).hosts_image = image
        return self.hosts

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "hosts"):
            cls.engine.do("rmi", cls.hosts_image)
            with Connection(cls.engine.socket) as host:
                host.call(CONTROL + "UpdateBuildHistory", {1: cls.hosts, 3: 1})
        super().tearDownClass()

    @attacks.shows("B-08 B-18", "no step of another job is taken, whatever it was given")
    def test_steps_of_another_job_are_no_cache(self):
        """Both jobs have the very same image, and the steps are equal: a secret is no part of a step, nor is a proxy."""
        folder = self.context("same", "FROM same", "RUN --network=none --mount=type=secret,id=s cat /run/secrets/s >/kept")
        kept = {}
        for job in (self.victim, self.job):
            load(job.api, image_archive("same:latest", comment="same"))
            (folder / "s").write_text(job.id)
            job.docker.ok("build", "--secret", f"id=s,src={folder}/s", "-t", "mine", folder, DOCKER_BUILDKIT="", DOCKER_CONFIG=str(folder / "config"))
            kept[job] = job.read("mine", "/kept")
            job.do("rmi", "-f", "mine", "same")
        self.assertEqual(kept, {job: job.id for job in kept})

    def context(self, name, *lines):
        """A directory with a Dockerfile of these lines, and the settings of a client with buildx in it."""
        plugin = self.engine.toolchain.plugins / "docker-buildx"
        if not plugin.exists():
            self.skipTest("no docker-buildx")
        folder = self.engine.folder / name
        (folder / "config/cli-plugins").mkdir(parents=True)
        (folder / "config/cli-plugins/docker-buildx").symlink_to(plugin)
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        return folder

    def records(self, job=None):
        """The refs of the builds that the engine, or a job's door, tells of."""
        with Connection(job.door if job else self.engine.socket) as connection:
            answer = connection.call(CONTROL + "ListenBuildHistory", {3: 1})
        self.assertEqual(answer.code, grpc.OK, answer)
        events = [grpc.parsed(each) for each in answer.messages]
        return [grpc.parsed(event[2][0])[1][0].decode() for event in events if 2 in event]

    def usage(self, job=None):
        """The ids of the records of the cache, as `docker buildx du` shows them."""
        with Connection(job.door if job else self.engine.socket) as connection:
            answer = connection.call(CONTROL + "DiskUsage")
        self.assertEqual(answer.code, grpc.OK, answer)
        return sorted(grpc.parsed(each)[1][0].decode() for each in grpc.parsed(answer.messages[0]).get(1, []))

    @attacks.shows("X-02 R-22", "nothing is shown, nothing is removed")
    def test_records_and_cache_of_the_host(self):
        ref = self.host_build()
        before = self.usage()
        self.assertTrue(before and ref in self.records(), "the host's build left nothing that could be shown")
        self.assertEqual((self.usage(self.job), self.records(self.job)), ([], []))
        connection = self.connect()
        for request in ({}, {2: 1}, {1: "type==regular"}, {2: 1, 3: 0, 4: 0, 5: 0, 6: 0}):
            answer = connection.call(CONTROL + "Prune", request)
            self.assertEqual((answer.code, answer.messages), (grpc.OK, []))
        for request in ({1: ref, 3: 1}, {1: ref, 2: 1}, {1: ref, 4: 1}):
            self.assert_refused(connection.call(CONTROL + "UpdateBuildHistory", request), grpc.NOT_FOUND)
        answer = connection.call(CONTROL + "ListenBuildHistory", {2: ref, 3: 1})
        self.assertEqual((answer.code, answer.messages), (grpc.OK, []))
        workers = connection.call(CONTROL + "ListWorkers")
        self.assertEqual(workers.code, grpc.OK)
        self.assertNotIn(str(self.engine.folder).encode(), workers.messages[0])
        self.assertNotIn(socket.gethostname().encode(), workers.messages[0])
        self.assertEqual(self.usage(), before)
        self.assertIn(ref, self.records())

    @attacks.shows("B-06 B-13 B-15 B-17 B-19 V-67", "refused, and the engine is asked nothing")
    def test_builds_that_are_refused(self):
        rule = {1: 1, 2: [{1: 0, 2: {1: "*"}}]}
        real = f"berth.{self.victim.key}/docker.io/library/x:1"
        requests = {
            "the host's network": solve(f9=["network.host"]),
            "all privileges": solve(f9=["security.insecure"]),
            "devices": solve(f9=["device"]),
            "a device": solve(f9=["device=vendor.com/class=name"]),
            "one among others": solve(f9=["", "network.host"]),
            "the host's network for steps": solve(f7={"force-network-mode": "host"}),
            "another frontend": solve(f6="gateway.v0", f7={"source": "docker/dockerfile:1"}),
            "a frontend of no name": solve(f6="x"),
            "cmdline": solve(f7={"cmdline": "evil/frontend"}),
            "source": solve(f7={"source": "evil/frontend"}),
            "BUILDKIT_SYNTAX": solve(f7={"build-arg:BUILDKIT_SYNTAX": "evil/frontend"}),
            "an unknown attribute": solve(f7={"gateway-devel": "true"}),
            "an attribute in capitals": solve(f7={"CmdLine": "evil/frontend"}),
            "a context that the engine fetches": solve(f7={"context": "http://127.0.0.1:1/x"}),
            "a result as a context": solve(f7={"context:x": "input:x"}),
            "an unknown field": solve(f99="x"),
            "an unknown number": solve(f99=1),
            "an unknown field of an exporter": solve(f13=[{1: "moby", 99: "x"}]),
            "an unknown field of the cache": solve(f8={99: "x"}),
            "an unknown field of a cache's": solve(f8={5: [{1: "inline", 99: "x"}]}),
            "a graph": solve(f2={1: [b"\n\0"]}),
            "a graph of nothing": solve(f2={}),
            "a graph as an input": solve(f10=[{1: "x", 2: {1: [b"\n\0"]}}]),
            "a graph without a frontend": solve(f6="", f2={1: [b"\n\0"]}),
            "a policy": solve(f12=rule),
            "a policy of a session": solve(f15="own"),
            "the session's exporter": solve(f14=1),
            "a proxy": solve(f17=1),
            "a version": solve(f16=1),
            "an unknown exporter": solve(f13=[{1: "x"}]),
            "an archive of an image": solve(f13=[{1: "oci"}]),
            "an exporter to a registry": solve(f13=[{1: "registry", 2: {"name": "x"}}]),
            "two images": solve(f13=[{1: "moby", 2: {"name": "a"}}, {1: "image", 2: {"name": "b"}}]),
            "another job's real name": solve(f13=[{1: "moby", 2: {"name": real}}]),
            "another job's real name among one's own": solve(f13=[{1: "moby", 2: {"name": f"x,{real}"}}]),
            "another job's real name in the old field": solve(f3="moby", f4={"name": real}),
            "a name that is none": solve(f13=[{1: "moby", 2: {"name": "A B"}}]),
            "a digest as a name": solve(f13=[{1: "moby", 2: {"name": f"x@{EMPTY_CONTENT}"}}]),
            "an attribute of an exporter": solve(f13=[{1: "moby", 2: {"dest": "/etc"}}]),
            "the old field for another type": solve(f3="local", f13=[{1: "moby"}]),
            "the old field for another name": solve(f3="moby", f4={"name": "a"}, f13=[{1: "moby", 2: {"name": "b"}}]),
            "old attributes without a type": solve(f4={"name": "a"}, f13=[{1: "moby", 2: {"name": "a"}}]),
            "the old export of a cache": solve(f8={1: "x"}),
            "the old import of a cache": solve(f8={2: ["x"]}),
            "the old attributes of a cache": solve(f8={3: {"mode": "max"}}),
            "a cache on the host": solve(f8={4: [{1: "local", 2: {"dest": "/etc"}}]}),
            "a cache at a registry": solve(f8={4: [{1: "registry", 2: {"ref": "x"}}]}),
            "a ref with a colon": solve(f1="x:victims-build"),
            "an empty ref": solve(f1=""),
            "a long ref": solve(f1="x" * 129),
            "a session with a colon": solve(f5="x:theirs"),
            "no session": solve(f5=""),
            "what is no message": b"\x0a\xff",
            "text that is no UTF-8": solve(f1=b"\xff"),
        }
        frontends = {
            "a graph": {1: {1: [b"\n\0"]}, 2: "dockerfile.v0"},
            "another frontend": {2: "gateway.v0", 3: {"source": "evil/frontend"}},
            "no frontend": {2: ""},
            "cmdline": {2: "dockerfile.v0", 3: {"cmdline": "evil/frontend"}},
            "a policy": {2: "dockerfile.v0", 15: [rule]},
            "an input": {2: "dockerfile.v0", 13: [{1: "x", 2: {1: [b"\n\0"]}}]},
            "an unknown field": {2: "dockerfile.v0", 99: 1},
            "an unknown field of a cache": {2: "dockerfile.v0", 12: [{1: "x", 99: 1}]},
        }
        sent = bytearray()
        self.ruled.recorder.switched = sent.extend
        try:
            connection = self.connect()
            begun = {what: connection.start(CONTROL + "Solve", request) for what, request in requests.items()}
            begun.update((f"{what}, within a build", connection.start(BRIDGE + "Solve", request, [(BUILD_ID, "x")]))
                         for what, request in frontends.items())
            for what, stream in begun.items():
                with self.subTest(what):
                    self.assert_refused(connection.finish(stream), grpc.INVALID_ARGUMENT, grpc.FAILED_PRECONDITION)
            self.assertEqual(heads_in(sent), 0, "the engine was asked something")
            # That it would have been seen.
            self.assertEqual(connection.call(CONTROL + "Info").code, grpc.OK)
            self.assertEqual(heads_in(sent), 1)
        finally:
            del self.ruled.recorder.switched
        self.assertEqual(self.job.api.get("/images/json"), [])


def heads_in(sent):
    """How many heads of streams are among the bytes of a client's connection."""
    assert sent.startswith(PREFACE), f"{bytes(sent[:100])!r}"
    at, count = len(PREFACE), 0
    while at < len(sent):
        count += sent[at + 3] == HEADERS
        at += 9 + int.from_bytes(sent[at:at + 3], "big")
    return count


def head_of(path, *fields):
    return hpack([(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "d"), ("content-type", "application/grpc"), *fields])


INFO = head_of(CONTROL + "Info")
# `POST /` in three bytes, of the static table: what is cheap to send.
SHORTEST = b"\x83\x86\x84"


def streams(count, each):
    """The frames of `each(stream)` for that many streams."""
    return b"".join(each(2 * number + 1) for number in range(count))


class Bytes(Hostile):
    """After each attack, with its connection open: the other job is answered at once, and the daemon is as small as before."""

    grown_by = 64  # MiB, over all attacks of a test
    if ASAN:
        grown_by = 400  # 256 MiB of what was freed stay mapped

    def setUp(self):
        self.connect().call(CONTROL + "Info")  # what the first use of a connection takes is no growth
        self.small = resident(self.ruled.process.pid)

    def assert_unharmed(self, what):
        begun = time.monotonic()
        self.assertIn("Version", self.victim.api.get("/version"))
        self.assertLess(time.monotonic() - begun, 1, f"after {what} the other job waits")
        self.assertIsNone(self.ruled.process.poll(), f"after {what} the daemon has ended:\n{self.ruled.log_tail()}")
        grown = resident(self.ruled.process.pid) - self.small
        self.assertLess(grown, self.grown_by, f"by {what} the daemon has grown by so many MiB")

    def throw(self, connection, data):
        """Sends without reading. That the peer closes, or takes no more, is its good right: it takes what it takes within half a second."""
        connection.socket.settimeout(0.5)
        data = memoryview(data)
        try:
            while data:
                data = data[connection.socket.send(data[:1 << 16]):]
        except (ConnectionError, TimeoutError):
            pass

    def drain(self, connection, seconds=3):
        """Reads to the end, or until nothing comes; true at the end."""
        connection.socket.settimeout(seconds)
        try:
            while connection.take():
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    @attacks.shows("R-19 H-07", "the call ends with a status, the connection goes on")
    def test_messages_that_are_none(self):
        for what, (data, code) in {
            "a length of 4 GiB": (struct.pack(">BI", 0, 0xffffffff) + b"x" * 1000, grpc.RESOURCE_EXHAUSTED),
            "a byte more than may be": (struct.pack(">BI", 0, (4 << 20) + 1), grpc.RESOURCE_EXHAUSTED),
            "a compressed one": (framed(b"\x1f\x8b", compressed=1), grpc.UNIMPLEMENTED),
            "a flag that there is not": (framed(b"x", compressed=255), grpc.UNIMPLEMENTED),
            "cut off": (framed(b"x" * 100)[:50], INTERNAL),
            "cut off in its prefix": (b"\0\0\0", INTERNAL),
            "none": (b"", INTERNAL),
            "two": (framed(b"") * 2, INTERNAL),
            "two, the second a long one": (framed(b"") + framed(b"x" * 1000), grpc.RESOURCE_EXHAUSTED),
            "nested without end": (framed(self.nested(20000)), grpc.INVALID_ARGUMENT),
        }.items():
            for method in (CONTROL + "Solve", CONTROL + "Status", BRIDGE + "Ping"):
                if method == BRIDGE + "Ping" and what.startswith("nested"):
                    continue  # whose message is not read
                with self.subTest(f"{what}, {method}"):
                    connection = self.connect()
                    stream = connection.begin(method)
                    connection.write(stream, data, end=True) if data else connection.send(frame(DATA, END_STREAM, stream))
                    self.assert_refused(connection.finish(stream), code)
                    self.assertEqual(connection.call(CONTROL + "Info").code, grpc.OK)
            self.assert_unharmed(what)

    def nested(self, depth):
        """A group within a group, and so on: a field that nobody knows, whose reader may call itself."""
        return (grpc.varint(99 << 3 | 3)) * depth + (grpc.varint(99 << 3 | 4)) * depth

    @attacks.shows("H-08 H-04", "reset or closed")
    def test_heads_without_bound(self):
        long = head_of(CONTROL + "Info", ("x", "y" * 1_000_000))
        kept = b"\x40" + grpc.hpack_integer(1) + b"x" + grpc.hpack_integer(4000) + b"y" * 4000  # in the table, which the rest refers to
        many = head_of(CONTROL + "Info", *((f"x-{number}", "y") for number in range(10_000)))
        for what, block in {"many fields": many, "a long field": long, "a short reference to a long field": INFO + kept + b"\xbe" * 16_000,
                            "an index that there is not": INFO + b"\xff\xff\xff\x7f", "a table without end": b"\x3f\xff\xff\xff\x7f" + INFO,
                            "a length beyond the block": INFO + b"\0\x7f\xff\xff\xff\xff\x0f", "a name in capitals": INFO + hpack([("X-Y", "z")]),
                            "a line end": INFO + hpack([("x", "y\r\nz: 1")]), "two paths": INFO + hpack([(":path", CONTROL + "Solve")])}.items():
            with self.subTest(what):
                connection = self.connect()
                stream = connection.begin(CONTROL + "Info")  # not ended: it shows what becomes of the others
                attack, connection.next_id = connection.next_id, connection.next_id + 2
                connection.streams[attack] = grpc.Stream()
                pieces = [block[at:at + grpc.FRAME_MAX] for at in range(0, len(block), grpc.FRAME_MAX)]
                data = frame(HEADERS, END_STREAM | (END_HEADERS if len(pieces) == 1 else 0), attack, pieces[0])
                for number, piece in enumerate(pieces[1:], 2):
                    data += frame(CONTINUATION, END_HEADERS if number == len(pieces) else 0, attack, piece)
                self.throw(connection, data)
                try:
                    answer = connection.finish(attack)
                except ConnectionError:
                    answer, connection.over = connection.streams[attack].answer(), True
                self.assertNotEqual(answer.code, grpc.OK, answer)
                self.assertTrue(connection.over or connection.streams[attack].over, f"{stream}: nothing became of it")
                self.assert_unharmed(what)

    @attacks.shows("R-20 V-26 H-04", "refused or closed")
    def test_floods(self):
        whole = framed(grpc.message(solve(f9=["network.host"])))
        solve_head, wait_head = head_of(CONTROL + "Solve"), head_of(CONTROL + "ListenBuildHistory")
        reset = struct.pack(">I", 8)
        floods = {
            "10 000 streams": streams(10_000, lambda each: frame(HEADERS, END_HEADERS, each, INFO)),
            "10 000 streams that wait": streams(10_000, lambda each: frame(HEADERS, END_HEADERS, each, wait_head)
                                                + frame(DATA, END_STREAM, each, framed(b""))),
            "streams that are reset at once": streams(10_000, lambda each: frame(HEADERS, END_HEADERS, each, solve_head)
                                                      + frame(grpc.RST_STREAM, 0, each, reset)),
            "calls that are reset at once": streams(10_000, lambda each: frame(HEADERS, END_HEADERS, each, solve_head)
                                                    + frame(DATA, END_STREAM, each, whole) + frame(grpc.RST_STREAM, 0, each, reset)),
            "settings": frame(grpc.SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 50_000,
            "pings": frame(grpc.PING, 0, 0, b"12345678") * 50_000,
            "answers to pings that nobody sent": frame(grpc.PING, grpc.ACK, 0, b"12345678") * 50_000,
            "priorities": frame(grpc.PRIORITY, 0, 1, b"\0\0\0\3\x10") * 50_000,
            "priorities of streams that there are not": streams(50_000, lambda each: frame(grpc.PRIORITY, 0, each, b"\0\0\0\0\x10")),
            "windows": frame(grpc.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 50_000,
            "frames of unknown types": frame(0x77, 0xff, 1, b"x" * 100) * 10_000,
            "empty continuations": frame(HEADERS, 0, 1, INFO) + frame(CONTINUATION, 0, 1) * 50_000,
            "continuations": frame(HEADERS, 0, 1, INFO) + frame(CONTINUATION, 0, 1, hpack([("x", "y" * 8000)])) * 1000,
            "empty data": frame(HEADERS, END_HEADERS, 1, solve_head) + frame(DATA, 0, 1) * 50_000,
            "padding alone": frame(HEADERS, END_HEADERS, 1, solve_head) + frame(DATA, grpc.PADDED, 1, b"\xff" + b"\0" * 255) * 20_000,
            # Each is refused by a frame that nobody reads; without an answer to the settings the bound on streams is not yet one to insist on.
            "refusals that nobody reads": streams(700_000, lambda each: frame(HEADERS, END_HEADERS | END_STREAM, each, SHORTEST)),
        }
        for what, data in floods.items():
            with self.subTest(what):
                connection = self.connect()
                self.throw(connection, data)
                self.assert_unharmed(what)
                connection.socket.close()
        # The same by one who reads and answers as it should be: which is refused a stream, or is sent away.
        connection = self.connect()
        self.assertEqual(connection.call(CONTROL + "Info").code, grpc.OK)
        self.throw(connection, streams(1000, lambda each: frame(HEADERS, END_HEADERS, each + 2, INFO)))
        self.assertTrue(self.drain(connection), "1000 streams were taken")
        self.assert_unharmed("1000 streams")

    @attacks.shows("R-19 R-20 V-28", "one at a time")
    def test_long_messages_that_do_not_end(self):
        """Each is shorter than a message may be; together they are a hundred megabytes."""
        connection = self.connect(timeout=2)
        part = struct.pack(">BI", 0, 4 << 20) + b"x" * (3 << 20)
        begun = [connection.begin(CONTROL + "Solve") for _ in range(40)]
        for stream in begun:
            try:
                connection.write(stream, part)
            except (TimeoutError, ConnectionError):
                break  # it takes no more
        self.assert_unharmed("messages that do not end")

    @attacks.shows("H-01 H-04", "the connection is closed")
    def test_bytes_that_are_no_protocol(self):
        bad = {
            "data on no stream": PREFACE + frame(grpc.SETTINGS) + frame(DATA, 0, 0, b"x"),
            "a head on no stream": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, END_HEADERS, 0, INFO),
            "data on a stream that there is not": PREFACE + frame(grpc.SETTINGS) + frame(DATA, 0, 1, b"x"),
            "a stream of the server's": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, END_HEADERS, 2, INFO),
            "data behind the end": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, END_HEADERS | END_STREAM, 1, INFO) + frame(DATA, 0, 1, b"x"),
            "a head behind the end": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, END_HEADERS | END_STREAM, 1, INFO)
            + frame(HEADERS, END_HEADERS, 1, INFO),
            "another preface": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + frame(grpc.SETTINGS),
            "a request of HTTP/1": b"GET /version HTTP/1.1\r\nHost: d\r\n\r\n",
            "no settings": PREFACE + frame(grpc.PING, 0, 0, b"12345678"),
            "settings of an odd length": PREFACE + frame(grpc.SETTINGS, 0, 0, b"x" * 5),
            "a window without bound": PREFACE + frame(grpc.SETTINGS, 0, 0, struct.pack(">HI", 4, 0xffffffff)),
            "a window that overflows": PREFACE + frame(grpc.SETTINGS) + frame(grpc.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fffffff)) * 2,
            "a window that does not grow": PREFACE + frame(grpc.SETTINGS) + frame(grpc.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0)),
            "a frame of 16 MiB": PREFACE + frame(grpc.SETTINGS) + frame(DATA, 0, 1, length=0xffffff) + b"x" * 100_000,
            "a promise": PREFACE + frame(grpc.SETTINGS) + frame(grpc.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + INFO),
            "a continuation of nothing": PREFACE + frame(grpc.SETTINGS) + frame(CONTINUATION, END_HEADERS, 1, INFO),
            "a frame amid a head": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, 0, 1, INFO) + frame(grpc.PING, 0, 0, b"12345678"),
            "a reset of nothing": PREFACE + frame(grpc.SETTINGS) + frame(grpc.RST_STREAM, 0, 1, b"\0\0\0\0"),
            "more padding than frame": PREFACE + frame(grpc.SETTINGS) + frame(HEADERS, END_HEADERS, 1, head_of(CONTROL + "Solve"))
            + frame(DATA, grpc.PADDED, 1, b"\xff"),
        }
        for what, data in bad.items():
            with self.subTest(what):
                connection = self.connect(preface=False)
                self.throw(connection, data)
                self.assertTrue(self.drain(connection), "the connection goes on")
                self.assert_unharmed(what)
        for seed in range(20):
            connection = self.connect()
            self.throw(connection, random.Random(seed).randbytes(20_000))
            connection.socket.close()
        self.assert_unharmed("random bytes")

    @attacks.shows("B-10 H-04", "the session is over")
    def test_sessions_that_speak_no_protocol(self):
        """Here the job is the server."""
        settings = frame(grpc.SETTINGS)
        for number, (what, data) in enumerate({
            "a request of HTTP/1": b"GET /version HTTP/1.1\r\nHost: d\r\n\r\n" * 10,
            "a client's preface": PREFACE + settings,
            "a head that answers nothing": settings + frame(HEADERS, END_HEADERS, 101, hpack([(":status", "200")])),
            "a promise": settings + frame(grpc.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + INFO),
            "pings": settings + frame(grpc.PING, 0, 0, b"12345678") * 50_000,
            "settings": settings * 50_000,
            "a stream of the server's own": settings + frame(HEADERS, END_HEADERS, 2, INFO),
            "a window that overflows": settings + frame(grpc.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fffffff)) * 2,
        }.items()):
            with self.subTest(what):
                connection = Connection(self.job.door, "/session", [("X-Docker-Expose-Session-Uuid", f"bad-{number}")], preface=False)
                self.addCleanup(connection.socket.close)
                self.throw(connection, data)
                connection.arrived = connection.arrived[len(PREFACE):] if connection.arrived.startswith(PREFACE) else connection.arrived
                end = time.monotonic() + 3
                while time.monotonic() < end:  # what it sends may begin with its preface: only the end is looked at
                    try:
                        if not connection.socket.recv(1 << 16):
                            break
                    except ConnectionError:
                        break
                else:
                    self.fail("the session goes on")
                self.assert_unharmed(what)
