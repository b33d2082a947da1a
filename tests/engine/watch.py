"""What another job and the daemon's memory notice while somebody attacks."""

import os
import re
import threading
import time
from pathlib import Path

ASAN = os.environ.get("BERTH_PRESET") == "asan"  # the sanitizer's own memory is measured with the daemon's


def resident(pid):
    """MiB of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found, "the daemon has ended"
    return int(found[1]) / 1024


class Watch:
    """While the `with` lasts: `requests` (name: function) are made again and again, each timed, and the memory of `pid` is read.

    The bounds are generous: they tell bounded from unbounded, on a slow machine too.
    """

    answered_within = 30  # seconds
    grown_by = 200  # MiB
    if ASAN:
        grown_by = 1000  # around each small piece of JSON lies more than its size, and 256 MiB of what was freed stay mapped

    def __init__(self, attack, pid, requests):
        self.attack = attack
        self.pid = pid
        self.requests = requests
        self.times = {name: [] for name in requests}
        self.failures = []
        self.before = self.peak = resident(pid)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.weigh, daemon=True), threading.Thread(target=self.ask, daemon=True)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(2 * self.answered_within)
        if kind is None:
            self.check()

    def weigh(self):
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, resident(self.pid))

    def ask(self):
        while True:  # once at least, however soon the attack is over
            for name, request in self.requests.items():
                begun = time.monotonic()
                try:
                    request()
                except Exception as error:  # whatever it is, the other job has noticed
                    self.failures.append(f"{name}: {error!r}")
                self.times[name].append(time.monotonic() - begun)
            if self.ended.wait(0.02):
                return

    def check(self):
        """Prints the figures, and holds them to the bounds."""
        def at(times, part):
            return sorted(times)[min(int(len(times) * part), len(times) - 1)] * 1000

        after = resident(self.pid)
        figures = ", ".join(f"{name} p50 {at(times, 0.5):.1f} ms p99 {at(times, 0.99):.1f} ms ({len(times)})" for name, times in self.times.items() if times)
        print(f"       {self.attack}: the other job's {figures}; memory {self.before:.0f} MiB, peak {self.peak:.0f}, after {after:.0f}", flush=True)
        assert not self.failures, f"{len(self.failures)} of the other job's requests failed, the first: {self.failures[0]}"
        for name, times in self.times.items():
            assert times, f"the other job's {name} was never answered"
            assert max(times) < self.answered_within, f"the other job waited {max(times):.1f} s for {name}"
        assert self.peak - self.before < self.grown_by, f"the daemon's memory grew from {self.before:.0f} to {self.peak:.0f} MiB"
