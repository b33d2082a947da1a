"""Attacks on the host around the engine, and on berth itself."""

import json
import os
import socket
import stat
from pathlib import Path

import attacks
from harness import EngineCase, RuledBerth
from tools import UnixConnection, wait_for

ENGINES = ("distribution", "trixie")


class FewOfAll(RuledBerth):
    rules = """
        [profile.default]
        limits.job = { containers = 3, execs = 3, connections = 6 }
    """


class Counted(EngineCase):
    jobs_wanted = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.few = FewOfAll(cls.engine).start()

    @classmethod
    def tearDownClass(cls):
        cls.few.stop()
        super().tearDownClass()

    def setUp(self):
        self.job = self.few.open_job()
        self.job.load_busybox()
        self.addCleanup(lambda: self.job.closed or self.job.close())

    @attacks.shows("R-12")
    def test_execs_have_a_number(self):
        self.job.do("run", "-d", "--name", "box", self.job.image, "sleep", "1000")
        for _ in range(3):
            self.job.do("exec", "box", "true")
        self.refused(self.job.docker("exec", "box", "true"), "limits.job.execs")
        attacks.saw("R-12", "counted", "with limits.job.execs = 3 the fourth is refused; the engine made three")

    @attacks.shows("K-14")
    def test_what_failed_is_not_counted(self):
        for _ in range(5):
            for body in ({"Image": "nowhere/nothing"}, {"Image": self.job.image, "WorkingDir": "relative"}):
                self.assertGreaterEqual(self.job.api.call("POST", "/containers/create", body)[0], 400)
        for number in range(3):
            self.job.do("run", "--rm", self.job.image, "true")
        names = [self.job.do("create", self.job.image) for _ in range(3)]
        self.refused(self.job.docker("create", self.job.image), "limits.job.containers")
        self.job.do("rm", names[0])
        self.job.do("create", self.job.image)
        attacks.saw("K-14", "given back", "ten failed creates and three that removed themselves leave room for all three")

    @attacks.shows("R-20")
    def test_streams_have_a_number(self):
        connections = []
        try:
            for _ in range(6):
                connection = UnixConnection(self.job.door, 20)
                connection.request("GET", "/events")
                connection.sock.recv(1)
                connections.append(connection)
            late = socket.socket(socket.AF_UNIX)
            late.settimeout(20)
            late.connect(self.job.door)
            try:
                late.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(late.recv(100), b"")
            except (BrokenPipeError, ConnectionResetError):
                pass
            late.close()
            attacks.saw("R-20", "counted", "with limits.job.connections = 6 the seventh is closed")
        finally:
            for connection in connections:
                connection.close()
        wait_for(lambda: self.job.api.answers(), 20, "room for another")

    @attacks.shows("G-10")
    def test_a_flood_of_events_hides_no_removal(self):
        identity = self.job.do("run", "-d", self.job.image, "sh", "-c", "i=0; while [ $i -lt 50 ]; do i=$((i+1)); done; sleep 1000")
        events = self.job.docker.start("events", "--format", "{{.Action}} {{.Actor.ID}}")
        try:
            for _ in range(40):
                self.job.do("pause", identity)
                self.job.do("unpause", identity)
            self.job.do("rm", "-f", identity)
            wait_for(lambda: self.job.ok("ps", "-aq") == "", 20, "the list without it")
        finally:
            events.terminate()
            events.communicate()
        attacks.saw("G-10", "not relied on", "after 80 events the list is right: it is the ledger's and the engine's")


class Itself(EngineCase):
    jobs_wanted = ("job", "victim")

    @attacks.shows("X-09")
    def test_stats_are_the_hosts_as_on_any_engine(self):
        self.job.do("run", "-d", "--name", "box", self.job.image, "sleep", "1000")
        status, content = self.job.api.call("GET", "/containers/box/stats?stream=0")
        self.assertEqual(status, 200)
        self.assertGreater(content["precpu_stats"].get("system_cpu_usage", 0) + content["cpu_stats"].get("system_cpu_usage", 0), 0)
        self.assertEqual(content["name"], "/box")
        self.job.do("rm", "-f", "box")
        attacks.saw("X-09", "accepted by design", "system_cpu_usage is the host's, as in a container's own /proc/stat; the name is the job's")

    @attacks.shows("X-04")
    def test_the_details_of_a_log_tell_nothing_of_the_host(self):
        for option in ("tag={{.}}", "tag={{.Name}} {{.ContainerID}}", "labels=berth.key,berth.job,a", "labels-regex=.*"):
            with self.subTest(option):
                name, _, value = option.partition("=")
                status, made = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "Cmd": ["echo", "hi"], "Labels": {"a": "b"}, "HostConfig": {
                    "LogConfig": {"Type": "", "Config": {name: value}}}})
                self.assertEqual(status, 201, made)
                identity = made["Id"]
                self.job.do("start", identity)
                self.job.do("wait", identity)
                status, shown = self.job.api.call("GET", f"/containers/{identity}/logs?stdout=1&details=1", raw=True)
                shown = shown.decode(errors="replace")
                self.assertIn("hi", shown)
                self.assert_private(shown)
                for word in (self.job.key, str(self.engine.folder), "berth"):
                    self.assertNotIn(word, shown)
                self.job.do("rm", identity)
        attacks.saw("X-04", "dropped", "a template of the log's tag, and patterns of labels, do not reach the engine: `logs --details` shows the job's own labels alone")

    @attacks.shows("W-10 W-17")
    def test_networks_of_ipv6_do_not_reach_each_other(self):
        for job in (self.job, self.victim):
            job.do("network", "create", "--ipv6", "six")
        self.victim.do("run", "-d", "--name", "web", "--network", "six", self.victim.image, "sleep", "1000")
        address = json.loads(self.victim.ok("inspect", "web"))[0]["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"]
        ping = f"for i in 1 2 3 4 5 6 7 8; do ping -c 1 -W 1 {address} && exit; sleep 1; done; exit 1"
        self.victim.do("run", "--rm", "--network", "six", self.victim.image, "sh", "-c", ping)
        for options in ((), ("--network", "six")):
            self.assertNotEqual(self.job.docker("run", "--rm", *options, self.job.image, "ping", "-c", "2", "-W", "1", address).code, 0)
        for attack in ("W-10", "W-17"):
            attacks.saw(attack, "no way across", "berth gives the subnets; a container of another job is not reached")
        self.victim.do("rm", "-f", "web")
        for job in (self.job, self.victim):
            job.do("network", "rm", "six")

    @attacks.shows("L-03 N-11 K-07")
    def test_the_jobs_own_container_is_in_no_table(self):
        anchor = self.engine.do("run", "-d", "--name", "runner", "busybox", "sleep", "1000")
        job = self.open_job("--anchor", "runner", busybox=False)
        try:
            for reference in ("runner", anchor, anchor[:12]):
                for method, path, body in (("POST", "exec", {"Cmd": ["id"]}), ("POST", "stop", None), ("POST", "update", {"Memory": 1}), ("POST", "rename?name=x", None),
                                           ("GET", "json", None), ("DELETE", "", None)):
                    status, content = job.api.call(method, f"/containers/{reference}/{path}".rstrip("/"), body)
                    self.assertEqual(status, 404, content)
                status, content = job.api.call("POST", "/networks/bridge/connect", {"Container": reference})
                self.assertEqual(status, 404, content)
            self.assertEqual(self.engine.api.get(f"/containers/{anchor}/json")["State"]["Status"], "running")
            for attack in ("L-03", "N-11", "K-07"):
                attacks.saw(attack, "404", "exec, stop, update, rename, inspect and connect by name, id and prefix; it runs on as before")
        finally:
            job.close()
            self.engine.do("rm", "-f", "runner")

    @attacks.shows("K-01")
    def test_the_door_says_who_is_speaking(self):
        self.job.do("volume", "create", "mine")
        # One process, one user, both doors, and headers that say otherwise.
        for job, expected in ((self.job, {"mine"}), (self.victim, set())):
            status, content = job.api.call("GET", "/volumes", headers={"X-Berth-Job": self.job.id, "Authorization": self.job.key, "Forwarded": f"for={self.job.key}"})
            self.assertEqual((status, {each["Name"] for each in content["Volumes"] or []}), (200, expected))
        self.job.do("volume", "rm", "mine")
        attacks.saw("K-01", "the door alone", "one process at two doors has two views, whatever its headers say")

    @attacks.shows("K-02 K-20 M-06 H-15")
    def test_nobody_else_comes_to_the_doors(self):
        run = self.berth.folder / "run"
        self.assertEqual(stat.S_IMODE(run.stat().st_mode) & 0o077 & ~0o011, 0, "runtime directory")
        self.assertEqual(stat.S_IMODE(self.berth.admin.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE((self.berth.folder / "state").stat().st_mode), 0o700)
        attacks.saw("K-20", "root alone", "admin.sock is 0600, on no network")
        for path in (self.victim.door, str(Path(self.victim.door).parent), str(self.berth.admin), str(run), str(self.berth.folder / "state")):
            for bind in (f"{path}:/x", f"{path}/:/x"):
                status, content = self.job.api.call("POST", "/containers/create", {"Image": self.job.image, "HostConfig": {"Binds": [bind]}})
                self.assertEqual(status, 403, content)
        for attack in ("K-02", "M-06"):
            attacks.saw(attack, "403", "binds of another job's door, of its directory, of the administration's socket and of the ledger; nothing was made")
        inodes = {os.readlink(each)[8:-1] for each in Path(f"/proc/{self.berth.process.pid}/fd").iterdir() if os.readlink(each).startswith("socket:[")}
        listening = [line for name in ("tcp", "tcp6", "udp", "udp6") for line in Path(f"/proc/{self.berth.process.pid}/net/{name}").read_text().splitlines()[1:]
                     if line.split()[9] in inodes]
        abstract = [line for line in Path(f"/proc/{self.berth.process.pid}/net/unix").read_text().splitlines()[1:] if line.split()[6] in inodes and "@" in line]
        self.assertEqual((listening, abstract), ([], []))
        attacks.saw("H-15", "none", "the daemon has no TCP, UDP or abstract socket")

    @attacks.shows("K-04 K-06")
    def test_a_connection_is_of_its_job_as_long_as_the_job_is_open(self):
        job = self.open_job(busybox=False)
        connection = UnixConnection(job.door, 20)
        connection.request("GET", "/_ping")
        self.assertEqual(connection.getresponse().read(), b"OK")
        # A job can hand this on to another one: it stays what it is, and ends with its job.
        handed = socket.fromfd(connection.sock.fileno(), socket.AF_UNIX, socket.SOCK_STREAM)
        handed.settimeout(20)
        self.assertEqual(job.close().code, 0)
        try:
            handed.sendall(b"GET /v1.41/containers/json HTTP/1.1\r\nHost: x\r\n\r\n")
            got = handed.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            got = b""
        self.assertEqual(got, b"")
        handed.close()
        connection.close()
        for attack in ("K-04", "K-06"):
            attacks.saw(attack, "cut", "after the job's close the connection is closed, in whosever hands it is")
