"""What tests of networks share: what serves in containers, who is asked and what answers, a ruleset, a second berth."""

import contextlib
import json
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor

from harness import Berth, EngineCase
from tools import WEB_SERVER, running


def inspected(job, name):
    return job.api.get(f"/containers/{name}/json")


def serve(job, name, *options, image=None, docker=None):
    """A web server whose page is the job's key, in a container of `job`. `docker`: what runs it, the real client or (default) none."""
    (docker or job.do)("run", "-d", "--name", name, *options, image or job.image, "sh", "-c", f"mkdir -p /w; echo {job.key} >/w/index.html; exec httpd -f -p 80 -h /w")


def ask(job, address, *options, tries=1):
    """What `address` answers to a container of `job`; None when nothing comes back."""
    script = f"for i in $(seq {tries}); do timeout 2 wget -qO- http://{address}/ && exit; sleep 0.3; done; exit 1"
    result = job.docker("run", "--rm", *options, job.image, "sh", "-c", script)
    return result.out.strip() if result.code == 0 else None


def answers(*askers, tries=4, how="timeout 1 wget -qO- http://{}/"):
    """What containers of jobs are answered, all asked side by side: for each asker (job, addresses, options of Job.do's `run`) a dict of the
    addresses that answer, with what they say."""
    def question(address):
        return f"(for i in $(seq {tries}); do a=$({how.format(address)} 2>/dev/null) && echo '{address}' $a && exit; sleep 0.2; done) & "

    def said(asker):
        job, addresses, *options = asker
        return job.do("run", "--rm", *options, job.image, "sh", "-c", "".join(map(question, addresses)) + "wait")
    with ThreadPoolExecutor() as pool:
        return [dict(line.partition(" ")[::2] for line in out.splitlines()) for out in pool.map(said, askers)]


def leases(berth):
    """(job's key, network, subnet) of the ledger."""
    ledger = sqlite3.connect(f"file:{berth.folder}/state/berth.db?mode=ro", uri=True)
    try:
        return {tuple(row) for row in ledger.execute("SELECT job, network, subnet FROM leases")}
    finally:
        ledger.close()


class Case(EngineCase):
    def ruleset(self):
        """All tables of the engine's network namespace that are berth's."""
        names = re.findall(r"table inet (berth-\w+)", self.engine.inside("nft", "list", "tables").out)
        return {name: self.engine.inside("nft", "list", "table", "inet", name).out for name in names}

    @contextlib.contextmanager
    def host_service(self, *addresses, port=8099):
        """A web server of the host's on every address that it has, `addresses` (IPv6 in brackets) among them."""
        masked = [each.strip("[]") + ("/128" if ":" in each else "/32") for each in addresses]
        for address in masked:
            self.engine.inside("ip", "addr", "add", address, "dev", "ext0", *(("nodad",) if ":" in address else ()))
        try:
            with running(self.engine.namespace, WEB_SERVER, port):
                for address in ("198.18.0.1", *addresses):
                    self.fetch(f"{address}:{port}")
                yield
        finally:
            for address in masked:
                self.engine.inside("ip", "addr", "del", address, "dev", "ext0")

    def other_berth(self, *flags, engine_socket=None):
        berth = Berth(self.engine)
        berth.engine_socket = engine_socket or berth.engine_socket
        berth.start(*flags)

        def end():
            for facts in json.loads(berth.ok("job", "list", "--json")):
                berth.cli("job", "close", facts["id"])
            berth.stop()
        self.addCleanup(end)
        return berth
