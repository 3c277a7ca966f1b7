#!/usr/bin/env python3
"""Checks every configuration below configs/ against the JSON schema of its kind.

    validate_configs.py

One line per kind, or per error. Exits 1 where a configuration does not match. Needs the packages of requirements-validators.txt.
"""

import json
import sys
import tomllib
from pathlib import Path

import jsonschema

CONFIGS = Path(__file__).parent.parent / "configs"


def schema_of(path, config):
    """Name of the schema of a configuration."""
    if path.name == "zonal.toml":
        return "zonal.schema.json"
    if "fit" not in config and "model" not in config and path.parent.name == "change":
        return "change.schema.json"
    return "train.schema.json" if "fit" in config else "schema.json"


def errors():
    """Yields what does not match, and prints how many files were checked."""
    counts, validators = {}, {}
    for name in ["schema.json", "zonal.schema.json", "change.schema.json", "train.schema.json"]:
        schema = json.loads((CONFIGS / name).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        counts[name], validators[name] = 0, jsonschema.Draft202012Validator(schema)
    for path in sorted(CONFIGS.glob("*/*.toml")):
        config = tomllib.loads(path.read_text())
        name = schema_of(path, config)
        counts[name] += 1
        for error in validators[name].iter_errors(config):
            yield f"{path}: {error.json_path}: {error.message}"
    for name, count in counts.items():
        if count == 0:
            yield f"no configuration was compared with {name}"
        print(f"schema: {count} configurations compared with {name}")


found = list(errors())
for line in found:
    print(f"schema: {line}", file=sys.stderr)
sys.exit(1 if found else 0)
