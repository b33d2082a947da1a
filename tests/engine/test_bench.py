"""The measurements that need a real engine still run, and what they find left is nothing. They start engines of their own."""

import os
import unittest
from xml.etree import ElementTree

from harness import ROOT, EngineCase
from tools import clean_env, run

ENGINES = ("trixie",)


class Bench(EngineCase):
    jobs_wanted = ()

    def run_bench(self, name, *args, timeout):
        ours = {key: os.environ[key] for key in ("BERTH_BINARY", "BERTH_TEST_CACHE") if key in os.environ}
        result = run([ROOT / "bench" / name, "--engine", self.kind, *args], timeout=timeout, env=clean_env(**ours))
        if result.code and result.err.startswith(f"bench/{name}: "):
            raise unittest.SkipTest(result.err.strip())
        self.assertEqual(result.code, 0, result.out + result.err)
        return result.out

    def test_soak(self):
        picture = self.engine.folder / "soak.svg"
        out = self.run_bench("soak", "--minutes", "0.4", "--jobs-per-minute", "10", "--kills-per-minute", "5", "--at-once", "3", "--plot", picture, timeout=600)
        self.assertIn("leaks: 0", out)
        self.assertRegex(out, r"reaps: [1-9]")
        self.assertTrue(ElementTree.parse(picture).getroot().findall(".//{*}circle"), "the picture shows nothing")

    def test_reap(self):
        self.assertIn("left: nothing", self.run_bench("reap", "--rounds", "1", "--part", "5", timeout=600))
