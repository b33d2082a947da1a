"""Writes published.txt: the names that engines of API 1.24 and newer read from a request, as facts taken from their own sources.

    /usr/bin/python3 tests/rules/data/published.py MOBY > tests/rules/data/published.txt

MOBY is a git repository of github.com/moby/moby with its tags. Two sources, since neither has every name:

* the published schema: api/docs/v1.24.md (its lists), api/docs/v1.25.yaml and newer, and api/swagger.yaml for the
  version that is not frozen yet;
* the routes as engines have them (the tags in ENGINES): the parameters that a handler, or a function of its package that it calls, asks the
  form for, and the fields of the Go type that its body is decoded into.

Only names are kept, none of the text. A line is: what it is, the operation, the name, where it was seen. A body's name is a path: `[]` stands
behind lists, `{}` behind maps.
"""

import re
import subprocess
import sys
from collections import defaultdict

import yaml

ENGINES = {"v1.12.6": "engine-1.12", "v20.10.24": "engine-20.10", "v26.1.5": "engine-26", "v28.5.2": "engine-28", "docker-v29.7.2": "engine-29"}
# The Go type of a body, by the newest name first; what it is called in which package changed over time.
BODIES = {
    ("POST", "/containers/create"): ("container.CreateRequest", "runconfig.ContainerConfigWrapper"),
    ("POST", "/containers/{id}/update"): ("container.UpdateConfig",),
    ("POST", "/containers/{id}/exec"): ("container.ExecCreateRequest", "container.ExecOptions", "types.ExecConfig"),
    ("POST", "/exec/{id}/start"): ("container.ExecStartRequest", "types.ExecStartCheck", "container.ExecStartOptions"),
    ("POST", "/commit"): ("container.CommitRequest", "container.Config"),
    ("POST", "/networks/create"): ("network.CreateRequest", "types.NetworkCreateRequest"),
    ("POST", "/networks/{id}/connect"): ("network.ConnectRequest", "network.ConnectOptions", "types.NetworkConnect"),
    ("POST", "/networks/{id}/disconnect"): ("network.DisconnectRequest", "network.DisconnectOptions", "types.NetworkDisconnect"),
    ("POST", "/volumes/create"): ("volume.CreateRequest", "volume.CreateOptions", "volume.VolumeCreateBody", "types.VolumeCreateRequest"),
    ("POST", "/auth"): ("registry.AuthConfig", "types.AuthConfig"),
}
# What a route's variables are called differs; here as in the rules.
OBJECT = re.compile(r"\{[^}]*\}|\([^)]*\)|<[^>]*>")
# Slips of the schema: what it has as a name is none.
SLIPS = {"additionalProperties", "config"}
FORM_READ = re.compile(r'(?:\.Form\.Get|\.FormValue|\.Form\.Has|[a-z]orm\.Get)\(\s*"([^"]+)"|\.Form\["([^"]+)"\]'
                       r'|(?:Bool|Int64|Int|Uint32|Uint)Value\w*\(\s*r\s*,\s*"([^"]+)"|getImagePlatform\w*\(\s*"([^"]+)"')


class Repository:
    def __init__(self, path):
        self.path = path

    def git(self, *words):
        return subprocess.run(["git", "-C", self.path, *words], check=True, capture_output=True, text=True, errors="replace").stdout

    def show(self, commit, path):
        return self.git("show", f"{commit}:{path}")

    def files(self, commit, *folders):
        return [path for path in self.git("ls-tree", "-r", "--name-only", commit, "--", *folders).splitlines()
                if path.endswith(".go") and not path.endswith("_test.go")]


def operation(method, path):
    """With `{id}` for the first object of a path, as in the rules; a second one is what the path calls it."""
    path = OBJECT.sub("{id}", path.split("?")[0])
    if path.count("{id}") > 1:
        path = path[::-1].replace("}di{", "}tniopkcehc{", 1)[::-1]
    return method.upper(), path


class Facts:
    def __init__(self):
        self.seen = defaultdict(list)

    def add(self, kind, where, name, source):
        if kind == "body" and name.split(".")[-1] in SLIPS:
            return
        if source not in self.seen[kind, where, name]:
            self.seen[kind, where, name].append(source)

    def lines(self):
        for (kind, (method, path), name), sources in sorted(self.seen.items(), key=lambda each: (each[0][1][1], each[0][1][0], each[0][0], each[0][2])):
            yield f"{kind} {method} {path} {name or '-'} {' '.join(spans(sources))}"


def spans(sources):
    """`1.24 1.25 1.26` as `1.24-1.26`."""
    minors = sorted(int(each.split(".")[1]) for each in sources if each.startswith("1."))
    runs = []
    for minor in minors:
        if runs and runs[-1][1] == minor - 1:
            runs[-1][1] = minor
        else:
            runs.append([minor, minor])
    yield from (f"1.{first}" if first == last else f"1.{first}-1.{last}" for first, last in runs)
    yield from (each for each in sources if not each.startswith("1."))


# The published schema.

def resolved(document, schema):
    while "$ref" in schema:
        schema = document["definitions"][schema["$ref"].split("/")[-1]]
    return schema


def properties(document, schema, prefix="", parents=()):
    """The paths of all properties of a schema."""
    if "$ref" in schema:
        if schema["$ref"] in parents:
            return
        parents = (*parents, schema["$ref"])
    schema = resolved(document, schema)
    for part in schema.get("allOf", ()):
        yield from properties(document, part, prefix, parents)
    for name, inside in (schema.get("properties") or {}).items():
        path = f"{prefix}.{name}" if prefix else name
        yield path
        yield from properties(document, inside, path, parents)
    if isinstance(schema.get("items"), dict):
        yield from properties(document, schema["items"], f"{prefix}[]", parents)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from properties(document, schema["additionalProperties"], f"{prefix}{{}}", parents)


def read_schema(facts, version, text):
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for path, item in document["paths"].items():
        for method, facts_of in item.items():
            if method == "parameters":
                continue
            where = operation(method, path)
            facts.add("operation", where, "", version)
            for parameter in [*item.get("parameters", ()), *facts_of.get("parameters", ())]:
                if parameter["in"] == "query":
                    facts.add("query", where, parameter["name"], version)
                elif parameter["in"] == "body":
                    for name in properties(document, parameter["schema"]):
                        facts.add("body", where, name.removeprefix("[]."), version)


# The Markdown of API 1.24.

def read_markdown(facts, text):
    for part in re.split(r"\n(?=`(?:GET|POST|PUT|DELETE|HEAD) /[^`]*`\n)", text)[1:]:
        method, path = re.match(r"`(\w+) ([^`]+)`", part).groups()
        if "HTTP/" in path:
            continue  # an example, not a title
        where = operation(method, path)
        facts.add("operation", where, "", "1.24")
        for listed in re.finditer(r"\*\*Query parameters\*\*:?(.*?)(?=\n\*\*|\n#|\Z)", part, re.S | re.I):
            for name in re.findall(r"^[-*]? {0,3}-? {0,3}\*\*([^*]+)\*\*", listed[1], re.M):
                facts.add("query", where, name.strip(), "1.24")
        for listed in re.finditer(r"\*\*JSON parameters\*\*:?(.*?)(?=\n\*\*|\n#|\Z)", part, re.S | re.I):
            parents = []
            for indent, name in re.findall(r"^( *)[-*] +\*\*([A-Za-z0-9]+)\*\*", listed[1], re.M):
                while parents and parents[-1][0] >= len(indent):
                    parents.pop()
                parents.append((len(indent), name))
                facts.add("body", where, ".".join(each for _, each in parents), "1.24")


# The routes as engines have them.

def body_of(text, start):
    """From an opening brace to its end."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start:at]
    return text[start:]


def read_routes(facts, repository, commit, source):
    router = "daemon/server/router" if repository.git("ls-tree", commit, "daemon/server/router") else "api/server/router"
    texts = defaultdict(str)
    for path in repository.files(commit, router):
        texts[path.rsplit("/", 1)[0]] += repository.show(commit, path)
    helpers = router.rsplit("/", 1)[0] + "/httputils"
    shared = "".join(repository.show(commit, path) for path in repository.files(commit, helpers))
    for text in texts.values():
        functions = {each[1]: body_of(text + shared, each.end() - 1)
                     for each in re.finditer(r"^func (?:\([^)]*\) )?(\w+)\(.*\{$", text + shared, re.M)}
        for method, path, handler in re.findall(r'\.New(Get|Post|Put|Delete|Head|Options)Route\(\s*"([^"]+)",\s*(?:\w+\.)?(\w+)', text):
            # Before 28 the router of debugging wrote its prefix elsewhere.
            where = operation(method, f"/debug{path}" if path.startswith(("/pprof", "/vars")) else path)
            facts.add("operation", where, "", source)
            for name in form_names(functions, handler, set()):
                facts.add("query", where, name, source)


def form_names(functions, name, visited):
    """The parameters that a function asks the form for, itself or by another function of its package."""
    visited.add(name)
    text = functions.get(name, "")
    for found in FORM_READ.finditer(text):
        yield next(each for each in found.groups() if each)
    if "ArchiveFormValues(" in text:
        yield "path"
    for called in re.findall(r"\b(?:[a-z]\w*\.)?(\w+)\(", text):
        if called in functions and called not in visited and called not in ("ReadJSON", "ParseForm"):
            yield from form_names(functions, called, visited)


class Types:
    """The structures of an engine's API in Go."""

    def __init__(self, repository, commit):
        self.types = {}
        for path in repository.files(commit, "api/types", "runconfig", "daemon/server/runconfig", "vendor/github.com/docker/go-connections/nat",
                                     "vendor/github.com/docker/go-units", "vendor/src/github.com/docker/engine-api/types",
                                     "vendor/src/github.com/docker/go-connections/nat", "vendor/src/github.com/docker/go-units", "vendor/github.com/moby/docker-image-spec"):
            text = re.sub(r"//.*", "", repository.show(commit, path))
            package = re.search(r"^package (\w+)", text, re.M)[1]
            for found in re.finditer(r"^(?:type (\w+) (?:= )?(struct \{|[\[\]\w.*]+(?:\{\})?)|\t(\w+) struct \{)", text, re.M):
                structure = not found[2] or found[2].startswith("struct")
                self.types.setdefault(f"{package}.{found[1] or found[3]}", body_of(text, found.end() - 1) if structure else found[2])

    def named(self, name):
        """A type by its name as a file has it, whose package may be imported under another name."""
        if name in self.types:
            return name
        alike = [each for each in self.types if each.split(".")[1] == name.split(".")[1]]
        return alike[0] if len(alike) == 1 else name

    def paths(self, go_type, package, prefix="", parents=()):
        """The JSON paths beneath a Go type."""
        go_type = go_type.lstrip("*")
        if go_type.startswith("[]"):
            yield from self.paths(go_type[2:], package, f"{prefix}[]", parents)
        elif found := re.match(r"map\[[^\]]+\](.+)", go_type):
            yield from self.paths(found[1], package, f"{prefix}{{}}", parents)
        else:
            name = self.named(go_type.replace("types.", ".") if not go_type.startswith("types.") else go_type) if "." in go_type else f"{package}.{go_type}"
            text = self.types.get(name)
            if text is None or name in parents:
                return
            inside = name.split(".")[0]
            if not text.startswith("{"):
                yield from self.paths(text, inside, prefix, (*parents, name))
                return
            yield from self.fields(text, inside, prefix, (*parents, name))

    def fields(self, text, package, prefix, parents):
        for line in text.splitlines():
            tag = re.search(r'json:"([^",]*)', line)
            words = re.sub(r"`.*`", "", line).split()
            if not words or words[0] in ("{", "}") or (tag and tag[1] == "-"):
                continue
            if len(words) == 1:
                if not tag or not tag[1]:  # embedded: its fields are this one's
                    yield from self.paths(words[0], package, prefix, parents)
                    continue
                words = [words[0].split(".")[-1].lstrip("*"), words[0]]
            names = [each.strip(",") for each in words[:-1]]
            for name in names:
                if not name[0].isupper():
                    continue
                path = (f"{prefix}." if prefix else "") + (tag[1] if tag and tag[1] else name)
                yield path
                yield from self.paths(words[-1], package, path, parents)


def read_types(facts, repository, commit, source):
    types = Types(repository, commit)
    for where, candidates in BODIES.items():
        name = next((each for each in candidates if each in types.types), None)
        if not name:
            sys.exit(f"{commit} has none of {candidates}, the body of {where}")
        for path in types.paths(name, name.split(".")[0]):
            facts.add("body", where, path, source)


def main():
    repository = Repository(sys.argv[1])
    facts = Facts()
    read_markdown(facts, repository.show("HEAD", "api/docs/v1.24.md"))
    newest = 24
    for line in repository.git("ls-tree", "--name-only", "HEAD", "api/docs/").splitlines():
        if found := re.fullmatch(r"api/docs/v1\.(\d+)\.yaml", line):
            read_schema(facts, f"1.{found[1]}", repository.show("HEAD", line))
            newest = max(newest, int(found[1]))
    text = repository.show("HEAD", "api/swagger.yaml")
    version = re.search(r'^  version: "(1\.\d+)"', text, re.M)[1]
    if int(version[2:]) > newest:
        read_schema(facts, version, text)
    for commit, source in ENGINES.items():
        read_routes(facts, repository, commit, source)
        read_types(facts, repository, commit, source)
    print("# The names that engines of API 1.24 to " + version + " read from requests. Made by published.py, which says how; do not edit.")
    print("\n".join(facts.lines()))


if __name__ == "__main__":
    main()
