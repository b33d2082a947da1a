"""Rules that change while a daemon runs, and rules that it cannot read."""

import json
import os
import signal

from harness import EngineCase, RuledBerth
from tools import wait_for

ENGINES = ("trixie",)


class Changes(EngineCase):
    """Each test has a daemon of its own, and changes its rules."""

    jobs_wanted = ()

    def setUp(self):
        self.ruled = RuledBerth(self.engine)
        self.ruled.write_rules("[profile.ci]\nports.max = 1\n")
        self.ruled.start()
        self.addCleanup(self.ruled.stop)

    def open(self, profile="ci"):
        job = self.ruled.open_job("--profile", profile)
        self.addCleanup(lambda: job.closed or job.close())
        return job

    def publishes(self, job):
        body = {"Image": job.image, "HostConfig": {"PortBindings": {"80/tcp": [{}], "81/tcp": [{}]}}}
        status, content = job.api.call("POST", "/containers/create", body)
        self.assertIn(status, (201, 403), content)
        return status == 201

    def test_reloaded_rules_are_those_of_new_jobs(self):
        before = self.open()
        before.load_busybox()
        self.assertFalse(self.publishes(before))
        self.ruled.write_rules("[profile.ci]\nports.max = 2\n[profile.more]\n")
        self.assertIn("8 profiles", self.ruled.ok("rules", "reload"))
        after = self.open()
        after.load_busybox()
        self.assertTrue(self.publishes(after))
        self.assertFalse(self.publishes(before), "an open job keeps its rules")
        self.assertEqual(self.open("more").show()["profile"], "more")

    def test_a_hangup_reloads(self):
        self.ruled.write_rules("[profile.later]\n")
        os.kill(self.ruled.process.pid, signal.SIGHUP)
        wait_for(lambda: self.ruled.cli("job", "open", "--profile", "later").code == 0, 20, "the new profile")
        for job in self.ruled.ok("job", "list").splitlines()[1:]:
            self.ruled.ok("job", "close", job.split()[0])

    def test_mistakes_are_told_with_their_place_and_change_nothing(self):
        self.ruled.write_rules("[profile.ci]\nports.max = 2\n\n[profile.other]\n  images.pish = false\n")
        for command in (("rules", "reload"), ("rules", "check"), ("rules", "check", str(self.ruled.rules_file))):
            result = self.ruled.cli(*command)
            self.assertEqual(result.code, 1)
            self.assertIn(f'{self.ruled.rules_file}:5:10: unknown key "images.pish"; did you mean "images.push"?', result.err)
        checked = self.ruled.cli("rules", "check", "--json")
        self.assertEqual(checked.code, 1)
        report = json.loads(checked.out)
        self.assertEqual((report["ok"], report["profiles"], len(report["mistakes"])), (False, [], 1))
        self.assertTrue(report["mistakes"][0].startswith(f"{self.ruled.rules_file}:5:10: "), report)
        job = self.open()
        job.load_busybox()
        self.assertFalse(self.publishes(job), "the old rules stand")
        os.kill(self.ruled.process.pid, signal.SIGHUP)
        wait_for(lambda: self.ruled.log.read_text().count("the rules are not changed") >= 2, 20, "the refusal in the log")
        self.assertEqual(self.open().show()["profile"], "ci")

    def test_a_daemon_does_not_start_with_rules_that_it_cannot_read(self):
        other = RuledBerth(self.engine)
        other.write_rules("[profile.ci]\nextends = 'nobody'\n")
        with self.assertRaises(AssertionError):
            other.start()
        self.assertIn("rules.toml:2:11: there is no profile", other.log.read_text())

    def test_a_directory_is_read_in_order(self):
        folder = self.ruled.folder / "rules.d"
        folder.mkdir()
        (folder / "10-base.toml").write_text("[profile.base]\nports.max = 7\n")
        (folder / "20-ci.toml").write_text("[profile.one]\nextends = 'base'\n")
        (folder / "30-ci.toml.off").write_text("not read")
        self.assertIn("8 profiles, 0 selections", self.ruled.ok("rules", "check", str(folder)))
        shown = self.ruled.ok("rules", "show", "one", "--rules", str(folder))
        self.assertIn("# extends base\n# extends default\n[profile.one]\n", shown)
        self.assertIn("\nports.max = 7\n", shown)
        as_json = json.loads(self.ruled.ok("rules", "show", "one", "--json", "--rules", str(folder)))
        self.assertEqual((as_json["name"], as_json["lineage"], as_json["values"]["ports.max"]), ("one", ["base", "default"], 7))
        # One value a key, those of rules files: as the text has them.
        self.assertEqual([line.split(" = ")[0] for line in sorted(shown.splitlines()) if " = " in line and line[0] not in "#["], sorted(as_json["values"]))
        self.assertEqual((as_json["values"]["job.grace"], as_json["values"]["env.forced"], as_json["values"]["images.push"]), ("2s", {}, True))
        report = json.loads(self.ruled.ok("rules", "check", "--json", str(folder)))
        self.assertEqual((report["ok"], len(report["profiles"]), report["selections"], report["mistakes"]), (True, 8, 0, []))
        (folder / "40-again.toml").write_text("[profile.one]\n")
        self.assertIn("is there already, at", self.ruled.cli("rules", "check", str(folder)).err)

    def test_jobs_of_a_killed_daemon_go_on_under_their_profile_or_under_strict(self):
        kept, lost = self.open(), self.open()
        lost_only = self.ruled.open_job("--profile", "dind")
        self.addCleanup(lost_only.close)
        self.ruled.write_rules("[profile.other]\n")
        self.ruled.kill()
        self.ruled.start()
        self.assertEqual([each.show()["profile"] for each in (kept, lost, lost_only)], ["strict", "strict", "dind"])
        self.assertIn("is gone from the rules", self.ruled.log.read_text())
