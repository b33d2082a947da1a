"""Opening, listing, running and closing jobs."""

import json

import attacks
from harness import EngineCase, RuledBerth

ENGINES = ("trixie",)


class Jobs(EngineCase):
    def test_a_closed_jobs_door_is_gone(self):
        job = self.open_job(busybox=False)
        self.assertTrue(job.api.answers())
        self.assertEqual(job.close().code, 0)
        self.assertFalse(job.api.answers())

    @attacks.shows("G-14", "the key is never used twice")
    def test_an_id_is_one_open_jobs_at_a_time(self):
        first = self.open_job("build-17", busybox=False)
        result = self.berth.cli("job", "open", "build-17")
        self.assertEqual(result.code, 1)
        self.assertIn("build-17", result.err)
        self.assertEqual(first.close().code, 0)
        again = self.open_job("build-17", busybox=False)
        self.assertNotEqual(again.key, first.key)

    def test_job_open_prints_the_door_alone(self):
        door = self.berth.ok("job", "open", "plain")
        self.assertRegex(door, r"^unix:///\S+/docker\.sock$")
        self.assertEqual(self.berth.cli("job", "close", "plain").code, 0)
        self.assertNotEqual(self.berth.cli("job", "close", "plain").code, 0)

    def test_run_gives_a_command_a_docker_and_passes_its_status_on(self):
        script = 'docker version >/dev/null && test -S "${DOCKER_HOST#unix://}" && echo "$DOCKER_HOST" && exit 42'
        result = self.berth.cli("run", "--", "sh", "-c", script)
        self.assertEqual(result.code, 42, result.err)
        self.assertTrue(result.out.startswith("unix:///"), result.out)
        self.assertEqual(json.loads(self.berth.ok("job", "list", "--json")), [each for each in json.loads(self.berth.ok("job", "list", "--json"))
                                                                              if each["door"] not in result.out])

    def test_jobs_are_listed_shown_and_counted(self):
        job = self.open_job("shown")
        job.ok("run", "-d", "--name", "box", job.image, "sleep", "1000")
        listed = {each["id"]: each for each in json.loads(self.berth.ok("job", "list", "--json"))}
        self.assertEqual((listed["shown"]["state"], listed["shown"]["key"]), ("open", job.key))
        facts = job.show()
        self.assertEqual(facts["objects"]["container"], 1)
        self.assertIn("shown", self.berth.ok("job", "list"))
        self.assertIn(job.key, self.berth.ok("job", "show", "shown"))
        status = json.loads(self.berth.ok("status", "--json"))
        self.assertGreaterEqual(status["containers"], 1)
        self.assertEqual({whose: disk["path"] for whose, disk in status["disks"].items()},
                         {"ledger": status["state_dir"], "engine": self.engine.api.get("/info")["DockerRootDir"]})
        for whose, disk in status["disks"].items():
            self.assertEqual(disk["problem"], "")
            self.assertTrue(0 < disk["bytes_free"] < disk["bytes"] and 0 < disk["percent_free"] < 100, disk)
            self.assertRegex(self.berth.ok("status"), rf"(?m)^disk +{whose} at {disk['path']}: [0-9.]+ .?i?B free \([0-9]+ %\)$")

    def test_errors_and_warnings_of_the_log_are_counted(self):
        berth = RuledBerth(self.engine).start()
        self.addCleanup(berth.stop)
        berth.write_rules("[profile.ci]\nnonsense = 1\n")
        self.assertEqual(berth.cli("rules", "reload").code, 1)  # which is logged as an error
        before = berth.log.read_text(errors="replace")
        logged = json.loads(berth.ok("status", "--json"))["logged"]
        after = berth.log.read_text(errors="replace")
        self.assertGreaterEqual(logged["errors"], 1)
        for level, count in (("error", logged["errors"]), ("warn", logged["warnings"])):
            self.assertLessEqual(before.count(f" level={level} "), count)
            self.assertLessEqual(count, after.count(f" level={level} "))
