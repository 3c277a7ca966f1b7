"""Keeps of a CycloneDX document what is linked into the program.

    cargo tree ... --prefix none | sbom.py IN.json OUT.json

cargo-cyclonedx lists the crates of features that are off too: what `cargo tree` does not print is left out, and so is where
the checkout lies.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    source, destination = map(Path, sys.argv[1:])
    # `name v1.2.3 (path) (*)`
    linked = {(words[0], words[1].removeprefix("v")) for words in map(str.split, sys.stdin) if len(words) > 1}
    document = json.loads(source.read_text().replace(f"file://{ROOT}", "file://."))
    components = document["components"]
    document["components"] = [c for c in components if (c["name"], c["version"]) in linked]
    kept = {c["bom-ref"] for c in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
    document["dependencies"] = [
        {**d, "dependsOn": [to for to in d.get("dependsOn", []) if to in kept]} for d in document["dependencies"] if d["ref"] in kept
    ]
    named = {(c["name"], c["version"]) for c in document["components"]}
    program = document["metadata"]["component"]
    missing = {crate for crate in linked - named if crate[0] != program["name"]}
    if missing:
        sys.exit(f"sbom: linked, but not listed: {sorted(missing)}")
    destination.write_text(json.dumps(document, indent=1) + "\n")
    print(f"sbom: {destination.name}: {len(named)} crates of {len(components)} listed")


main()
