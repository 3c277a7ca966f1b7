# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Layers of QGIS as the program names them: files and URLs, with the layer in a file of several."""

import hashlib
import os
import shutil
import tempfile
import time

from qgis.core import QgsApplication, QgsProcessingException, QgsProcessingUtils, QgsRasterLayer, QgsVectorLayer

from .output import STORES, absolute, is_url
from .texts import tr

# Vector formats that both read; anything else is exported.
READ_BY_BOTH = ["gpkg", "shp", "geojson", "fgb"]

# Days after which an exported layer is deleted, if no run has used it since.
KEPT_DAYS = 90


def rasters(parameters, name, context):
    """Addresses of the raster layers of a parameter that takes several."""
    return [_raster(layer) for layer in _layers(parameters, name, context)]


def layers(parameters, name, context, feedback):
    """Addresses of the layers of a parameter that takes several of any kind."""
    found = []
    for layer in _layers(parameters, name, context):
        if isinstance(layer, QgsVectorLayer):
            warn_of_edits(layer, feedback)
            path, table = QgsProcessingUtils.convertToCompatibleFormatAndLayerName(
                layer, False, "layer", READ_BY_BOTH, "fgb", context, feedback
            )
            found.append(named(kept(path), table) + crs_of(layer))
        else:
            found.append(_raster(layer))
    return found


def lines(text):
    """Addresses in a text with one a line, paths made absolute."""
    found = [line.strip() for line in text.splitlines()]
    # `@list.txt` names a list.
    return [("@" + absolute(line[1:]) if line.startswith("@") else absolute(line)) for line in found if line]


def vector(algorithm, parameters, name, context, feedback, keep_order=False):
    """Address of the file with the features of a parameter; what is no file, filtered or selected is exported first. None without a value.

    `keep_order`: features are numbered by their order, which a FlatGeobuf does not keep.
    """
    if algorithm.parameterAsSource(parameters, name, context) is None:
        if parameters.get(name) in (None, ""):
            return None
        raise QgsProcessingException(algorithm.invalidSourceError(parameters, name))
    layer = algorithm.parameterAsVectorLayer(parameters, name, context)
    if layer is not None:
        warn_of_edits(layer, feedback)
    preferred = "gpkg" if keep_order else "fgb"
    path, table = algorithm.parameterAsCompatibleSourceLayerPathAndLayerName(parameters, name, context, READ_BY_BOTH, preferred, feedback)
    return named(kept(path), table) + (crs_of(layer) if layer is not None else "")


def crs_of(layer):
    """What follows the name of a layer whose CRS was set in QGIS, and is not that of its file."""
    crs = layer.crs()
    if not crs.isValid() or crs == layer.dataProvider().crs():
        return ""
    if not crs.authid().startswith("EPSG:"):
        raise QgsProcessingException(tr("{name} has a CRS that its file does not have: export the layer, and use the export.").format(name=layer.name()))
    return f"|crs={crs.authid()}"


def kept(path):
    """An exported FlatGeobuf under a name that follows from its content: with the same features, an interrupted run has the same plan, and continues.

    Other files are returned as they are.
    """
    if not path.endswith(".fgb") or not os.path.abspath(path).startswith(os.path.abspath(QgsProcessingUtils.tempFolder())):
        return path
    folder = os.path.join(QgsApplication.qgisSettingsDirPath(), "arpent", "layers")
    os.makedirs(folder, exist_ok=True)
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    target = os.path.join(folder, digest.hexdigest()[:32] + ".fgb")
    if not os.path.exists(target):
        # Another QGIS may do the same at this moment.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part, open(path, "rb") as file:
            shutil.copyfileobj(file, part)
        os.replace(part.name, target)
    os.utime(target)
    for entry in os.scandir(folder):
        if entry.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
            os.remove(entry.path)
    return target


def warn_of_edits(layer, feedback):
    """A file does not hold what is being edited."""
    if layer.isEditable() and layer.isModified():
        feedback.pushWarning(tr("{name} has changes that are not saved: the saved features are used.").format(name=layer.name()))


def named(path, table):
    """A vector file and the layer in it."""
    # QGIS names the layer of a file that holds one only, too; a shapefile's follows from the file.
    return f"{absolute(path)}|layername={table}" if table and path.lower().endswith(".gpkg") else absolute(path)


def _layers(parameters, name, context):
    """The layers of a parameter. QGIS leaves out silently what it cannot open."""
    given = parameters.get(name)
    if given in (None, "", []):
        return []
    found = []
    for each in given if isinstance(given, (list, tuple)) else [given]:
        layer = each if isinstance(each, (QgsRasterLayer, QgsVectorLayer)) else QgsProcessingUtils.mapLayerFromString(str(each), context)
        if layer is None or not layer.isValid():
            raise QgsProcessingException(tr("{name} cannot be opened as a layer.").format(name=each))
        found.append(layer)
    return found


def _raster(layer):
    """Address of the file or URL behind a raster layer."""
    source = layer.source()
    # Options of GDAL that a person has set follow after a bar, which a name may have, too.
    has_options = "|option:" in source or "|credential:" in source
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal" or (has_options and not os.path.exists(source)):
        raise QgsProcessingException(
            tr("{name} is not a raster in a file or at a URL that the program can read (for example, it is a web map).").format(name=layer.name())
        )
    if layer.crs().isValid() and layer.crs() != layer.dataProvider().crs():
        raise QgsProcessingException(tr("{name} has a CRS that its file does not have: export the layer, and use the export.").format(name=layer.name()))
    if source.startswith("/vsi"):
        for scheme, prefix in STORES.items():
            if source.startswith(prefix):
                return scheme + source[len(prefix):]
        return source
    # Names of data sets inside a file, such as NETCDF:"a.nc":b, are no paths.
    return absolute(source) if is_url(source) or os.path.exists(source) else source
