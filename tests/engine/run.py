"""Runs the Python tests on one kind of engine (real or fake): one line a test, then `kind: N passed, N failed, N skipped`.

    /usr/bin/python3 tests/engine/run.py --engine distribution|trixie|newest|fake [-k PATTERN]... [--counts FILE] [--attacks FILE]
        [--failures FILE] [--durations FILE] [--share FOLDER]

Exit status 0 when nothing failed. --counts writes the three numbers for a caller, --attacks what became of the attacks of the catalogue, for
attacks.py, --failures appends a line for each failure, --durations one for each test, with the seconds that it took. Without -k, the files
whose ENGINES name this kind. Processes of one kind that --share an empty folder share the files, too: each is run by the one that comes to
it first.
"""

import argparse
import fnmatch
import itertools
import signal
import sys
import time
import unittest
from pathlib import Path

import attacks
import engines
import harness


def engines_of(test):
    """The kinds of engine on which a test runs: the ENGINES of its file, which each file has."""
    module = sys.modules[type(test).__module__]
    if module is unittest.loader:  # a file that cannot be loaded: this test is the failure that says so
        return engines.KINDS
    kinds = getattr(module, "ENGINES", ())
    if not kinds or not set(kinds) <= set(engines.KINDS):
        sys.exit(f"{module.__file__}: ENGINES must name the engines on which its tests run, of {', '.join(engines.KINDS)}")
    return kinds


class Progress(unittest.TestResult):
    """Prints each test as it ends; a failure with its trace and the end of berth's log."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.passed = 0
        self.failed = 0
        self.started = 0.0
        self.failed_parts = 0
        self.short = []  # a line for each failure: which, and what it says first
        self.took = []  # (seconds, test)

    def say(self, word, test, note=""):
        seconds = f"{time.monotonic() - self.started:.1f} s" if self.started else ""
        print(f"{word:6} {self.kind:12} {name_of(test)}  {note or seconds}", flush=True)

    def say_failure(self, what, error, test):
        self.say("FAILED", what)
        print(self._exc_info_to_string(error, test), flush=True)
        said = str(error[1]).strip().splitlines() or [""]
        self.short.append(f"FAILED {self.kind:12} {name_of(what)}: {error[0].__name__}: {said[0][:200]}")

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.failed_parts = 0

    def stopTest(self, test):
        super().stopTest(test)
        self.took.append((time.monotonic() - self.started, name_of(test)))

    def addSuccess(self, test):
        if not self.failed_parts:
            self.passed += 1
            self.say("ok", test)

    def trouble(self, test, error):
        self.failed += class_sizes.get(name_of(test), 1)  # a class that cannot be set up is a failure of each of its tests
        self.say_failure(test, error, test)
        world = harness.EngineCase.world
        if world:
            print(f"-- the end of berth's log:\n{world.berth.log_tail(12)}\n--", flush=True)

    def addFailure(self, test, error):
        self.trouble(test, error)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        # The parts of a test are one test: the first part that fails makes it a failure.
        if error:
            self.failed_parts += 1
            if self.failed_parts == 1:
                self.failed += 1
            self.say_failure(subtest, error, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        # A class that cannot be set up is one skip here for each of its tests.
        count = class_sizes.get(name_of(test), 1)
        for _ in range(count - 1):
            super().addSkip(test, reason)
        self.say("skip", test, f"({count} tests) {reason}" if count > 1 else reason)


def name_of(test):
    if isinstance(test, unittest.TestCase):
        return test.id()
    if hasattr(test, "test_case"):  # a part of a test
        return test.id()
    return str(test).removeprefix("setUpClass (").removesuffix(")")


class_sizes = {}


def chosen(suite, patterns):
    """The tests of `suite` that match a pattern, in their order."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, patterns)
        elif not patterns or any(fnmatch.fnmatch(test.id(), f"*{pattern}*") for pattern in patterns):
            yield test


class Shared(unittest.TestSuite):
    """Of these tests those whose file no other process with the same folder has taken."""

    _cleanup = False  # unittest would look for each test where it is not

    def __init__(self, tests, folder):
        super().__init__(tests)
        self.folder = folder

    def __iter__(self):
        for name, tests in itertools.groupby(super().__iter__(), lambda test: type(test).__module__):
            try:
                (self.folder / name).touch(exist_ok=False)
            except FileExistsError:
                continue
            yield from tests


def discovered(kind, patterns):
    """The tests of this kind of engine that match."""
    here = Path(__file__).parent
    tests = list(chosen(unittest.defaultTestLoader.discover(here.parent / "fake" if kind == "fake" else here, "test_*.py"), ()))
    if kind != "fake":
        kinds = {test: engines_of(test) for test in tests}
        tests = [test for test in tests if patterns or kind in kinds[test]]
    return list(chosen(tests, patterns))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=(*engines.KINDS, "fake"), required=True)
    parser.add_argument("-k", action="append", default=[], metavar="PATTERN", help="only tests whose id holds PATTERN")
    parser.add_argument("--counts", type=Path, metavar="FILE")
    parser.add_argument("--attacks", type=Path, metavar="FILE")
    parser.add_argument("--failures", type=Path, metavar="FILE")
    parser.add_argument("--durations", type=Path, metavar="FILE")
    parser.add_argument("--share", type=Path, metavar="FOLDER")
    options = parser.parse_args()

    # A cancelled run ends as an interrupted one does: what it started is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    harness.EngineCase.kind = options.engine
    tests = discovered(options.engine, options.k)
    for test in tests:
        name = f"{type(test).__module__}.{type(test).__qualname__}"
        class_sizes[name] = class_sizes.get(name, 0) + 1
    result = Progress(options.engine)
    begun = time.monotonic()
    version = ""
    try:
        (Shared(tests, options.share) if options.share else unittest.TestSuite(tests)).run(result)
        if harness.EngineCase.world:
            version = harness.EngineCase.world.engine.version()
    finally:
        harness.end_world()
    counts = (result.passed, result.failed, len(result.skipped))
    print("{}: {} passed, {} failed, {} skipped".format(options.engine, *counts), f"in {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{options.engine}: {len({each['attack'] for each in attacks.seen})} attacks of the catalogue shown", flush=True)
    if options.attacks:
        attacks.write(options.attacks, options.engine, version)
    if options.failures and result.short:
        with options.failures.open("a") as out:
            out.write("".join(f"{line}\n" for line in result.short))
    if options.durations:
        with options.durations.open("a") as out:
            out.write("".join(f"{seconds:7.1f} s  {options.engine:12} {name}\n" for seconds, name in result.took))
    if options.counts:
        options.counts.write_text("{} {} {}\n".format(*counts))
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
