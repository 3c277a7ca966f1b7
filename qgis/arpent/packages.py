# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Model packages on this machine: folders with a `model.json`."""

import json
import os

FORMAT = "arpent-model/1"
DESCRIPTION = "model.json"


def folders(configured, program):
    """Folders of packages: those that were set, else the one that is installed with the program."""
    if configured:
        return [os.path.expanduser(folder) for folder in configured]
    if program is None:
        return []
    # The wheel and the Debian package: PREFIX/bin/arpent and PREFIX/share/arpent/models. The program may be a link.
    prefixes = {os.path.dirname(os.path.dirname(path)): None for path in (os.path.abspath(program), os.path.realpath(program))}
    places = [os.path.join(prefix, "share", "arpent", "models") for prefix in prefixes]
    return [place for place in places if os.path.isdir(place)]


def read(folder):
    """The description of the package in a folder; None if it holds none."""
    try:
        with open(os.path.join(folder, DESCRIPTION), encoding="utf-8") as file:
            description = json.load(file)
    except (OSError, ValueError):
        return None
    return description if isinstance(description, dict) and description.get("format") == FORMAT else None


def found(places):
    """`(folder, description)` of the packages in these folders (or that are these folders), by id."""
    packages = {}
    for place in places:
        try:
            inside = [os.path.join(place, name) for name in sorted(os.listdir(place))]
        except OSError:
            inside = []
        for folder in [place, *inside]:
            description = read(folder)
            if description is not None:
                packages.setdefault(str(description.get("id", os.path.basename(folder))), (folder, description))
    return dict(sorted(packages.items()))
