"""What became of the unit tests: a line for each that failed or was skipped, and the counts.

    /usr/bin/python3 tests/unit_results.py FOLDER COUNTS FAILURES

FOLDER has ctest's own ctest.xml, and PROGRAM.xml of each program of GoogleTest that ran its tests. Such a program is one test for ctest and
counts here as its tests; any other test of ctest's counts as itself. So does a program that failed though none of its tests did: it died, or a
sanitizer found something at its end. COUNTS gets `passed failed skipped`, FAILURES a line more for each failure.
"""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def outcomes(folder):
    """(name, "passed", "failed" or "skipped", why) of each test."""
    for each in xml.parse(folder / "ctest.xml").iter("testcase"):
        program = folder / f"{each.get('name')}.xml"
        ran = program.exists()
        own = list(tests_of(program)) if ran else []
        yield from own
        itself = {"run": "passed", "disabled": "skipped"}.get(each.get("status"), "failed")
        if not ran or itself == "failed" and "failed" not in (result for _, result, _ in own):
            yield each.get("name"), itself, f"ctest says: {each.get('status')}"


def tests_of(program):
    """The same of each test of a program of GoogleTest."""
    for test in xml.parse(program).iter("testcase"):
        failure, skipped = test.find("failure"), test.find("skipped")
        name = f"{test.get('classname')}.{test.get('name')}"
        if failure is not None:
            yield name, "failed", failure.get("message", "")
        elif skipped is not None or test.get("status") == "notrun":
            yield name, "skipped", "disabled" if skipped is None else skipped.get("message", "")
        else:
            yield name, "passed", ""


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
