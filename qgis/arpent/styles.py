# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Styles of layers: the file beside it (`.qml`), else the one inside the GeoPackage, else classes as the raster names them."""

import os
import sqlite3
from pathlib import Path

from osgeo import gdal
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtXml import QDomDocument

from .output import exists, read_file


def style_of(path, table):
    """The style of a file, as QML; empty if there is none. `table` is the name of the layer in a GeoPackage, or None."""
    stem, extension = os.path.splitext(path)
    # That beside the file is for the layer of its name; a GeoPackage may have others.
    own = table is None or table == stem.replace("\\", "/").rsplit("/", 1)[-1]
    for beside in (path + ".qml", stem + ".qml") if own else ():
        if exists(beside):
            text = read_file(beside)
            if text:
                return text
    if path.startswith("/vsi") or table is None:
        return ""
    # The same features in a GeoPackage beside the file have the same columns.
    package = path if extension.lower() == ".gpkg" else stem + ".gpkg"
    return _inside(package, table) if os.path.isfile(package) else ""


def _inside(package, table):
    """The default style in a GeoPackage. It is opened so that SQLite writes nothing beside it, not even a lock."""
    address = Path(package).absolute().as_uri() + "?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(address, uri=True)
        try:
            row = connection.execute(
                "SELECT styleQML FROM layer_styles WHERE f_table_name = ? ORDER BY useAsDefault DESC LIMIT 1", (table,)
            ).fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        # Without the table, or not a GeoPackage: QGIS tells what is wrong with the layer itself.
        return ""
    return row[0] or "" if row else ""


def apply(layer, qml):
    """Applies a style; returns an error message, empty if there is none."""
    document = QDomDocument()
    ok, message, line, _ = document.setContent(qml)
    if not ok:
        return f"{message} ({line})"
    ok, message = layer.importNamedStyle(document)
    return "" if ok else message


def export(layer):
    """The style of a layer, as QML."""
    document = QDomDocument()
    layer.exportNamedStyle(document)
    return document.toString()


def name_classes(layer):
    """Gives a raster with a color table a legend of the classes that its band names; QGIS would list 256 numbers."""
    if not isinstance(layer, QgsRasterLayer) or layer.bandCount() != 1:
        return False
    try:
        source = gdal.OpenEx(layer.source(), gdal.OF_RASTER | gdal.OF_READONLY)
    except RuntimeError:
        source = None
    band = source.GetRasterBand(1) if source is not None else None
    names, colors = (_classes(band), band.GetColorTable()) if band is not None else ({}, None)
    if not names or colors is None:
        return False
    classes = [
        QgsPalettedRasterRenderer.Class(value, QColor(*colors.GetColorEntry(value)), name)
        for value, name in sorted(names.items())
        if value < colors.GetCount()
    ]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
    return True


def _classes(band):
    """Names of the classes of a label raster by value: `CLASS_1=building` in the metadata of the band."""
    found = {}
    for key, name in (band.GetMetadata() or {}).items():
        value = key[len("CLASS_"):]
        if key.startswith("CLASS_") and value.isdigit() and name:
            found[int(value)] = name
    return found
