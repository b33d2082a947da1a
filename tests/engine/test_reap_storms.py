"""Random operations: after `berth job close` the engine is as it was before the job."""

import random
import time
from urllib.parse import quote

import attacks
from test_reap import ReapCase
from tools import tar_of

ENGINES = ("trixie",)


class Storm:
    """Random operations of one job, the same for the same seed as far as the engine's timing allows."""

    def __init__(self, job, seed):
        self.job = job
        self.chance = random.Random(seed)
        self.made = {"container": [], "network": [], "volume": [], "image": [job.image]}
        self.operations = (
            (30, self.create), (6, self.network_create), (6, self.volume_create), (5, self.build), (5, self.tag), (6, self.rename),
            (25, self.on_container("start")), (5, self.on_container("kill")), (4, self.on_container("stop?t=0")),
            (4, self.on_container("restart?t=0")), (3, self.on_container("pause")), (2, self.on_container("unpause")),
            (6, self.execute), (6, self.connect), (3, self.disconnect), (8, self.killed_client),
            (8, self.removal("container", "/containers/{}?force={}&v={}")), (4, self.removal("network", "/networks/{}")),
            (4, self.removal("volume", "/volumes/{}")), (4, self.removal("image", "/images/{}?force={}")),
            (1, self.prune("containers")), (1, self.prune("images")), (1, self.prune("volumes")), (1, self.prune("networks")),
        )

    def step(self):
        """One operation: (status, content); status 0 where no answer was waited for."""
        weights = [weight for weight, _ in self.operations]
        return self.chance.choices([operation for _, operation in self.operations], weights)[0]()

    def post(self, path, body=None):
        return self.job.api.call("POST", path, body)

    def new(self, kind):
        return f"{kind}{self.chance.randrange(60)}"

    def some(self, kind):
        return self.chance.choice(self.made[kind]) if self.made[kind] else f"{kind}-that-never-was"

    def note(self, kind, name, answer):
        if answer[0] in (200, 201):
            self.made[kind].append(name)
        return answer

    def on_container(self, what):
        return lambda: self.post(f"/containers/{self.some('container')}/{what}")

    def prune(self, what):
        return lambda: self.post(f"/{what}/prune")

    def removal(self, kind, path):
        def remove():
            name = self.some(kind)
            if name == self.job.image:  # without it little would happen
                name = "image-that-never-was"
            answer = self.job.api.call("DELETE", path.format(quote(name, safe=""), self.chance.randrange(2), self.chance.randrange(2)))
            if answer[0] in (200, 204):
                self.made[kind].remove(name)
            return answer
        return remove

    def create(self):
        chance = self.chance
        host = {"AutoRemove": chance.random() < 0.2, "NetworkMode": chance.choice(["default", "default", "none", *self.made["network"]])}
        if not host["AutoRemove"] and chance.random() < 0.3:
            host["RestartPolicy"] = {"Name": chance.choice(["always", "on-failure", "unless-stopped"])}
        if chance.random() < 0.4:
            host["Binds"] = [f"{self.new('volume')}:/v"]
        if chance.random() < 0.2 and host["NetworkMode"] != "none":
            host["PortBindings"] = {"80/tcp": [{"HostPort": ""}]}
        body = {"Image": self.some("image"), "Cmd": chance.choice([["sleep", "1000"], ["true"], ["false"]]), "HostConfig": host,
                "Volumes": {"/anonymous": {}} if chance.random() < 0.3 else {}}
        name = self.new("container")
        return self.note("container", name, self.post(f"/containers/create?name={name}", body))

    def rename(self):
        old, new = self.some("container"), self.new("container")
        answer = self.post(f"/containers/{old}/rename?name={new}")
        if answer[0] == 204:
            self.made["container"][self.made["container"].index(old)] = new
        return answer

    def execute(self):
        status, made = self.post(f"/containers/{self.some('container')}/exec", {"Cmd": ["sleep", "1000"]})
        return self.post(f"/exec/{made['Id']}/start", {"Detach": True}) if status == 201 else (status, made)

    def network_create(self):
        name = self.new("network")
        return self.note("network", name, self.post("/networks/create", {"Name": name, "CheckDuplicate": True}))

    def connect(self):
        return self.post(f"/networks/{self.some('network')}/connect", {"Container": self.some("container")})

    def disconnect(self):
        return self.post(f"/networks/{self.some('network')}/disconnect", {"Container": self.some("container"), "Force": True})

    def volume_create(self):
        name = self.chance.choice([self.new("volume"), ""])
        answer = self.post("/volumes/create", {"Name": name})
        return self.note("volume", name, answer) if name else answer

    def build(self):
        steps = "".join(f"RUN echo {self.chance.randrange(3)} >/f{step}\n" for step in range(self.chance.randrange(3)))
        name = self.chance.choice(["", self.new("image")])
        context = tar_of({"Dockerfile": f"FROM {self.some('image')}\nLABEL build={self.chance.randrange(9)}\n{steps}"})
        answer = self.job.api.call("POST", f"/build?t={name}&rm={self.chance.randrange(2)}", context, raw=True)
        return self.note("image", name, answer) if name and b'"error"' not in answer[1] else answer

    def tag(self):
        name = self.new("image")
        return self.note("image", f"{name}:t", self.post(f"/images/{quote(self.some('image'), safe='')}/tag?repo={name}&tag=t"))

    def killed_client(self):
        image, container = self.job.image, self.some("container")
        client = self.job.docker.start(*self.chance.choice([
            ("run", "--rm", image, "sleep", "1000"), ("run", "-v", "/a", image, "true"), ("run", "-i", image, "cat"),
            ("logs", "-f", container), ("attach", container), ("exec", container, "sleep", "1000")]))
        time.sleep(self.chance.random() * 0.4)
        client.kill()
        client.communicate()
        return 0, None


class Storms(ReapCase):
    operations = 200

    def storm(self, seed):
        storm = Storm(self.job, seed)
        counts = {}
        for _ in range(self.operations):
            status, content = storm.step()
            counts[status] = counts.get(status, 0) + 1
            self.assertNotIn(status, (502, 503), content)
            self.assert_private(str(content))
        print(f"       {self.kind:12} answers of the storm with seed {seed}: {counts}", flush=True)
        self.assertGreater(sum(counts.get(status, 0) for status in (200, 201, 204)), self.operations / 2, counts)
        self.assert_reaped(within=90)

    @attacks.shows("G-12 K-12", "nothing is left")
    def test_seed_1(self):
        self.storm(1)

    def test_seed_2(self):
        self.storm(2)

    def test_seed_3(self):
        self.storm(3)
