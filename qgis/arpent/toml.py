# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Writes configurations (TOML): QGIS has no library that does."""

import json


def value(item):
    """A string, a number, a boolean or a list of these."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, (int, float)):
        return repr(item)
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(value(each) for each in item) + "]"
    # The escapes of JSON are escapes of TOML; JSON leaves DEL as it is, which TOML forbids.
    return json.dumps(str(item), ensure_ascii=False).replace("\x7f", "\\u007f")


def document(tables):
    """A document of `(header, keys)`: `("", ...)` first, then `"[features]"` or `"[[zones]]"`; keys that are None are left out."""
    lines = []
    for header, keys in tables:
        kept = [f"{key} = {value(item)}" for key, item in keys.items() if item is not None]
        if kept:
            lines += [header, *kept] if header else kept
    return "\n".join(lines) + "\n"
