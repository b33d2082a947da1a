"""Jobs that are opened in moments that no real engine can be held in."""

import threading

from door import FakeCase, in_background


class Opening(FakeCase):
    def test_two_at_once_with_one_id_and_an_anchor_are_one_job(self):
        """The engine answers neither before it has been asked by both, each time."""
        both = threading.Barrier(2)

        def answer(channel, request):
            try:
                both.wait(5)
            except threading.BrokenBarrierError:
                pass  # the other one is not at it any more
            channel.reply(200, {"Id": "a" * 64, "Name": "/anchor", "State": {"Status": "running", "Running": True}, "Mounts": [], "Config": {"Labels": {}}})

        self.engine.on("GET", "^containers/anchor/json$|^containers/a{64}/json$", answer, times=1000)
        opening = [in_background(self.berth.cli, "job", "open", "twin", "--anchor", "anchor") for _ in range(2)]
        done = [each() for each in opening]
        try:
            self.assertEqual(sorted(each.returncode for each in done), [0, 1], [each.stderr for each in done])
            self.assertIn("a job twin was opened meanwhile", "".join(each.stderr for each in done))
        finally:
            self.engine.clear()
            self.berth.cli("job", "close", "twin")
