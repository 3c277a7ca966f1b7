#!/usr/bin/env python3
"""Checks manifests for Kubernetes against the schemas of the releases that Arpent supports, strictly.

    validate_manifests.py FILE...

One line per object and release: `ok` or `FAIL`. Exits 1 when a check failed, 3 where kubernetes-validate is not installed.
"""

import json
import sys

RELEASES = [f"1.{minor}" for minor in range(29, 38)]


def objects(path):
    """The objects of a file: those of a list, or the one."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    return document["items"] if document["kind"] == "List" else [document]


def main(paths):
    try:
        import kubernetes_validate
    except ImportError:
        print("kubernetes-validate is not installed (scripts/setup.sh --validators installs it)", file=sys.stderr)
        return 3
    failures = 0
    for path in paths:
        for thing in objects(path):
            for release in RELEASES:
                word, text = "ok", ""
                try:
                    kubernetes_validate.validate(thing, release, strict=True)
                except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                    failures += 1
                    word, text = "FAIL", f": {error.message}"
                print(f"{word:4} {release} {thing['kind']} {thing['metadata']['name']}{text}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
