"""What the docker CLI lists through a door: containers by every filter, the engine, events."""

import json
import time

import attacks
from harness import EngineCase

ENGINES = ("newest",)


class Lists(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ok, image = cls.job.ok, cls.job.image
        ok("network", "create", "listed")
        ok("volume", "create", "kept")
        ok("create", "--name", "one", "-l", "colour=red", image)
        ok("run", "-d", "--name", "two", "-l", "colour=blue", "--network", "listed", image, "sleep", "1000")
        ok("run", "-d", "--name", "three", "-v", "kept:/kept", image, "sleep", "1000")

    def names(self, *filters, extra=()):
        flags = [word for each in filters for word in ("--filter", each)]
        return sorted(self.job.ok("ps", "-a", "--format", "{{.Names}}", *flags, *extra).split())

    def test_filters_of_ps(self):
        two = self.job.ok("inspect", "-f", "{{.Id}}", "two")
        cases = (
            ((), ["one", "three", "two"]),
            (("name=two",), ["two"]),
            (("name=^t",), ["three", "two"]),
            (("name=^/two$",), ["two"]),
            (("label=colour",), ["one", "two"]),
            (("label=colour=blue",), ["two"]),
            ((f"id={two}",), ["two"]),
            ((f"id={two[:12]}",), ["two"]),
            (("status=created",), ["one"]),
            (("status=running",), ["three", "two"]),
            (("status=running", "name=three"), ["three"]),
            ((f"ancestor={self.job.image}",), ["one", "three", "two"]),
            (("volume=kept",), ["three"]),
            (("volume=/kept",), ["three"]),
            (("network=listed",), ["two"]),
            (("before=two",), ["one"]),
            (("since=two",), ["three"]),
            (("name=nobody",), []),
            (("label=berth.job",), []),
        )
        for filters, expected in cases:
            with self.subTest(" ".join(filters)):
                self.assertEqual(self.names(*filters), expected)

    def test_latest_and_last(self):
        self.assertEqual(self.names(extra=("-n", "2")), ["three", "two"])
        self.assertEqual(self.names(extra=("-l",)), ["three"])

    def test_sizes_ports_and_networks_of_the_list(self):
        row = json.loads(self.job.ok("ps", "-s", "--format", "{{json .}}", "--filter", "name=two"))
        self.assertEqual((row["Names"], row["Networks"], row["Image"]), ("two", "listed", self.job.image))
        self.assertRegex(row["Size"], r"B")

    @attacks.shows("K-18 X-11", "as an engine of its own")
    def test_the_engine_is_described(self):
        version = json.loads(self.job.ok("version", "--format", "{{json .}}"))
        self.assertTrue(version["Server"]["ApiVersion"])
        info = json.loads(self.job.ok("info", "--format", "{{json .}}"))
        self.assertEqual((info["Containers"], info["ContainersRunning"]), (3, 2))
        self.assert_private(json.dumps(info))

    def test_disk_usage_counts_what_the_job_has(self):
        rows = {row["Type"]: row for row in map(json.loads, self.job.ok("system", "df", "--format", "{{json .}}").splitlines())}
        self.assertEqual(rows["Containers"]["TotalCount"], "3")
        self.assertEqual(rows["Local Volumes"]["TotalCount"], "1")
        self.assert_private(self.job.ok("system", "df", "-v"))


class Events(EngineCase):
    def test_events_of_the_past(self):
        since = str(int(time.time()) - 1)
        self.job.ok("run", "--name", "eventful", "-l", "colour=red", self.job.image, "true")
        self.job.ok("rm", "eventful")
        until = str(int(time.time()) + 1)
        time.sleep(1.1)

        def events(*filters):
            flags = [word for each in filters for word in ("--filter", each)]
            lines = self.job.ok("events", "--since", since, "--until", until, "--format", "{{json .}}", *flags).splitlines()
            return [json.loads(line) for line in lines]
        actions = [each["Action"] for each in events("type=container")]
        for action in ("create", "start", "die", "destroy"):
            self.assertIn(action, actions)
        self.assertEqual({each["Action"] for each in events("event=die")}, {"die"})
        self.assertEqual({each["Actor"]["Attributes"]["name"] for each in events("container=eventful")}, {"eventful"})
        self.assertTrue(events("label=colour=red"))
        self.assertFalse(events("label=colour=green"))
        self.assertTrue(events("type=network"))
        everything = json.dumps(events())
        self.assert_private(everything)
        self.assertNotIn("berth.key", everything)

    def test_events_of_the_past_and_as_they_happen(self):
        since = str(int(time.time()))
        self.job.ok("create", "--name", "before", self.job.image)
        client = self.job.docker.start("events", "--since", since, "--until", str(int(time.time()) + 8), "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
        self.assertEqual(client.stdout.readline(), b"create before\n")
        self.job.ok("create", "--name", "after", self.job.image)
        for name in ("before", "after"):  # newer clients remove several side by side
            self.job.ok("rm", name)
        told = client.communicate(timeout=30)[0].decode().splitlines()
        self.assertEqual(told, ["create after", "destroy before", "destroy after"])

    def test_the_end_of_an_anonymous_volume_is_told(self):
        client = self.job.docker.start("events", "--until", str(int(time.time()) + 8), "--filter", "type=volume", "--format", "{{.Action}}")
        time.sleep(0.5)
        self.job.ok("run", "--rm", "-v", "/data", self.job.image, "true")
        told = client.communicate(timeout=30)[0].decode().split()
        self.assertEqual(told[-3:], ["mount", "unmount", "destroy"])

    def test_events_as_they_happen(self):
        client = self.job.docker.start("events", "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
        time.sleep(0.5)
        self.job.ok("run", "--rm", "--name", "seen", self.job.image, "true")
        lines = [client.stdout.readline().decode().strip() for _ in range(3)]
        client.terminate()
        client.communicate(timeout=10)
        self.assertEqual(lines[0], "create seen")
