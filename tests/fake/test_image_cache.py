"""The cache of images in moments that no real engine can be held in."""

import json
import subprocess
import threading

from client import Client
from door import BINARY, FakeCase


class ImageCache(FakeCase):
    """A collector that waits for the engine, and images that go between two questions."""

    def test_a_reap_does_not_wait_for_the_collector(self):
        asked, going_on = threading.Event(), threading.Event()

        def answer(channel, asking):
            if "digests" in asking.query:  # the collector alone asks for them
                asked.set()
                going_on.wait(60)
            self.engine._answer(channel, asking)

        self.engine.on("GET", "^images/json$", answer, times=1000)
        collector = subprocess.Popen([BINARY, "--admin", self.berth.admin, "cleanup"], stdout=subprocess.DEVNULL)
        try:
            self.assertTrue(asked.wait(20))
            job = self.berth.open_job()
            with Client(job["door"]) as client:
                self.assertEqual(client.call("POST", "/images/create?fromImage=busybox&tag=latest").status, 200)
            self.assertEqual(self.berth.cli("job", "close", job["id"]).returncode, 0)
            self.assertIsNone(collector.poll())
        finally:
            going_on.set()
            self.assertEqual(collector.wait(60), 0)
            self.engine.clear()

    def test_an_image_that_vanishes_behind_its_pull_is_pulled_again(self):
        mark = self.engine.mark()
        # Twice before the pull, once behind it.
        self.engine.on("GET", "^images/vanishing:1/json$", lambda channel, _: channel.reply(404, {"message": "No such image"}), times=3)
        with self.client() as client:
            self.assertEqual(client.call("POST", "/images/create?fromImage=vanishing&tag=1").status, 200)
            self.assertEqual(len(self.engine.since(mark, "POST", "^images/create$")), 2)
            self.assertEqual(client.call("POST", "/containers/create", {"Image": "vanishing:1"}).status, 201)

    def test_one_that_vanishes_each_time_is_an_error(self):
        self.engine.on("GET", "^images/never:1/json$", lambda channel, _: channel.reply(404, {"message": "No such image"}), times=10)
        with self.client() as client:
            last = client.call("POST", "/images/create?fromImage=never&tag=1").body.decode().splitlines()[-1]
            self.assertIn("removed from the engine", json.loads(last)["error"])
        self.engine.clear()
