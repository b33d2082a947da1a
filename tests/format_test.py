"""How sources are laid out, as far as a machine can tell: no line of C++ above 150 columns (.clang-format), no tab, no blank at an end, one newline at
the end of the file. `format_test.py ROOT`; a line for each mistake, exit status 1 when there is one."""

import sys
from pathlib import Path

COLUMNS = 150
# A row of a table and a text for the user are one line each, however long: they are read as a list, and searched for.
TABLES = {"broker/cli/cli.cpp", "broker/daemon/settings.cpp", "rules/api/endpoints.cpp", "rules/bodies/capabilities.h", "rules/profile/knobs.cpp"}


def mistakes_in(path, name):
    text = path.read_text()
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield "the file does not end with one newline"
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line:
            yield f"{number}: a tab"
        if line != line.rstrip():
            yield f"{number}: a blank at the end"
        if len(line) > COLUMNS and path.suffix != ".py" and name not in TABLES:
            yield f"{number}: {len(line)} columns"


def main():
    root = Path(sys.argv[1])
    found = []
    for folder in ("rules", "db", "cleanup", "broker", "bench", "tests"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".py"):
                name = str(path.relative_to(root))
                found += [f"{name}: {mistake}" for mistake in mistakes_in(path, name)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
