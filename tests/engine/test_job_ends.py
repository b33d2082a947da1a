"""Jobs that nobody closes: their lease, their time, their anchor or their command ends, and they with it."""

import json
import signal
import subprocess
import time

from harness import BINARY, EngineCase, RuledBerth
from tools import clean_env, wait_for

ENGINES = ("newest",)


class Patient(RuledBerth):
    rules = """
        [profile.at-once]
        job.grace = 0

        [profile.patient]
        job.grace = "20s"
    """


class Ends(EngineCase):
    jobs_wanted = ()

    def is_open(self, job):
        return any(each["key"] == job.key and each["state"] == "open" for each in json.loads(self.berth.ok("job", "list", "--json")))

    def job_with(self, *args):
        job = self.open_job(*args, busybox=False)
        job.closed = True  # by itself
        job.api.call("POST", "/volumes/create", {"Name": "left"})
        return job

    def assert_ends(self, job, seconds=20):
        wait_for(lambda: job.key not in self.berth.ok("job", "list", "--json"), seconds, "the end of the job")
        self.assertEqual(self.engine.docker.ok("volume", "ls", "-q", "--filter", f"label=berth.key={job.key}"), "")

    def anchor(self, name, *args, command=("run", "-d")):
        identity = self.engine.do(*command, "--name", name, "--stop-signal", "KILL", *args, "busybox", "sleep", "600")
        self.addCleanup(self.engine.api.call, "DELETE", f"/containers/{name}?force=1")
        return identity

    def test_its_time_is_up(self):
        self.assert_ends(self.job_with("--ttl", "1s"))

    def test_a_lease_is_renewed_or_runs_out(self):
        job = self.job_with("--lease", "3s")
        until = time.monotonic() + 6
        while time.monotonic() < until:
            self.berth.ok("job", "renew", job.id)
            time.sleep(0.5)
        self.assertTrue(self.is_open(job))
        self.assert_ends(job)
        self.refused(self.berth.cli("job", "renew", job.id), "there is no open job", code=1)

    def test_a_lease_holds_over_a_restart_of_the_daemon(self):
        job = self.job_with("--lease", "4s")
        self.berth.kill()
        time.sleep(5)
        self.berth.start()
        self.assertTrue(self.is_open(job), "the time without a daemon is nobody's fault")
        self.assert_ends(job)

    def test_its_anchor_stops(self):
        self.anchor("stops")
        job = self.job_with("--anchor", "stops")
        self.engine.docker.ok("restart", "-t", "0", "stops")
        time.sleep(3)
        self.assertTrue(self.is_open(job), "an anchor that was started again is there still")
        self.engine.do("kill", "stops")
        self.assert_ends(job)

    def test_its_anchor_is_removed(self):
        self.anchor("removed")
        job = self.job_with("--anchor", "removed")
        self.engine.do("rm", "-f", "removed")
        self.assert_ends(job)

    def test_its_anchor_goes_while_the_daemon_is_away(self):
        self.anchor("away")
        job = self.job_with("--anchor", "away")
        self.berth.kill()
        self.engine.do("rm", "-f", "away")
        self.berth.start()
        self.assert_ends(job, 30)

    def test_an_anchor_that_is_not_yet_started_is_waited_for(self):
        self.anchor("later", command=("create",))
        job = self.job_with("--anchor", "later")
        time.sleep(3)
        self.assertTrue(self.is_open(job))
        self.engine.do("start", "later")
        self.engine.do("rm", "-f", "later")
        self.assert_ends(job)

    def test_the_time_that_its_ci_system_gives_it_is_up(self):
        self.anchor("of-gitlab", "--label", "com.gitlab.gitlab-runner.job.timeout=3s")
        self.anchor("of-drone", "--label", f"io.drone.expires={int(time.time()) + 4}")
        self.anchor("of-others", "--label", "io.drone.expires=never")
        jobs = {name: self.job_with("--anchor", name, *more) for name, more in (("of-gitlab", ("--ttl", "10h")), ("of-drone", ()), ("of-others", ()))}
        self.assert_ends(jobs["of-gitlab"])
        self.assert_ends(jobs["of-drone"])
        self.assertTrue(self.is_open(jobs["of-others"]), "a label that says nothing ends nothing")
        self.assertEqual(self.berth.cli("job", "close", jobs["of-others"].id).code, 0)

    def test_many_signs_are_one_end(self):
        self.anchor("signs")
        job = self.job_with("--anchor", "signs", "--ttl", "3s", "--lease", "3s")
        self.engine.do("kill", "signs")
        codes = [self.berth.cli("job", "close", job.id, timeout=90).code for _ in range(2)]
        self.assertEqual(codes[0], 0)
        self.engine.do("rm", "-f", "signs")
        self.assert_ends(job)
        self.assertEqual(self.berth.log.read_text(errors="replace").count(f"job={job.id} removed="), 1)

    def test_its_anchor_goes_while_the_engines_events_cannot_be_heard(self):
        self.anchor("unheard")
        job = self.job_with("--anchor", "unheard")
        self.engine.stop()  # the anchor ends with it, and no event tells
        self.engine.start()
        self.assert_ends(job, 40)

    def test_a_job_id_that_comes_back_inherits_nothing(self):
        first = self.open_job("again", busybox=False)
        first.do("volume", "create", "data")
        first.do("network", "create", "net")
        self.assertEqual(first.close().code, 0)
        second = self.open_job("again", busybox=False)
        self.assertNotEqual((second.key, second.door), (first.key, first.door))
        self.assertEqual(second.ok("volume", "ls", "-q"), "")
        self.assertEqual(second.show()["objects"], {"container": 0, "image": 0, "network": 0, "volume": 0})
        # What bears the old key, left by whatever, is not the new one's either.
        self.engine.docker.ok("volume", "create", "--label", f"berth.key={first.key}", "--label", "berth.job=again", f"berth.{first.key}.data")
        self.assertEqual(second.ok("volume", "ls", "-q"), "")
        second.do("volume", "create", "data")
        self.berth.ok("cleanup")
        self.assertEqual(second.ok("volume", "ls", "-q"), "data")
        self.assertEqual(second.close().code, 0)
        self.assertEqual(self.difference(), "")

    def run_in_job(self, job_id, script):
        argv = ["nsenter", f"--net=/run/netns/{self.engine.namespace}", BINARY, "run", "--id", job_id, "--", "sh", "-c", script]
        process = subprocess.Popen([str(word) for word in argv], env=clean_env(BERTH_ADMIN=str(self.berth.admin)), stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_run_is_killed(self):
        process = self.run_in_job("killed-run", "docker volume create left; echo $$; exec sleep 600")
        self.assertEqual(process.stdout.readline(), b"left\n")
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: "killed-run" not in self.berth.ok("job", "list"), 20, "the end of the job")
        wait_for(lambda: subprocess.run(["kill", "-0", str(child)], capture_output=True).returncode != 0, 5, "the end of the command")
        self.assertEqual(self.difference(), "")

    def test_its_profile_sets_the_grace_of_its_end(self):
        berth = Patient(self.engine).start()
        self.addCleanup(berth.stop)
        open_jobs = lambda: berth.ok("job", "list", "--json")

        self.anchor("at-once")
        job = berth.open_job("--profile", "at-once", "--anchor", "at-once")
        job.closed = True  # by itself
        self.engine.do("kill", "at-once")
        wait_for(lambda: job.key not in open_jobs(), 20, "the end of the job")

        self.anchor("patient")
        stopped = berth.open_job("--profile", "patient", "--anchor", "patient")
        leased = berth.open_job("--profile", "patient", "--lease", "1s")
        leased.closed = True
        self.engine.do("kill", "patient")
        berth.kill()  # the next one finds an anchor that has stopped
        berth.start()
        time.sleep(4)  # longer than the grace that a profile has which says nothing
        self.assertIn(stopped.key, open_jobs())
        berth.ok("job", "renew", leased.id)  # after its lease, within the grace
        self.engine.do("start", "patient")
        wait_for(lambda: leased.key not in open_jobs(), 60, "the end of the job that nobody renews, after the grace of the anchor")
        self.assertIn(stopped.key, open_jobs(), "its anchor was started again within the grace")
        self.assertEqual(stopped.close().code, 0)

    def test_run_outlives_a_restart_of_the_daemon(self):
        process = self.run_in_job("restarted-run", "docker volume create left; read line < /dev/null; sleep 9; docker volume ls -q")
        self.assertEqual(process.stdout.readline(), b"left\n")
        self.berth.kill()
        self.berth.start()
        self.assertEqual(process.stdout.readline(), b"left\n", "the job is there still, at the same door")
        self.assertEqual(process.wait(30), 0)
        self.assertNotIn("restarted-run", self.berth.ok("job", "list"))
