"""Registries beside an engine: an open one, and one that asks who one is."""

import base64
import json
import re
import subprocess
import tempfile
from pathlib import Path

from toolchains import CACHE, reason_of
from tools import Docker, Unavailable, clean_env, wait_for


class Registry:
    """A registry on loopback of the engine's network namespace, filled by the host. `docker`: with what the host pushes to it."""

    address = "127.0.0.1:5000"
    name = "registry"
    settings = "log: {level: warn, accesslog: {disabled: true}}\n"

    def __init__(self, engine):
        binary = CACHE / "registry/docker-registry"
        if not (CACHE / "registry/recipe").exists():
            raise Unavailable("no registry: " + reason_of("registry"))
        self.engine = engine
        self.docker = engine.docker
        folder = self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=engine.folder))
        config = folder / "config.yml"
        config.write_text(f"version: 0.1\n{self.settings}storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
                          f"http: {{addr: '{self.address}'}}\n")
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{engine.namespace}", str(binary), "serve", str(config)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_env(), start_new_session=True)
        wait_for(lambda: engine.inside("curl", "-s", f"http://{self.address}/v2/").code == 0, 20, "the registry's first answer")

    def push(self, image, name):
        """Pushes the host's `image` as `name`, and removes the host's own reference to it."""
        target = f"{self.address}/{name}"
        self.engine.do("tag", image, target)
        self.docker.ok("push", target)
        self.engine.do("rmi", target)
        return target

    def stop(self):
        self.process.terminate()
        self.process.wait()


class PrivateRegistry(Registry):
    """A registry that answers only to one user; it writes down what it is asked for."""

    address = "127.0.0.1:5001"
    name = "private-registry"
    user, password = "tester", "open sesame"
    entry = "tester:$2y$05$berthberthberthberthbezwhKBA23GMloFiTPKXjyJtyQ.UiziDK\n"

    def __init__(self, engine):
        passwords = engine.folder / f"{self.name}.htpasswd"
        passwords.write_text(self.entry)  # the same for each that runs on this engine, one after the other
        self.settings = f"log: {{level: error}}\nauth: {{htpasswd: {{realm: private, path: {passwords}}}}}\n"
        super().__init__(engine)
        self.docker = Docker(engine.docker.cli, engine.socket, self.config("host"))

    def config(self, name, password=None):
        """A client's configuration folder with credentials, as `docker login` leaves it."""
        folder = self.folder / f"config-{name}"
        folder.mkdir()
        entry = base64.b64encode(f"{self.user}:{password or self.password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": entry}}}))
        return folder

    def header(self, password=None):
        """The X-Registry-Auth of a client that has credentials."""
        facts = {"username": self.user, "password": password or self.password, "serveraddress": self.address}
        return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()}

    def asked(self):
        """The request lines that it has answered with content so far."""
        return re.findall(r'"((?:GET|HEAD|PUT|POST|PATCH) [^" ]+) HTTP/[0-9.]+" 2\d\d', (self.folder / "log").read_text(errors="replace"))
