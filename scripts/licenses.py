"""The copyright file of a program: Arpent's own licenses and those of every crate that is linked into it.

    licenses.py PROGRAM [FEATURES] > copyright
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Files in which crates keep license texts and notices.
NAMES = ("license", "licence", "copying", "copyright", "notice", "unlicense")


def cargo(*words: str) -> str:
    return subprocess.run(["cargo", *words, "--locked"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def texts(folder: Path) -> list[str]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().startswith(NAMES))
    return [path.read_text(errors="replace").strip() for path in files]


def main() -> None:
    program = sys.argv[1]
    features = ["--features", sys.argv[2]] if len(sys.argv) > 2 else []
    tree = cargo("tree", "-p", program, *features, "-e", "normal", "--prefix", "none", "--format", "{p}")
    linked = {(words[0], words[1].removeprefix("v")) for words in map(str.split, tree.splitlines()) if len(words) > 1}
    packages = [p for p in json.loads(cargo("metadata", "--format-version", "1", "--all-features"))["packages"] if p["source"]]
    packages = sorted((p for p in packages if (p["name"], p["version"]) in linked), key=lambda p: (p["name"], p["version"]))
    # Hundreds of crates share a few texts: each text is printed once.
    holders: dict[str, list[str]] = defaultdict(list)
    bare = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        found = texts(Path(package["manifest_path"]).parent)
        for text in found:
            holders[text].append(name)
        if not found:
            bare.append(f"{name}: {package['license']}, {package.get('repository') or 'no repository named'}")
    for name in ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE"):
        print((ROOT / name).read_text())
    print(f"{program} contains {len(packages)} crates by others. Their terms:\n")
    for package in packages:
        print(f"  {package['name']} {package['version']}: {package['license']}")
    for text, names in holders.items():
        print(f"\n{'=' * 78}\n{', '.join(names)}\n{'-' * 78}\n{text}")
    print(f"\n{'=' * 78}\nCrates that ship no license text:\n", *bare, sep="\n  ")


main()
