"""Attacks by what an engine fetches and unpacks: builds, pulls, archives."""

import gzip
import json
import subprocess

import attacks
from harness import EngineCase
from tools import tar_of, wait_for

ENGINES = ("distribution", "trixie")


class Server:
    """A web server in the engine's network namespace, where the host's services are; it writes down what it is asked for."""

    def __init__(self, engine, port):
        self.folder = engine.folder / f"server{port}"
        self.folder.mkdir()
        (self.folder / "index.html").write_text("only for the host")
        self.address = f"198.18.0.1:{port}"
        self.log = self.folder.with_suffix(".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{engine.namespace}", "/usr/bin/python3", "-m", "http.server", str(port)],
                                            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: engine.inside("curl", "-sf", f"http://{self.address}/").code == 0, 20, "the server")

    def asked(self):
        return self.log.read_text().count("GET /")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Builds(EngineCase):
    def answer(self, api, dockerfile, **args):
        query = "/build?t=fetched&rm=1" + ("&buildargs=" + json.dumps(args).replace(" ", "").replace('"', "%22") if args else "")
        status, content = api.call("POST", query, tar_of({"Dockerfile": dockerfile, "x": "of the context"}), raw=True)
        return status, content.decode(errors="replace")

    @attacks.shows("B-05 B-23")
    def test_the_engine_fetches_nothing_for_a_build(self):
        server = Server(self.engine, 8097)
        try:
            status, content = self.answer(self.engine.api, f"FROM busybox\nADD http://{server.address}/index.html /x\n")
            alone = server.asked()
            self.assertGreater(alone, 1, content)
            self.engine.docker("rmi", "fetched")
            url = f"http://{server.address}/index.html"
            for dockerfile, args in ((f"ADD {url} /y", {}), (f'ADD ["{url}", "/y"]', {}), ("ARG U\nADD $U /y", {"U": url}), (f"ENV U={url}\nADD ${{U}} /y", {}),
                                     (f"ENV U=ttp://{server.address}/index.html\nADD h$U /y", {}), (f"ADD 'http'://{server.address}/index.html /y", {}),
                                     (f"ADD h\\ttp://{server.address}/index.html /y", {}), (f"ADD \\\n http\\\n://{server.address}/index.html /y", {}),
                                     (f"ONBUILD ADD {url} /y", {})):
                with self.subTest(dockerfile):
                    before = server.asked()
                    status, content = self.answer(self.job.api, f"FROM {self.job.image}\n{dockerfile}\n", **args)
                    self.assertTrue(status == 403 or "error" in content, content)
                    self.assertEqual(server.asked(), before)
            self.job.build("kept", {"Dockerfile": f"FROM {self.job.image}\nARG F=x\nADD $F /y\nADD [\"$F\", \"/z\"]\n", "x": "of the context"})
            self.assertEqual(self.job.do("run", "--rm", "kept", "cat", "/y", "/z"), "of the contextof the context")
            attacks.saw("B-05", "403, or a file of the context", f"alone the engine asked the host's server {alone - 1} times; for nine spellings of ADD through a door not once")
            attacks.saw("B-23", "closed", "neither remote= nor an ADD has the engine fetch")
        finally:
            server.stop()

    @attacks.shows("I-06 I-13 I-20 G-19 X-10", "accepted by design: a pull asks the registry for the job, what was pulled stays as the host's cache, and is seen to be there")
    def test_pulls_are_the_registrys_to_give(self):
        registry = self.registry()
        name = f"{registry.address}/busybox"
        if self.job.docker("pull", "--platform", "linux/s390x", name).code == 0:  # some engines take what there is
            self.job.do("rmi", name)
        self.refused(self.job.docker("image", "inspect", name), "no such image")
        self.job.ok("pull", name)
        self.assertIn("up to date", self.job.ok("pull", name))
        self.job.do("rmi", name)
        self.refused(self.job.docker("image", "inspect", name), "no such image")
        self.engine.docker.ok("image", "inspect", name)

    @attacks.shows("G-15")
    def test_the_date_of_an_image_says_nothing(self):
        archive = self.job.docker.ok("save", self.job.image, text=False)
        changed = archive.replace(b'"created":"20', b'"created":"99', 1)
        self.assertNotEqual(changed, archive)
        result = self.job.docker("load", input=changed, text=False)
        listed = self.job.ok("images", "-aq")
        self.assertTrue(listed)
        attacks.saw("G-15", "not used for ages", f"an image of the year 99xx: load exits {result.code}, lists and the reap go on")

    @attacks.shows("R-18")
    def test_an_archive_of_zeros_is_no_image(self):
        bomb = gzip.compress(bytes(64 << 20))
        status, content = self.job.api.call("POST", "/images/load", bomb)
        self.assertEqual(status, 400, content)
        status, content = self.job.api.call("POST", "/build?t=zeros", bomb)
        self.assertIn(status, (400, 403), content)
        self.assertEqual(self.job.ok("images", "-q", "zeros"), "")
        attacks.saw("R-18", "bounded", "64 MiB of zeros in 64 KiB: refused before the engine has a byte; what berth unpacks has a bound of 64 GiB")
