"""A push that is cut off leaves nothing of the public name that it lends."""

import signal

from tools import wait_for
from traces import HostCase

ENGINES = ("newest",)


class PushCutOff(HostCase):
    """A push lends the image its public name. The registry is stopped, so that the push is under way for as long as the test wants."""

    def setUp(self):
        try:
            self.made = self.world.registry()
        except Exception as reason:  # no registry on this machine
            self.skipTest(str(reason))
        super().setUp()
        self.name = f"{self.made.address}/lent/{self._testMethodName.replace('_', '-')}:1"
        self.job.load_busybox()
        self.job.do("tag", self.job.image, self.name)
        self.learn()

    def on_the_engine(self):
        """The image that has the public name, and its digests under it."""
        return sorted((each["Id"], name) for each in self.engine.api.get("/images/json?all=1") for name in [*(each["RepoTags"] or []), *(each["RepoDigests"] or [])]
                      if name.startswith(self.name.rsplit(":", 1)[0]))

    def begin_push(self):
        before = self.on_the_engine()
        self.made.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.made.process.send_signal, signal.SIGCONT)
        push = self.job.docker.start("push", self.name)
        self.addCleanup(push.communicate)
        self.addCleanup(push.kill)
        wait_for(lambda: self.on_the_engine() != before, 30, "the public name on the engine")
        return push

    def test_by_the_kill_of_berth(self):
        self.begin_push()
        self.served.kill()
        self.assertEqual([name for _, name in self.on_the_engine()], [self.name], "the test missed the push")
        self.made.process.send_signal(signal.SIGCONT)
        self.served.start()
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), [])

    def test_over_a_name_of_the_hosts(self):
        self.engine.do("tag", "busybox", self.name)
        self.addCleanup(self.engine.docker, "rmi", self.name)
        before = self.on_the_engine()
        self.refused(self.job.docker("push", self.name), "the host has an image of its own")
        self.assertEqual(self.on_the_engine(), before)
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), before)

    def test_by_the_close_of_the_job(self):
        self.begin_push()
        self.assert_closed()
        self.assertEqual(self.on_the_engine(), [])

    def test_by_the_kill_of_the_client(self):
        self.begin_push().kill()
        wait_for(lambda: self.on_the_engine() == [], 60, "the public name to go with the push")
        self.assertEqual(self.job.ok("images", "-q", self.name.rsplit(":", 1)[0]), self.job.ok("images", "-q", self.job.image))
        self.assert_closed()
