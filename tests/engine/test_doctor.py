"""`berth doctor`: what it finds on real hosts, with the daemon running and without."""

import json
import os
import socket
import sqlite3

from harness import BINARY, Berth, EngineCase
from tools import clean_env, run

ENGINES = ("trixie",)

CHECKS = ["user", "daemon", "engine", "api", "cgroups", "storage", "confinement", "users", "restarts", "images", "paths",
          "isolation", "addresses", "doors", "state", "ledger"]
WITHOUT_ENGINE = ["user", "daemon", "engine", "isolation", "addresses", "doors", "state", "ledger"]


class Doctor(EngineCase):
    jobs_wanted = ()

    def examine(self, *flags, admin=None, within=None):
        """(exit status, findings by check) of a doctor in the engine's network namespace."""
        where = within or ["nsenter", f"--net=/run/netns/{self.engine.namespace}"]
        result = run([*where, BINARY, "doctor", "--json", *flags], env=clean_env(BERTH_ADMIN=str(admin or self.berth.admin)))
        self.assertEqual(result.err, "")
        report = json.loads(result.out)
        found = {each["check"]: each for each in report["findings"]}
        self.assertEqual(report["failed"], sum(each["status"] == "fail" for each in found.values()))
        self.assertEqual(report["warned"], sum(each["status"] == "warn" for each in found.values()))
        self.assertEqual(report["ok"], report["failed"] == 0)
        self.assertEqual(result.code, 0 if report["ok"] else 1)
        for each in found.values():
            self.assertEqual(bool(each["fix"]), each["status"] != "ok", each)
        return result.code, found

    def aside(self):
        """Flags for a daemon's directories that nobody uses."""
        berth = Berth(self.engine)
        return berth, ["--engine", f"unix://{self.engine.socket}", "--state-dir", berth.folder / "state", "--runtime-dir", berth.folder / "run"]

    def test_beside_the_daemon_it_looks_where_the_daemon_works(self):
        job = self.open_job(busybox=False)
        code, found = self.examine()
        self.assertEqual(code, 0, found)
        self.assertEqual(list(found), CHECKS)
        self.assertEqual({check for check in ("user", "daemon", "engine", "api", "storage", "images", "paths", "isolation", "doors", "state", "ledger", "addresses")
                          if found[check]["status"] != "ok"}, set(), found)
        self.assertIn(self.engine.version(), found["engine"]["text"])
        self.assertIn(str(self.engine.socket), found["engine"]["text"])
        self.assertIn(str(self.berth.folder / "run/jobs"), found["doors"]["text"])
        self.assertIn(str(self.engine.folder / "data"), found["images"]["text"])
        self.assertIn("in use by the daemon", found["ledger"]["text"])
        self.assertEqual(found["restarts"]["status"], "ok" if self.engine.api.get("/info")["LiveRestoreEnabled"] else "warn")
        self.assertTrue(job.api.answers())

    def test_it_leaves_nothing(self):
        def state():
            with open("/proc/self/mounts") as mounts:
                return (self.engine.inside("nft", "list", "tables").out, mounts.read(), sorted(os.listdir(self.berth.folder / "run")),
                        sorted(os.listdir(self.berth.folder / "state")), self.engine.snapshot())
        before = state()
        self.examine()
        self.assertEqual(state(), before)
        berth, flags = self.aside()
        self.examine(*flags, admin=berth.admin)
        self.assertEqual(os.listdir(berth.folder), ["rules.toml"], "what the test wrote")

    def test_without_the_daemon(self):
        berth, flags = self.aside()
        code, found = self.examine(*flags, admin=berth.admin)
        self.assertEqual(code, 0, found)
        self.assertEqual(list(found), CHECKS)
        self.assertEqual(found["daemon"]["status"], "warn")
        self.assertIn("none yet", found["ledger"]["text"])
        berth.start()
        job = berth.open_job()
        berth.kill()
        code, found = self.examine(*flags, admin=berth.admin)
        self.assertEqual((code, found["ledger"]["status"]), (0, "ok"), found)
        self.assertIn("1 job not closed", found["ledger"]["text"])
        berth.start()
        self.assertEqual(job.close().code, 0)
        self.assertEqual(berth.stop(), 0)

    def test_a_daemon_that_does_not_answer_and_holds_the_ledger(self):
        berth, flags = self.aside()
        berth.start()
        self.addCleanup(berth.stop)
        code, found = self.examine(*flags, admin=berth.folder / "elsewhere.sock")
        self.assertEqual((code, found["ledger"]["status"]), (1, "fail"), found)
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(str(berth.folder / "mute.sock"))
            mute.listen()
            code, found = self.examine(*flags, admin=berth.folder / "mute.sock")
        self.assertIn("does not answer", found["daemon"]["text"])

    def test_no_engine(self):
        berth, flags = self.aside()
        code, found = self.examine("--engine", f"unix://{berth.folder}/none.sock", *flags[2:], admin=berth.admin)
        self.assertEqual(code, 1)
        self.assertEqual(list(found), WITHOUT_ENGINE)
        self.assertIn("none.sock", found["engine"]["text"])
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(str(berth.folder / "mute.sock"))
            mute.listen()
            code, found = self.examine("--engine", f"unix://{berth.folder}/mute.sock", *flags[2:], admin=berth.admin)
        self.assertIn("does not answer", found["engine"]["text"])

    def test_a_damaged_ledger(self):
        berth, flags = self.aside()
        (berth.folder / "state").mkdir()
        (berth.folder / "state/berth.db").write_bytes(b"no database at all" * 1000)
        code, found = self.examine(*flags, admin=berth.admin)
        self.assertEqual((code, found["ledger"]["status"]), (1, "fail"))
        self.assertIn("move berth.db", found["ledger"]["fix"])

    def test_a_ledger_of_a_newer_berth(self):
        berth, flags = self.aside()
        (berth.folder / "state").mkdir()
        with sqlite3.connect(berth.folder / "state/berth.db") as ledger:
            ledger.execute("PRAGMA user_version = 9999")
        code, found = self.examine(*flags, admin=berth.admin)
        self.assertEqual((code, found["ledger"]["status"]), (1, "fail"))
        self.assertIn("9999", found["ledger"]["text"])

    def test_state_in_memory_and_a_pool_that_the_host_routes(self):
        berth, flags = self.aside()
        memory = berth.folder / "memory"
        memory.mkdir()
        self.assertEqual(run(["mount", "-t", "tmpfs", "tmpfs", memory]).code, 0)
        self.addCleanup(run, ["umount", memory])
        code, found = self.examine(*flags[:2], "--state-dir", memory, *flags[4:], "--network-pool", "10.77.0.0/24", "--network-size", "28", admin=berth.admin)
        self.assertEqual((code, found["state"]["status"], found["addresses"]["status"]), (0, "warn", "ok"), found)
        self.assertIn("16 of 16", found["addresses"]["text"])
        for route in ("10.77.0.0/25", "10.77.0.0/16"):
            self.addCleanup(self.engine.inside, "ip", "route", "del", route, "dev", "ext0")
        self.assertEqual(self.engine.inside("ip", "route", "add", "10.77.0.0/25", "dev", "ext0").code, 0)
        code, found = self.examine(*flags, "--network-pool", "10.77.0.0/24", "--network-size", "28", admin=berth.admin)
        self.assertEqual((code, found["addresses"]["status"]), (0, "warn"))
        self.assertIn("8 of 16", found["addresses"]["text"])
        self.assertEqual(self.engine.inside("ip", "route", "replace", "10.77.0.0/16", "dev", "ext0").code, 0)
        code, found = self.examine(*flags, "--network-pool", "10.77.0.0/24", "--network-size", "28", admin=berth.admin)
        self.assertEqual((code, found["addresses"]["status"]), (1, "fail"))

    def test_without_capabilities(self):
        berth, flags = self.aside()
        code, found = self.examine(*flags, admin=berth.admin, within=["nsenter", f"--net=/run/netns/{self.engine.namespace}", "setpriv", "--bounding-set", "-net_admin,-sys_admin"])
        self.assertEqual(found["isolation"]["status"], "warn", found["isolation"])
        self.assertIn("CAP_NET_ADMIN", found["isolation"]["text"])
        old = [int(part) for part in self.engine.api.get("/version")["ApiVersion"].split(".")] < [1, 45]
        self.assertEqual((code, found["paths"]["status"]), (1, "fail") if old else (0, "warn"), found["paths"])

    def test_mounts_that_the_engine_does_not_see(self):
        berth, flags = self.aside()
        code, found = self.examine(*flags, admin=berth.admin, within=["nsenter", f"--net=/run/netns/{self.engine.namespace}", "unshare", "-m", "--propagation", "private"])
        self.assertNotEqual(found["paths"]["status"], "ok")
        self.assertIn("does not see", found["paths"]["text"])

    def test_as_a_screen_for_people(self):
        text = self.berth.ok("doctor") if self.berth.cli("doctor").code == 0 else self.berth.cli("doctor").out
        self.assertRegex(text, r"(?m)^ok +engine +Docker ")
        self.assertNotIn("\033", text)
        self.assertEqual(self.berth.cli("doctor", "--wrong").code, 2)
