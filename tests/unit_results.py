"""What became of the unit tests: a line for each that failed or was skipped, and the counts.

    /usr/bin/python3 tests/unit_results.py FOLDER COUNTS FAILURES

FOLDER has ctest's own ctest.xml, and PROGRAM.xml of each program of GoogleTest that came to its end. Such a program is one test for ctest and
counts here as its tests; any other test of ctest's, also a program that died, counts as itself. COUNTS gets `passed failed skipped`, FAILURES a
line more for each failure.
"""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def outcomes(folder):
    """(name, "passed", "failed" or "skipped", why) of each test."""
    for each in xml.parse(folder / "ctest.xml").iter("testcase"):
        program = folder / f"{each.get('name')}.xml"
        if not program.exists():
            status = each.get("status")
            yield each.get("name"), {"run": "passed", "disabled": "skipped"}.get(status, "failed"), status
            continue
        for test in xml.parse(program).iter("testcase"):
            troubles = [trouble.get("message", "") for trouble in test.iter("failure")]
            skipped = test.find("skipped")
            result = "failed" if troubles else "skipped" if skipped is not None or test.get("status") == "notrun" else "passed"
            why = troubles[0] if troubles else skipped.get("message", "") if skipped is not None else "disabled"
            yield f"{test.get('classname')}.{test.get('name')}", result, why


def main():
    folder, counts, failures = map(Path, sys.argv[1:])
    number = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for name, result, why in outcomes(folder):
        number[result] += 1
        why = " ".join(why.split())[:200]
        if result == "skipped":
            print(f"skip   unit         {name}  {why}")
        if result == "failed":
            with failures.open("a") as out:
                out.write(f"FAILED unit         {name}: {why}\n")
    if not any(number.values()):
        sys.exit("no unit test was found")
    print("unit: {passed} passed, {failed} failed, {skipped} skipped".format(**number))
    counts.write_text("{passed} {failed} {skipped}\n".format(**number))


if __name__ == "__main__":
    main()
