# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Layers of QGIS as the program names them: files and URLs, with the layer in a file of several."""

import os

from qgis.core import QgsProcessingException, QgsProcessingUtils, QgsRasterLayer, QgsVectorLayer

from .output import STORES, absolute, is_url
from .texts import tr

# Vector formats that both read; anything else is exported as a GeoPackage.
READ_BY_BOTH = ["gpkg", "shp", "geojson", "fgb"]


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
                layer, False, "layer", READ_BY_BOTH, "gpkg", context, feedback
            )
            found.append(named(path, table))
        else:
            found.append(_raster(layer))
    return found


def lines(text):
    """Addresses in a text with one a line, paths made absolute."""
    found = [line.strip() for line in text.splitlines()]
    # `@list.txt` names a list.
    return [("@" + absolute(line[1:]) if line.startswith("@") else absolute(line)) for line in found if line]


def vector(algorithm, parameters, name, context, feedback):
    """Address of the file with the features of a parameter; what is no file, filtered or selected is exported first. None without a value."""
    if algorithm.parameterAsSource(parameters, name, context) is None:
        if parameters.get(name) in (None, ""):
            return None
        raise QgsProcessingException(algorithm.invalidSourceError(parameters, name))
    layer = algorithm.parameterAsVectorLayer(parameters, name, context)
    if layer is not None:
        warn_of_edits(layer, feedback)
    path, table = algorithm.parameterAsCompatibleSourceLayerPathAndLayerName(parameters, name, context, READ_BY_BOTH, "gpkg", feedback)
    return named(path, table)


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
    if not isinstance(layer, QgsRasterLayer) or layer.providerType() != "gdal" or has_options and not os.path.exists(source):
        raise QgsProcessingException(
            tr("{name} is not a raster in a file or at a URL that the program can read (for example, it is a web map).").format(name=layer.name())
        )
    if source.startswith("/vsi"):
        for scheme, prefix in STORES.items():
            if source.startswith(prefix):
                return scheme + source[len(prefix):]
        return source
    # Names of data sets inside a file, such as NETCDF:"a.nc":b, are no paths.
    return absolute(source) if is_url(source) or os.path.exists(source) else source
