# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Packs the plugin as the plugin manager takes it: one folder, `arpent`, with the licenses.

    pack.py FOLDER    writes FOLDER/arpent-VERSION.zip and prints its path

The same sources make the same bytes: names sorted, one date, nothing compressed (implementations of deflate differ).
"""

import configparser
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = {".py", ".svg", ".txt"}
LICENSES = ("LICENSE", "LICENSE-APACHE", "LICENSE-MIT")


def version():
    """Version in metadata.txt, which must be that of the program."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(HERE / "arpent" / "metadata.txt", encoding="utf-8")
    own = metadata["general"]["version"]
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    program = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', manifest, re.MULTILINE).group(1)
    if own != program:
        sys.exit(f"pack: qgis/arpent/metadata.txt has version {own}, Cargo.toml {program}. hint: write the latter into metadata.txt")
    return own


def files():
    """Names in the archive and the files, sorted."""
    found = {f"arpent/{path.relative_to(HERE / 'arpent').as_posix()}": path for path in (HERE / "arpent").rglob("*") if path.suffix in KEPT}
    found.update({f"arpent/{name}": ROOT / name for name in LICENSES})
    return sorted(found.items())


def pack(folder):
    """Writes the archive and returns its path."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"arpent-{version()}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, file.read_bytes())
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(pack(sys.argv[1]))
