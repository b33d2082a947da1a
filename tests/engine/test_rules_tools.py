"""What an operator makes rules with: the record of requests, explain, test, suggest and diff; and that every refusal is told, recorded and counted."""

import json
import re
import socket
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, EngineCase, RuledBerth, RuledCase
from toolchains import reason_of
from tools import clean_env, run, wait_for
from walked import ALONE, BOUNDED, CREATE, ELSEWHERE, NOWHERE, SECRET, SWITCHED_OFF, Walked

ENGINES = ("trixie",)

EXAMPLE = Path(__file__).parents[1] / "rules/example"

PROJECT = """
services:
  db:
    image: {image}
    command: httpd -f -p 80 -h /data
    volumes: ["data:/data"]
  app:
    image: {image}
    command: sleep 1000
    cap_add: [NET_ADMIN]
    ports: ["8080:80"]
    depends_on: [db]
volumes:
  data: {{}}
"""


class Tools(RuledCase):
    ruled_by = Walked

    def audit(self, *args):
        return [json.loads(line) for line in self.ruled.ok("audit", "--json", *args).splitlines()]

    def walk(self, job, cases, rulebook_profile):
        """Each case is refused by its rule in a sentence, recorded, counted, and explained in the same words."""
        before = job.show()["refusals"]
        for done, (rule, request, body) in enumerate(cases, 1):
            with self.subTest(rule):
                method, path = request.split(" ", 1)
                sent = json.loads(json.dumps(body).replace("IMAGE", job.image)) if body else None
                status, content = job.api.call(method, path, sent)
                self.assertEqual(status, 403, content)
                self.assertRegex(content["message"], rf'^berth: \S+ is refused by rule "{re.escape(rule)}": [^\n]+[^.\n]$')
                self.assertEqual(job.show()["refusals"] - before, done)

                def recorded():
                    found = self.audit("--job", job.id, "--denied")
                    return found[-1] if found and found[-1]["rule"] == rule else None
                kept = wait_for(recorded, 20, f"the record of {rule}")
                self.assertEqual((kept["job"], kept["verdict"], kept["method"], kept["profile"]), (job.id, "refused", method, rulebook_profile))
                self.assertIn(f"berth: {kept['field']} is refused", content["message"])
                self.assertNotIn(SECRET, json.dumps(kept))
                if not rule.startswith("limits.job."):
                    said = self.explain(request, sent, rulebook_profile)
                    self.assertEqual((said["verdict"], said["rule"], said["message"]), ("refused", rule, content["message"]))
                    self.assertEqual(said["profile"], rulebook_profile)

    def explain(self, request, body, profile, code=1):
        method, path = request.split(" ", 1)
        result = self.ruled.cli("rules", "explain", "--json", "--rules", str(self.ruled.rules_file), "--profile", profile, method, path,
                                *(("--body", "-") if body is not None else ()), input=json.dumps(body) if body is not None else None)
        self.assertEqual(result.code, code, result.out + result.err)
        return json.loads(result.out)

    def test_every_knob_that_refuses_says_so_and_is_recorded_and_counted(self):
        rows = re.findall(r"^\| `(\S+)` \|.*\| refuse \|", self.ruled.ok("rules", "reference"), re.M)
        self.assertEqual({case[0] for case in SWITCHED_OFF + BOUNDED + NOWHERE} | ELSEWHERE | ALONE, set(rows), "each is shown")

        self.walk(self.open("--profile", "switched-off", busybox=False), SWITCHED_OFF, "switched-off")
        job = self.open("--profile", "bounded")
        job.ok("create", "--name", "first", "-u", "1000", "-p", "80", job.image, "sleep", "1000")
        job.ok("start", "first")
        job.ok("network", "create", "own")
        job.ok("volume", "create", "own")
        job.ok("exec", "first", "true")
        self.walk(job, BOUNDED, "bounded")

    def test_binds_and_ports_may_be_closed_altogether(self):
        job = self.ruled.open_job("--profile", "nowhere")
        self.addCleanup(lambda: job.closed or job.close())
        registry = self.registry()
        job.ok("pull", f"{registry.address}/busybox:latest")
        job.ok("tag", f"{registry.address}/busybox:latest", job.image)
        self.walk(job, NOWHERE, "nowhere")
        self.refused(job.docker("build", "-", input=f"FROM {job.image}\n"), '"build.networks"')

    def test_images_are_bounded_in_number_and_bytes(self):
        job = self.open("--profile", "one-image")
        self.refused(job.docker("tag", job.image, "second"), '"limits.job.images"', "at most 1")
        job = self.open("--profile", "few-bytes")
        self.refused(job.docker("tag", job.image, "second"), '"limits.job.image_bytes"', "1024 bytes")
        self.assertEqual(self.audit("--job", job.id, "--denied")[-1]["rule"], "limits.job.image_bytes")

    def test_a_build_without_a_cache_runs_each_step_anew(self):
        job = self.open("--profile", "uncached")
        dockerfile = f"FROM {job.image}\nRUN cat /proc/sys/kernel/random/uuid > /word\n"
        for tag in ("one", "two"):
            job.ok("build", "-t", tag, "-", input=dockerfile)
        words = [job.ok("run", "--rm", tag, "cat", "/word") for tag in ("one", "two")]
        self.assertNotEqual(*words)

    def test_requests_wait_for_their_turn(self):
        job = self.open("--profile", "slow", busybox=False)
        # Twenty requests at five a second, five at once: three seconds at the least, however slow the machine.
        out = run(["bash", "-c", f'time -p (for i in $(seq 20); do curl -sf --unix-socket {job.api.path} http://d/_ping >/dev/null || exit 1; done)'])
        self.assertEqual(out.code, 0, out.err)
        self.assertGreaterEqual(float(re.search(r"real ([\d.]+)", out.err)[1]), 2.5)

    def test_closed_operations_and_malformed_heads_are_refusals_too(self):
        job = self.open(busybox=False)
        status, content = job.api.call("POST", "/swarm/init", {})
        self.assertEqual(status, 403)
        self.assertRegex(content["message"], r'^berth: swarm\.init is refused by rule "closed": .*docker compose$')
        self.assertEqual(job.api.call("GET", "/debug/vars")[0], 404)
        self.assertEqual(job.api.call("GET", "/containers/../json")[0], 400)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(30)
            peer.connect(str(job.api.path))
            peer.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n")
            self.assertIn(b" 400 ", peer.recv(4096))
        wait_for(lambda: job.show()["refusals"] >= 4, 20, "the count")
        wait_for(lambda: [(each["endpoint"], each["rule"]) for each in self.audit("--job", job.id, "--denied")] ==
                 [("swarm.init", "closed"), ("debug.vars", "closed"), ("unknown", "target"), ("unknown", "framing")], 20, "the record")

    def test_the_record_has_what_was_asked_and_no_secret(self):
        job = self.open()
        job.ok("run", "--rm", "-e", f"TOKEN={SECRET}", "-l", "colour=red", job.image, "sh", "-c", f"echo {SECRET}")
        job.docker("build", "--build-arg", f"KEY={SECRET}", "-", input=f"FROM {job.image}\n")
        job.docker("login", "-u", "me", "--password-stdin", "127.0.0.1:1", input=SECRET)
        job.docker("run", "--privileged", job.image)
        kept = wait_for(lambda: [each for each in self.audit("--job", job.id) if each["rule"] == "privileged"], 20, "the record")
        self.assertEqual((kept[0]["field"], kept[0]["value"]), ("HostConfig.Privileged", "true"))
        everything = self.audit("--job", job.id)
        self.assertNotIn(SECRET, json.dumps(everything))
        made = next(each for each in everything if each["endpoint"] == "container.create" and each["verdict"] == "allowed")
        self.assertRegex(made["body"]["Env"][0], r"^TOKEN=hidden\.[0-9]+\.[0-9a-f]{16}$")
        self.assertRegex(made["body"]["Labels"].pop("colour"), r"^hidden\.3\.[0-9a-f]{16}$")
        self.assertEqual(made["body"]["Labels"], {})
        self.assertTrue({"build", "container.start"} <= {each["endpoint"] for each in everything})
        self.assertNotIn(SECRET.encode(), b"".join(file.read_bytes() for file in (self.ruled.folder / "state").glob("berth.db*")))
        text = self.ruled.ok("audit", "--job", job.id, "--denied")
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\dT\S+Z " + job.id + r" +refused +POST /v1\.\d+/containers/create\S*  privileged: HostConfig.Privileged true$")
        self.assertEqual(self.audit("--job", "no-such-job"), [])

    def test_the_record_can_be_followed(self):
        job = self.open(busybox=False)
        follower = subprocess.Popen([str(BINARY), "audit", "--job", job.id, "--follow", "--json", "--denied"], stdout=subprocess.PIPE,
                                    env=clean_env(BERTH_ADMIN=str(self.ruled.admin)), start_new_session=True)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.addCleanup(follower.stdout.close)
        job.api.call("POST", "/swarm/init", {})
        self.assertEqual(json.loads(follower.stdout.readline())["endpoint"], "swarm.init")
        job.api.call("POST", "/plugins/pull?remote=x", {})
        self.assertEqual(json.loads(follower.stdout.readline())["rule"], "closed")

    def test_what_is_suggested_for_a_compose_project_allows_it_again_and_little_else(self):
        if not (self.engine.toolchain.plugins / "docker-compose").exists():
            raise unittest.SkipTest("no docker-compose: " + reason_of("newest"))

        def up_and_down(job):
            folder = self.engine.folder / f"project-{job.key[:6]}/shop"
            folder.mkdir(parents=True)
            (folder / "compose.yaml").write_text(PROJECT.format(image=job.image))
            job.ok("compose", "up", "-d", cwd=folder, timeout=180)
            job.ok("compose", "exec", "-T", "app", "true", cwd=folder, timeout=60)
            job.ok("compose", "down", "-v", "-t", "0", cwd=folder, timeout=180)
        first = self.open("--profile", "dind")
        up_and_down(first)
        first.close()
        suggested = self.ruled.ok("rules", "suggest", "--job", first.key, "--profile", "shop")
        self.assertIn("capabilities.allowed = [\"NET_ADMIN\"]", suggested)
        file = self.ruled.folder / "suggested.toml"
        file.write_text(suggested)
        self.assertIn("7 profiles", self.ruled.ok("rules", "check", str(file)))

        changed = self.ruled.cli("rules", "diff", "dind", str(file), "--profile", "shop", "--job", first.key, "--json")
        self.assertEqual((changed.code, json.loads(changed.out)["differences"]), (0, []), changed.out)
        self.assertGreater(json.loads(changed.out)["judged"], 10)

        ruled = RuledBerth(self.engine)
        ruled.write_rules(suggested)
        ruled.start()
        self.addCleanup(ruled.stop)
        second = ruled.open_job("--profile", "shop")
        self.addCleanup(lambda: second.closed or second.close())
        second.load_busybox()
        up_and_down(second)
        self.assertEqual(second.show()["refusals"], 0, ruled.ok("audit", "--denied"))
        self.refused(second.docker("run", "--privileged", second.image), '"privileged"')
        self.refused(second.docker("run", "-v", "/etc:/x", second.image), '"binds.allowed"')
        self.refused(second.docker("pull", "ghcr.io/them/app:1"), "is refused by rule")
        self.refused(second.docker("run", "--cap-add", "SYS_PTRACE", second.image), '"capabilities.allowed"')

    def test_past_requests_are_judged_by_other_rules(self):
        job = self.open(busybox=False)
        job.build_busybox()
        job.ok("create", "--name", "box", "--cap-add", "CHOWN", job.image)
        wait_for(lambda: [each for each in self.audit("--job", job.id) if each["endpoint"] == "container.create"], 20, "the record")
        same = self.ruled.cli("rules", "diff", "default", "default", "--job", job.id)
        self.assertEqual(same.code, 0, same.out)
        self.assertRegex(same.out, r"^\d+ requests, 0 with another verdict")
        other = self.ruled.cli("rules", "diff", "default", "strict", "--job", job.id)
        self.assertEqual(other.code, 1, other.out)
        self.assertRegex(other.out, r'/containers/create\S*: allowed -> refused: berth: .*"capabilities.dropped"')
        self.assertRegex(other.out, r'/build\S*: allowed -> refused: berth: .*"build.allowed"')
        self.assertEqual(self.ruled.cli("rules", "diff", "default", "no-such").code, 1)

    def test_an_observed_request_says_what_would_have_refused_it(self):
        job = self.open("--profile", "watched")
        job.ok("create", job.image)
        kept = wait_for(lambda: [each for each in self.audit("--job", job.id, "--denied") if each["endpoint"] == "container.create"], 20, "the record")
        self.assertEqual((kept[0]["verdict"], kept[0]["rule"]), ("observed", "user.non_root"))
        said = self.explain(CREATE, {"Image": "x"}, "watched", code=0)
        self.assertEqual((said["verdict"], said["rule"], said["set_by"]["profile"], said["lineage"]), ("observed", "user.non_root", "strict", ["strict", "default"]))

    def test_explain_and_test_need_no_daemon(self):
        def alone(*args, input=None):
            return run([BINARY, "--admin", self.ruled.folder / "nowhere.sock", *args], input=input)
        result = alone("rules", "explain", "--rules", EXAMPLE / "rules.toml", "--profile", "forks", "--body", "-", "POST", "/containers/create",
                       input='{"Image": "a:1"}')
        self.assertEqual(result.code, 1, result.err)
        for text in ("refused: berth: User is refused by rule", "profile   forks, which extends strict, which extends default",
                     "user.non_root = true (set by profile strict, berth's own profiles:", "way out", "--user 1000", "assumed"):
            self.assertIn(text, result.out)
        self.assertEqual(alone("rules", "explain", "GET", "/info").code, 0)
        self.assertEqual(alone("rules", "explain", "GET", "/no/such").code, 2)
        self.assertEqual(alone("rules", "explain", "GET").code, 2)
        passed = alone("rules", "test", EXAMPLE / "cases", "--rules", EXAMPLE / "rules.toml")
        self.assertEqual((passed.code, passed.out), (0, "7 cases, 0 failed\n"))
        broken = self.ruled.folder / "broken.toml"
        broken.write_text((EXAMPLE / "rules.toml").read_text().replace('"no-latest"', '"any"'))
        failed = alone("rules", "test", EXAMPLE / "cases", "--rules", broken)
        self.assertEqual(failed.code, 1)
        self.assertIn("ci.toml:7:1: latest is nobody's: expected deny, got allow", failed.out)
        self.assertIn("7 cases, 1 failed", failed.out)


class Alone(EngineCase):
    jobs_wanted = ()

    def test_the_record_is_read_without_a_daemon_as_well(self):
        ruled = RuledBerth(self.engine).start()
        job = ruled.open_job()
        job.api.call("POST", "/swarm/init", {})
        job.close()
        ruled.stop()
        kept = ruled.ok("audit", "--state-dir", str(ruled.folder / "state"), "--json", "--denied")
        self.assertEqual(json.loads(kept)["endpoint"], "swarm.init")
