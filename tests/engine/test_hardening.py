"""The daemon itself: what it may do, what it leaves for others to read, what it follows, and what it forgets."""

import base64
import json
import os
import re
import stat
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, Berth, EngineCase
from registries import PrivateRegistry
from tools import Unavailable, run, tar_of

ENGINES = ("trixie",)

# broker/host/privileges.cpp says why.
CAPABILITIES = {"DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "LINUX_IMMUTABLE": 9, "NET_ADMIN": 12, "SYS_PTRACE": 19, "SYS_ADMIN": 21}
WITHOUT_CAPABILITIES = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")


def status_of(path):
    return dict(line.split(":\t", 1) for line in (path / "status").read_text().splitlines() if ":\t" in line)


def memory_of(pid):
    """All that a process can write to, as bytes."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end, rights = re.match("([0-9a-f]+)-([0-9a-f]+) (....)", line).groups()
            if rights[1] == "w":
                memory.seek(int(begin, 16))
                yield memory.read(int(end, 16) - int(begin, 16))


class Hardening(EngineCase):
    """A daemon whose own files the tests look at, beside the world's."""

    jobs_wanted = ()

    def setUp(self):
        self.daemon = Berth(self.engine)
        self.state, self.runtime = self.daemon.folder / "state", self.daemon.folder / "run"
        self.addCleanup(self.end)

    def end(self):
        process = self.daemon.process
        if process and process.poll() is None:
            for job in json.loads(self.daemon.ok("job", "list", "--json")):
                self.daemon.ok("job", "close", job["id"])
            self.assertEqual(self.daemon.stop(), 0)

    def refuses(self, *texts):
        """`berth serve` says why it does not start, and has exited."""
        argv = [BINARY, "serve", "--engine", f"unix://{self.engine.socket}", "--state-dir", self.state, "--runtime-dir", self.runtime]
        result = run(argv, timeout=60)
        self.assertEqual(result.code, 1, result.err)
        for text in texts:
            self.assertIn(text, result.err)

    def test_it_has_the_capabilities_that_it_needs_and_gains_none(self):
        self.daemon.start()
        self.daemon.open_job()
        wanted = sum(1 << number for number in CAPABILITIES.values())
        threads = list(Path(f"/proc/{self.daemon.process.pid}/task").iterdir())
        self.assertGreater(len(threads), 1)
        for thread in threads:
            status = status_of(thread)
            for name in ("CapPrm", "CapEff", "CapBnd"):
                self.assertEqual(int(status[name], 16), wanted, f"{name} of {thread}")
            for name in ("CapInh", "CapAmb"):
                self.assertEqual(int(status[name], 16), 0, name)
            self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Umask"], "0077")

    def test_nobody_of_its_own_user_looks_into_it(self):
        looked_at = subprocess.Popen([*WITHOUT_CAPABILITIES, "sleep", "1000"])
        self.addCleanup(looked_at.wait)
        self.addCleanup(looked_at.kill)
        self.daemon.start(within=["nsenter", f"--net=/run/netns/{self.engine.namespace}", *WITHOUT_CAPABILITIES])
        self.assertEqual(int(status_of(Path(f"/proc/{self.daemon.process.pid}"))["CapEff"], 16), 0)
        look = lambda pid: run([*WITHOUT_CAPABILITIES, "cat", f"/proc/{pid}/environ"])
        self.assertEqual(look(looked_at.pid).code, 0, "another process of the user can be looked into")
        self.assertIn("Permission denied", look(self.daemon.process.pid).err)

    def test_its_files_are_its_own(self):
        self.state.mkdir(mode=0o755)  # as an administrator makes it
        self.runtime.mkdir(mode=0o755)
        self.daemon.start()
        job = self.daemon.open_job()
        job.load_busybox()
        found = [self.state, *self.state.rglob("*"), self.runtime, *self.runtime.rglob("*")]
        self.assertIn(self.state / "berth.db-wal", found)
        for path in found:
            mode = stat.S_IMODE(path.lstat().st_mode)
            # Whoever has a door mounted may use it; its directory keeps others away.
            self.assertEqual(mode & 0o077, 0o066 if path == Path(job.door) else 0, f"{path} has mode {mode:o}")

    def test_what_others_may_write_is_refused(self):
        for folder in (self.state, self.runtime):
            folder.mkdir()
            folder.chmod(0o777)
            self.refuses(str(folder), "others may write in it")
            folder.chmod(0o700)
            os.chown(folder, 1234, 1234)
            self.refuses(str(folder), "it is of user 1234")
            folder.rmdir()

    def test_links_in_its_directories_are_not_followed(self):
        elsewhere = self.daemon.folder / "elsewhere"
        elsewhere.mkdir(mode=0o755)
        precious = elsewhere / "precious"
        precious.write_text("of the host")
        before = precious.stat()
        for link in (self.state, self.runtime, self.runtime / "jobs", self.runtime / "pins"):
            link.parent.mkdir(exist_ok=True, mode=0o700)
            link.symlink_to(elsewhere)
            self.refuses(str(link), "it is a link")
            link.unlink()
        for name in ("berth.db", "berth.db.lock"):
            self.state.mkdir(exist_ok=True)
            (self.state / name).unlink(missing_ok=True)
            (self.state / name).symlink_to(precious)
            self.refuses(name)
            (self.state / name).unlink()
            os.link(precious, self.state / name)
            self.refuses(name, "no file of its own")
            (self.state / name).unlink()
        (self.runtime / "pins").mkdir(parents=True, exist_ok=True)
        (self.runtime / "pins/aaaaaaaaaaaaaaaaaaaaaaaaaa").symlink_to(elsewhere)  # as of a job that is over
        (self.runtime / "admin.sock").symlink_to(precious)
        self.daemon.start()
        self.assertFalse(os.path.lexists(self.runtime / "pins/aaaaaaaaaaaaaaaaaaaaaaaaaa"))
        self.assertFalse((self.runtime / "admin.sock").is_symlink())
        job = self.daemon.open_job()
        self.daemon.stop()
        door = Path(job.door)
        door.unlink(missing_ok=True)
        door.symlink_to(precious)
        self.daemon.start()
        self.assertFalse(door.is_symlink())
        self.daemon.stop()
        door.unlink(missing_ok=True)
        door.parent.rmdir()
        door.parent.symlink_to(elsewhere)
        self.refuses(str(door.parent), "it is a link")
        door.parent.unlink()
        self.daemon.start()
        self.assertEqual(list(elsewhere.iterdir()), [precious])
        after = precious.stat()
        self.assertEqual((precious.read_text(), after.st_mode, after.st_ino, after.st_nlink), ("of the host", before.st_mode, before.st_ino, 1))
        self.assertEqual(stat.S_IMODE(elsewhere.stat().st_mode), 0o755)

    def test_a_directory_that_is_made_for_a_bind_can_be_read_by_others(self):
        workspace = self.daemon.folder / "workspace"
        workspace.mkdir()
        os.chown(workspace, 1234, 1235)
        self.daemon.start()
        job = self.daemon.open_job("--workspace", workspace)
        job.load_busybox()
        job.do("run", "--rm", "-v", f"{workspace}/new/deep:/d", job.image, "true")
        for path in (workspace / "new", workspace / "new/deep"):
            facts = path.stat()
            self.assertEqual((facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)), (1234, 1235, 0o755))

    def test_credentials_are_forgotten_and_not_written_down(self):
        try:
            registry = PrivateRegistry(self.engine)
        except Unavailable as reason:
            self.skipTest(str(reason))
        self.addCleanup(registry.stop)
        password = "a-password-that-is-nowhere-else-7c1e"
        self.daemon.start()
        job = self.daemon.open_job()
        header = registry.header(password)
        encoded = header["X-Registry-Auth"]
        # Each way that credentials come in; the registry takes none of them, and the engine says so.
        status, answer = job.api.call("POST", f"/images/create?fromImage={registry.address}/team/secret&tag=1", headers=header)
        self.assertTrue(status >= 400 or "error" in str(answer), answer)
        status, answer = job.api.call("POST", "/auth", {"username": "tester", "password": password, "serveraddress": f"http://{registry.address}"})
        self.assertGreaterEqual(status, 400, answer)
        status, answer = job.api.call("POST", "/auth", {"username": "tester", "passwrd": password, "serveraddress": registry.address})
        self.assertEqual(status, 403, answer)
        config = base64.urlsafe_b64encode(json.dumps({registry.address: {"username": "tester", "password": password}}).encode()).decode()
        status, answer = job.api.call("POST", "/build?rm=1", tar_of({"Dockerfile": f"FROM {registry.address}/team/secret:1\n"}), headers={"X-Registry-Config": config}, raw=True)
        self.assertTrue(status >= 400 or b"error" in answer, answer)
        for place in (self.daemon.log, self.state / "berth.db", self.state / "berth.db-wal"):
            self.assertNotIn(password.encode(), place.read_bytes(), place)
        traces = {"the password": password.encode(), "X-Registry-Auth": encoded[40:].encode(), "X-Registry-Config": config[40:].encode()}
        kept = str(self.runtime).encode()
        self.assertTrue(any(kept in part for part in memory_of(self.daemon.process.pid)), "what the daemon does keep is found")
        found = {name: sum(part.count(trace) for part in memory_of(self.daemon.process.pid)) for name, trace in traces.items()}
        self.assertEqual(found, dict.fromkeys(traces, 0), "credentials are left in the daemon's memory")


if __name__ == "__main__":
    unittest.main()
