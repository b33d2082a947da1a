"""Random operations: after `berth job close` the engine is as it was before the job."""

import random
import time

from test_reap import ReapCase
from tools import tar_of


class Storms(ReapCase):
    """Two hundred random operations, the same for the same seed, by raw requests and by clients that are killed."""

    operations = 200

    def storm(self, seed):
        chance = random.Random(seed)
        api, image = self.job.api, self.job.image
        names = {"container": [], "network": [], "volume": [], "image": [image]}
        counts = {}
        killed = []

        def fresh(kind):
            name = f"{kind[0]}{chance.randrange(40)}"
            names[kind].append(name)
            return name

        def some(kind):
            return chance.choice(names[kind]) if names[kind] else "nothing"

        def create():
            host = {"AutoRemove": chance.random() < 0.2, "NetworkMode": chance.choice(["default", "none", some("network")])}
            if not host["AutoRemove"] and chance.random() < 0.3:
                host["RestartPolicy"] = {"Name": chance.choice(["always", "on-failure", "unless-stopped"])}
            if chance.random() < 0.4:
                host["Binds"] = [f"{some('volume') if chance.random() < 0.5 else fresh('volume')}:/v"]
            if chance.random() < 0.2:
                host["PortBindings"] = {"80/tcp": [{"HostPort": ""}]}
            body = {"Image": some("image"), "Cmd": chance.choice([["sleep", "1000"], ["true"], ["false"]]), "HostConfig": host,
                    "Volumes": {"/anonymous": {}} if chance.random() < 0.3 else {}}
            return api.call("POST", f"/containers/create?name={fresh('container')}", body)

        def build():
            steps = "".join(f"RUN echo {chance.randrange(3)} >/f{step}\n" for step in range(chance.randrange(3)))
            name = chance.choice(["", fresh("image") + f"-{self.job.key[:6]}"])
            if name:
                names["image"].append(name)
            return api.call("POST", f"/build?t={name}&rm={chance.randrange(2)}", tar_of({"Dockerfile": f"FROM {some('image')}\n{steps}"}), raw=True)

        def tag():
            name = f"{fresh('image')}-{self.job.key[:6]}"
            names["image"].append(name)
            return api.call("POST", f"/images/{some('image')}/tag?repo={name}&tag=t")

        def exec_detached():
            status, made = api.call("POST", f"/containers/{some('container')}/exec", {"Cmd": ["sleep", "1000"]})
            return api.call("POST", f"/exec/{made['Id']}/start", {"Detach": True}) if status == 201 else (status, made)

        def killed_client():
            client = self.job.docker.start(*chance.choice([("run", "--rm", image, "sleep", "1000"), ("run", "-v", "/a", image, "true"),
                                                           ("logs", "-f", some("container")), ("attach", some("container"))]))
            time.sleep(chance.random() * 0.3)
            client.kill()
            client.communicate()
            killed.append(client)
            return 0, None

        table = (
            (30, create),
            (25, lambda: api.call("POST", f"/containers/{some('container')}/start")),
            (6, lambda: api.call("POST", f"/containers/{some('container')}/kill")),
            (4, lambda: api.call("POST", f"/containers/{some('container')}/stop?t=0")),
            (3, lambda: api.call("POST", f"/containers/{some('container')}/pause")),
            (2, lambda: api.call("POST", f"/containers/{some('container')}/unpause")),
            (4, lambda: api.call("POST", f"/containers/{some('container')}/restart?t=0")),
            (6, lambda: api.call("POST", f"/containers/{some('container')}/rename?name={fresh('container')}")),
            (10, lambda: api.call("DELETE", f"/containers/{some('container')}?force={chance.randrange(2)}&v={chance.randrange(2)}")),
            (6, exec_detached),
            (6, lambda: api.call("POST", "/networks/create", {"Name": fresh("network")})),
            (6, lambda: api.call("POST", f"/networks/{some('network')}/connect", {"Container": some("container")})),
            (3, lambda: api.call("POST", f"/networks/{some('network')}/disconnect", {"Container": some("container"), "Force": True})),
            (4, lambda: api.call("DELETE", f"/networks/{some('network')}")),
            (6, lambda: api.call("POST", "/volumes/create", {"Name": chance.choice([fresh("volume"), ""])})),
            (4, lambda: api.call("DELETE", f"/volumes/{some('volume')}")),
            (5, build),
            (5, tag),
            (4, lambda: api.call("DELETE", f"/images/{some('image')}?force={chance.randrange(2)}")),
            (2, lambda: api.call("POST", "/containers/prune")),
            (2, lambda: api.call("POST", "/images/prune")),
            (2, lambda: api.call("POST", "/volumes/prune")),
            (1, lambda: api.call("POST", "/networks/prune")),
            (4, killed_client),
        )
        weights = [weight for weight, _ in table]
        for _ in range(self.operations):
            status, content = chance.choices([operation for _, operation in table], weights)[0]()
            counts[status] = counts.get(status, 0) + 1
            self.assertNotIn(status, (502, 503), content)
            self.assert_private(str(content))
        self.assertGreater(counts.get(201, 0) + counts.get(204, 0) + counts.get(200, 0), self.operations / 4, counts)
        self.assert_reaped(within=90)

    def test_seed_1(self):
        self.storm(1)

    def test_seed_2(self):
        self.storm(2)

    def test_seed_3(self):
        self.storm(3)
