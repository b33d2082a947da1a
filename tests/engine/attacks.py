"""The attack catalogue: which tests show what becomes of each attack, and what they saw of it.

    /usr/bin/python3 tests/engine/attacks.py FILE... [--table FILE]

joins what the runs on several engines saw (run.py --attacks FILE) and prints a line an attack: verdict, engines, proof. Exit status 1 when one
was not shown. --table writes all that was seen of each.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

CATALOGUE = Path(__file__).resolve().parents[1] / "attacks/catalogue.txt"

declared = {}  # id: the tests that say that they show it
seen = []  # what the tests of this run saw, in their order


@functools.lru_cache
def titles():
    """The catalogue: id: title."""
    lines = [line for line in CATALOGUE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def saw(attack, verdict, proof):
    """A test has seen what becomes of an attack. `proof`: what reached the engine, or what it says afterwards."""
    assert attack in titles(), f"{attack} is not in the catalogue"
    seen.append({"attack": attack, "verdict": verdict, "proof": " ".join(str(proof).split())[:200]})


def shows(ids, verdict=None):
    """A test that shows these attacks (ids with blanks between). With a verdict its success is the proof; without one it calls `saw`."""
    names = ids.split()

    def decorate(function):
        for attack in names:
            assert attack in titles(), f"{attack} is not in the catalogue"
            declared.setdefault(attack, []).append(f"{function.__module__}.{function.__qualname__}")

        @functools.wraps(function)
        def test(self):
            before = len(seen)
            function(self)
            if not self._outcome.success:
                return  # a part of it failed
            mine = {each["attack"] for each in seen[before:]}
            if verdict:
                for attack in names:
                    saw(attack, verdict, f"{type(self).__module__}.{type(self).__qualname__}.{self._testMethodName}")
            else:
                missing = set(names) - mine
                assert not missing, f"declared, but not shown: {sorted(missing)}"
        return test
    return decorate


def ids_of(cases):
    """The ids of a table of cases whose names begin with one, or with several that have a comma between."""
    return " ".join(sorted({attack for each in cases for attack in first_ids(each[0])}))


def first_ids(name):
    """`P-01 in capitals`: P-01."""
    return [word for word in name.split(" ")[0].split(",") if word in titles()]


def write(path, kind, version):
    path.write_text("".join(json.dumps({**each, "engine": kind, "version": version}) + "\n" for each in seen))


def table(records):
    """For each attack its line, and the lines of all that was seen of it; and the attacks that nobody showed."""
    by_attack = {attack: [] for attack in titles()}
    for each in records:
        by_attack[each["attack"]].append(each)
    rows = []
    for attack, found in by_attack.items():
        # A real engine's answer is more than what a fake one recorded, and what was seen more than the name of a test.
        found.sort(key=lambda each: (each["engine"] == "fake", each["proof"].startswith("test_")))
        engines = sorted({f"{each['engine']} {each['version'].split('+')[0]}".strip() for each in found})
        first = f"{found[0]['verdict']}: {found[0]['proof']}"[:160] if found else ""
        rows.append((f"{attack}  {titles()[attack]} [{', '.join(engines) or 'NOT SHOWN'}] {first}",
                     [f"      {verdict}: {proof}" for verdict, proof in dict.fromkeys((each["verdict"], each["proof"]) for each in found)]))
    return rows, [attack for attack, found in by_attack.items() if not found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--table", type=Path, metavar="FILE")
    options = parser.parse_args()
    records = [json.loads(line) for path in options.files if path.exists() for line in path.read_text().splitlines()]
    rows, missing = table(records)
    print("\n".join(line for line, _ in rows))
    if options.table:
        options.table.write_text("".join(f"{text}\n" for line, more in rows for text in (line, *more)))
    real = {each["attack"] for each in records if each["engine"] != "fake"}
    print(f"{len(titles())} attacks: {len(real)} shown on real engines, {len(titles()) - len(real) - len(missing)} on the fake alone, {len(missing)} open"
          + (f": {' '.join(missing)}" if missing else ""))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
