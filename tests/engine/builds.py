"""What tests of builds share: a host that has a secret, contexts, a build that waits."""

import contextlib
import io
import tarfile
import threading
from urllib.parse import quote

from harness import EngineCase
from tools import tar_of, wait_for

VICTIM = "victim/private:1"
SECRET = "TOPSECRET"
STEP_THAT_WAITS = "RUN trap 'exit 0' TERM; touch /waiting; while :; do sleep 0.1; done"  # until it is told to end, see Builds.amid


def tar_with(*entries):
    """A tar of (name, text) files and (name, type, target) links, in order, names repeated as given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, *what in entries:
            info = tarfile.TarInfo(name)
            if len(what) == 1:
                data = what[0].encode()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = what
                tar.addfile(info)
    return out.getvalue()


class Builds(EngineCase):
    """The host has an image with a secret that no job ever pulled."""

    network = "none"  # of the steps, which have nothing to do with it: a step without takes two thirds of the time

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine.build(VICTIM, "FROM busybox\nCOPY secret /secret\n", secret=SECRET)

    @classmethod
    def tearDownClass(cls):
        cls.engine.do("rmi", VICTIM)
        super().tearDownClass()

    def send(self, context, tag="loot", job=None, **query):
        """The status and the text of `POST /build`."""
        path = f"/build?t={quote(tag, safe='')}&networkmode={self.network}" + "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items())
        status, content = (job or self.job).api.call("POST", path, context, raw=True)
        return status, content.decode(errors="replace") if isinstance(content, bytes) else str(content)

    def assert_no_loot(self, context, **query):
        status, text = self.send(context, **query)
        self.assertTrue(status >= 400 or '"error"' in text, f"was built: {status} {text}")
        self.assertNotIn(SECRET, text)
        self.assertNotIn("loot:latest", [name for each in self.job.api.get("/images/json") for name in each["RepoTags"] or []])
        self.assertEqual(self.engine.api.call("GET", "/images/loot/json")[0], 404, "the engine has the refused build's tag")

    @contextlib.contextmanager
    def amid(self, context, tag, **query):
        """The block runs while the build is in its STEP_THAT_WAITS; what is given to it waits for the build's (status, text)."""
        answers = []
        build = threading.Thread(target=lambda: answers.append(self.send(context, tag, **query)))
        build.start()

        def step():
            for each in self.engine.api.get("/containers/json"):
                if "/waiting" in each["Command"] and self.engine.api.call("HEAD", f"/containers/{each['Id']}/archive?path=/waiting")[0] == 200:
                    return each["Id"]
            assert build.is_alive(), f"the build ended before the step: {answers}"
            return None

        def answer():
            build.join(60)
            return answers[0]
        waiting = wait_for(step, 30, "the step that waits")
        try:
            yield answer
            assert build.is_alive(), f"the build did not wait: {answers}"
        finally:
            self.engine.api.call("POST", f"/containers/{waiting}/kill?signal=TERM")

    def dockerfile(self, *lines):
        return tar_of({"Dockerfile": "\n".join(lines) + "\n"})
