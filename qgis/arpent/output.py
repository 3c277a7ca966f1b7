# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Published outputs: their manifests, and which of their files become layers."""

import json
import os
import re

from osgeo import gdal

from .texts import tr

MANIFEST = "manifest.json"
FORMAT = "arpent-run/1"

# GDAL's names of object stores.
STORES = {"s3://": "/vsis3/", "gs://": "/vsigs/", "az://": "/vsiaz/", "http://": "/vsicurl/http://", "https://": "/vsicurl/https://"}

# A manifest is some kilobytes; one with millions of scenes is not opened in QGIS.
MOST_BYTES = 64 << 20

# File formats of one layer, the best for QGIS first (ADR 0026): a FlatGeobuf is not changed by being opened, and is read in parts from a server.
# Above so many features it is published without an index.
INDEXED = 250_000
FEW = (".fgb", ".gpkg", ".parquet", ".geojson")
MANY = (".gpkg", ".fgb", ".parquet", ".geojson")

# Roles of rasters, from the top of the group to its bottom, and whether they are drawn.
RASTERS = (("map", True), ("before", False), ("labels", True), ("values", True), ("evidence", False), ("mask", False), ("confidence", False))


class OutputError(Exception):
    """Not an output, or one that cannot be read; its text is for the person."""


class Layer:
    """A file that becomes a layer: `path` as GDAL names it, `rank` its place in the group from the top, `shown` whether it is drawn."""

    def __init__(self, role, path, rank, shown):
        self.role, self.path, self.rank, self.shown = role, path, rank, shown
        self.is_raster = path.lower().endswith(".tif")
        self.stem = os.path.splitext(re.split(r"[/\\]", path)[-1])[0]


class Output:
    """A published output: its address as given, its place as GDAL names it, and its manifest."""

    def __init__(self, address, place, manifest):
        self.address, self.place, self.manifest = address, place, manifest

    @property
    def name(self):
        """Last part of the address."""
        return re.split(r"[/\\]", self.address.rstrip("/\\"))[-1] or self.address

    @property
    def attempt(self):
        """The folder of its files, which another publication to the same address does not have."""
        return str(self.manifest.get("attempt", ""))

    def layers(self):
        """The layers: features, events and zones above, then rasters. Each vector layer once, in the format that QGIS reads best."""
        order = MANY if self._number("features") > INDEXED and not self.place.startswith("/vsi") else FEW
        vectors, rasters = {}, {}
        listed = self.manifest.get("artifacts")
        for artifact in [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []:
            role, path = str(artifact.get("role", "")), self._path(str(artifact.get("href", "")))
            stem, extension = os.path.splitext(path)
            if extension.lower() == ".tif":
                rasters[role] = path
            elif extension.lower() in order and role not in ("metadata", "lineage"):
                vectors.setdefault((role, stem), []).append(path)
        found = [Layer(role, min(paths, key=lambda path: order.index(os.path.splitext(path)[1].lower())), 0, True)
                 for (role, _), paths in vectors.items()]
        # Below a map with overrides, the prediction that it was made of is only of interest to some; so are measured values below their classes.
        hidden = {"labels": {"map"}, "values": {"map", "labels"}}
        known = [(role, shown and not hidden.get(role, set()) & set(rasters)) for role, shown in RASTERS]
        others = [(role, False) for role in rasters if role not in dict(RASTERS)]
        found += [Layer(role, rasters[role], 0, shown) for role, shown in known + others if role in rasters]
        for rank, layer in enumerate(found):
            layer.rank = rank
        return found

    def _number(self, name):
        """A number of the counts; 0 if it is not there."""
        counts = self.manifest.get("counts")
        number = counts.get(name) if isinstance(counts, dict) else None
        return number if isinstance(number, int) else 0

    def _path(self, href):
        """A file of the output. A manifest may come from anywhere: it names nothing outside of its folder."""
        parts = href.split("/")
        if not href or "\\" in href or ":" in href or any(part in ("", ".", "..") for part in parts):
            raise OutputError(tr("{address}: the manifest names a file outside of the output: {file}").format(address=self.address, file=href))
        return "/".join([self.place, *parts]) if self.place.startswith("/vsi") else os.path.join(self.place, *parts)


def is_url(address):
    """Whether this is an address of an object store or of a server, not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", address) is not None


def absolute(address):
    """A path made absolute, so that it is the same for the program and never looks like an option; URLs stay."""
    if is_url(address):
        return address
    return os.path.abspath(os.path.expanduser(address))


def find(address):
    """The outputs at an address: the one there, or those of its folders (one map for each grid)."""
    address = absolute(address.strip())
    if re.split(r"[/\\]", address)[-1] == MANIFEST:
        address = address[: -len(MANIFEST)]
    address = address.rstrip("/\\") or address
    place = _place(address)
    if exists(_join(place, MANIFEST)):
        return [_read(address, place)]
    inside = [name for name in _names(place) if name not in (".", "..") and exists(_join(place, name, MANIFEST))]
    if not inside:
        raise OutputError(
            tr("{address} holds no complete output: manifest.json is missing. Give the folder that was the output; an interrupted run leaves no manifest.")
            .format(address=address)
        )
    return [_read(_join(address, name), _join(place, name)) for name in inside]


def of_documents(documents):
    """Outputs of what the program printed: `[{"output": address, "manifest": {...}}]`."""
    return [Output(each["output"], _place(each["output"]), each["manifest"]) for each in documents]


def _join(*parts):
    return "/".join(parts) if is_url(parts[0]) or parts[0].startswith("/vsi") else os.path.join(*parts)


def _place(address):
    """The address as GDAL names it."""
    for scheme, prefix in STORES.items():
        if address.lower().startswith(scheme):
            return prefix + address[len(scheme):]
    if is_url(address):
        raise OutputError(tr("{address}: use a folder, or a URL with {schemes}.").format(address=address, schemes=", ".join(STORES)))
    return absolute(address)


def _read(address, place):
    """The output whose manifest is there."""
    text = read_file(_join(place, MANIFEST))
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise OutputError(tr("{address}: manifest.json cannot be read: {error}").format(address=address, error=error)) from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise OutputError(
            tr("{address}: manifest.json has the format {found}, this plugin reads {format}. Update the plugin.").format(
                address=address, found=found, format=FORMAT
            )
        )
    return Output(address, place, manifest)


def exists(path):
    """Whether there is a file, as GDAL names it. Newer versions of GDAL raise where older ones return None."""
    try:
        return gdal.VSIStatL(path) is not None
    except RuntimeError:
        return False


def _names(place):
    """Names in a folder, sorted; none if it cannot be listed."""
    try:
        return sorted(gdal.ReadDir(place) or [])
    except RuntimeError:
        return []


def read_file(path):
    """Content of a small text file, as GDAL names it; empty if it cannot be read."""
    try:
        opened = gdal.VSIFOpenL(path, "rb")
    except RuntimeError:
        opened = None
    if opened is None:
        return ""
    try:
        gdal.VSIFSeekL(opened, 0, 2)
        size = gdal.VSIFTellL(opened)
        gdal.VSIFSeekL(opened, 0, 0)
        data = gdal.VSIFReadL(1, size, opened) if 0 < size <= MOST_BYTES else b""
    finally:
        gdal.VSIFCloseL(opened)
    return bytes(data or b"").decode("utf-8", "replace")
