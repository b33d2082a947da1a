"""Volumes by the docker CLI through a door."""

import json

from harness import EngineCase

ENGINES = ("newest",)


class Volumes(EngineCase):
    def test_lifecycle_of_a_volume(self):
        self.assertEqual(self.job.ok("volume", "create", "--label", "a=b", "store"), "store")
        facts = json.loads(self.job.ok("volume", "inspect", "store"))[0]
        self.assertEqual((facts["Name"], facts["Labels"]), ("store", {"a": "b"}))
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "store")
        self.assertEqual(self.job.ok("volume", "ls", "-q", "--filter", "label=a=b"), "store")
        self.assertEqual(self.job.ok("volume", "ls", "-q", "--filter", "name=tor"), "store")
        self.assertEqual(self.job.ok("volume", "ls", "-q", "--filter", "dangling=false"), "")
        self.job.ok("run", "--rm", "-v", "store:/s", self.job.image, "sh", "-c", "echo kept >/s/f")
        self.assertEqual(self.job.ok("run", "--rm", "--mount", "type=volume,source=store,target=/t,readonly", self.job.image, "cat", "/t/f"), "kept")
        self.job.ok("create", "--name", "holder", "-v", "store:/s", self.job.image)
        result = self.job.docker("volume", "rm", "store")
        self.refused(result, "volume is in use", code=1)
        self.job.ok("rm", "holder")
        self.job.ok("volume", "rm", "store")
        self.refused(self.job.docker("volume", "inspect", "store"), "no such volume", code=1)

    def test_a_volume_that_run_names_is_made(self):
        self.job.ok("run", "--rm", "-v", "sprung:/s", self.job.image, "touch", "/s/x")
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "sprung")
        self.assertEqual(self.job.ok("run", "--rm", "-v", "sprung:/s", self.job.image, "ls", "/s"), "x")
        self.job.ok("volume", "rm", "sprung")

    def test_anonymous_volumes_go_with_rm(self):
        self.job.ok("run", "--rm", "-v", "/anonymous", self.job.image, "touch", "/anonymous/x")
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "")
        self.job.ok("run", "--name", "keeper", "-v", "/anonymous", self.job.image, "touch", "/anonymous/x")
        self.assertEqual(len(self.job.ok("volume", "ls", "-q").split()), 1)
        self.job.ok("rm", "-v", "keeper")
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "")

    def test_volumes_from_another_container(self):
        self.job.ok("run", "--name", "source", "-v", "lent:/lent", self.job.image, "sh", "-c", "echo lent >/lent/f")
        self.assertEqual(self.job.ok("run", "--rm", "--volumes-from", "source", self.job.image, "cat", "/lent/f"), "lent")
        self.job.ok("rm", "source")
        self.job.ok("volume", "rm", "lent")

    def test_prune_removes_only_the_unused(self):
        self.job.ok("volume", "create", "used")
        self.job.ok("create", "--name", "user", "-v", "used:/u", "-v", "/anonymous", self.job.image)
        self.job.ok("rm", "user")  # leaves the anonymous one behind
        self.job.ok("create", "--name", "user", "-v", "used:/u", self.job.image)
        self.job.ok("volume", "prune", "-f")
        self.assertEqual(self.job.ok("volume", "ls", "-q"), "used")
        self.job.ok("rm", "user")
        self.job.ok("volume", "rm", "used")
