"""Where on the host jobs could leave something, for bench/soak."""

import os
import re
import sqlite3
from pathlib import Path


def traces(engine, berth):
    """Everything of the host that jobs could leave something in, as comparable sets."""
    def lines(*argv):
        return set(engine.inside(*argv).out.splitlines())
    processes = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(engine.folder) in words and any(each in words for each in ("containerd-shim", "docker-proxy")):
                processes.add(words)
        except OSError:
            pass
    mounts = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if str(engine.folder) in line}
    ledger = sqlite3.connect(f"file:{berth.folder}/state/berth.db?mode=ro", uri=True)
    ours = [word for row in ledger.execute("SELECT key FROM jobs UNION SELECT id FROM objects WHERE kind = 'container' AND id <> ''") for word in row]
    rows = {query: {str(row) for row in ledger.execute(query)} for query in
            ("SELECT job, network FROM leases", "SELECT id, state FROM jobs WHERE state <> 'closed'",
             "SELECT kind, real FROM objects WHERE state <> 'gone' AND NOT (kind = 'image' AND origin = 'pulled')")}
    ledger.close()
    groups = [path for path, _, _ in os.walk("/sys/fs/cgroup")]
    cgroups = {path for path in groups if any(word in os.path.basename(path) for word in ours)}
    return {"network devices": {re.sub(r"^\d+: (\S+?)(@\S+)?: .*", r"\1", line) for line in lines("ip", "-o", "link")},
            "tables of nftables": {line for line in lines("nft", "list", "tables") if "berth" in line}, "processes": processes, "mounts": mounts,
            "cgroups": cgroups, "doors": {each.name for each in (berth.folder / "run/jobs").iterdir()}, **rows, **engine.snapshot()}


def tell_of(engine, berth, what):
    """What the ledger and the logs know of an id that is left."""
    ledger = sqlite3.connect(f"file:{berth.folder}/state/berth.db?mode=ro", uri=True)
    for row in ledger.execute("SELECT jobs.id, kind, objects.state, name, real FROM objects JOIN jobs ON jobs.key = job WHERE objects.id LIKE ?", (f"%{what}",)):
        print(f"    the ledger: {row}")
    ledger.close()
    for log in (berth.log, engine.log):
        for line in [line for line in log.read_text(errors="replace").splitlines() if what[:12] in line][-8:]:
            print(f"    {log.name}: {line[:400]}")
