"""What QGIS shows of outputs: reads paths of projects and files as JSON from standard input, writes JSON to standard output."""

import collections
import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (  # noqa: E402
    QgsApplication,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsLayerTreeGroup,
    QgsMapLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # noqa: E402
from qgis.PyQt.QtGui import QColor  # noqa: E402

BACKGROUND = "#ff00ff"


def legend(layer):
    """Labels and colors, as the tree of layers shows them."""
    if layer.type() == QgsMapLayer.RasterLayer:
        renderer = layer.renderer()
        if renderer.type() == "paletted":
            return [[c.label, c.color.name(), str(c.value)] for c in renderer.classes()]
        if renderer.type() == "singlebandpseudocolor":
            items = renderer.shader().rasterShaderFunction().colorRampItemList()
            return [[i.label, i.color.name(), str(i.value)] for i in items]
        return [[str(label), color.name(), ""] for label, color in renderer.legendSymbologyItems()]
    renderer = layer.renderer()
    if renderer is None:
        return []
    items = renderer.legendSymbolItems()
    return [[i.label(), i.symbol().color().name() if i.symbol() else "", i.ruleKey()] for i in items]


def tip(layer, feature):
    """The map tip of a feature, as HTML."""
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setFeature(feature)
    return QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context)


def render(layers, crs, extent, width, height, path=None):
    """Pixels by color of a picture of layers, without smoothing."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(width, height))
    settings.setBackgroundColor(QColor(BACKGROUND))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    errors = [f"{e.layerID}: {e.message}" for e in job.errors()]
    image = job.renderedImage()
    if path:
        image.save(path)
    counts = collections.Counter()
    for y in range(image.height()):
        counts.update(image.pixelColor(x, y).name() for x in range(image.width()))
    return {"errors": errors, "colors": counts}


def describe(layer):
    told = {
        "name": layer.name(),
        "id": layer.id(),
        "valid": layer.isValid(),
        "source": layer.source(),
        "crs": layer.crs().authid(),
        "read_only": layer.readOnly(),
        "rights": layer.metadata().rights(),
        "licenses": layer.metadata().licenses(),
    }
    if not layer.isValid():
        return told
    told["legend"] = legend(layer)
    if layer.type() == QgsMapLayer.RasterLayer:
        told["renderer"] = layer.renderer().type()
        size = (layer.width(), layer.height())
        told["drawn"] = render([layer], layer.crs(), layer.extent(), *size)
        return told
    told["renderer"] = layer.renderer().type() if layer.renderer() else None
    told["attribute"] = layer.renderer().classAttribute() if told["renderer"] == "categorizedSymbol" else None
    told["features"] = layer.featureCount()
    told["labels"] = layer.labelsEnabled()
    fields = layer.fields()
    told["aliases"] = {f.name(): layer.attributeAlias(i) for i, f in enumerate(fields)}
    told["value_maps"] = {}
    for i, field in enumerate(fields):
        widget = layer.editorWidgetSetup(i)
        if widget.type() == "ValueMap":
            told["value_maps"][field.name()] = [list(pair.items())[0] for pair in widget.config()["map"]]
    told["tips"] = [tip(layer, feature) for feature, _ in zip(layer.getFeatures(), range(200))]
    if layer.isSpatial():
        told["drawn"] = render([layer], layer.crs(), layer.extent(), 300, 300)
        told["editable"] = layer.startEditing()
        layer.rollBack()
    return told


def groups(node):
    """Groups with the names of their layers, and whether each is shown."""
    found = []
    for child in node.children():
        if isinstance(child, QgsLayerTreeGroup):
            layers = [[layer.name(), layer.isVisible()] for layer in child.findLayers()]
            found.append([child.name(), layers])
    return found


def project(address, picture):
    opened = QgsProject()
    told = {"read": opened.read(address), "title": opened.title(), "crs": opened.crs().authid()}
    layers = {layer.id(): layer for layer in opened.mapLayers().values()}
    told["layers"] = [describe(layer) for layer in layers.values()]
    told["groups"] = groups(opened.layerTreeRoot())
    extent = opened.viewSettings().defaultViewExtent()
    told["extent"] = [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()]
    told["abstract"] = opened.metadata().abstract()
    shown = [node.layer() for node in opened.layerTreeRoot().findLayers() if node.isVisible() and node.layer()]
    if shown:
        told["drawn"] = render(shown, opened.crs(), extent, 640, 480, picture)
    opened.clear()
    return told


def file(address):
    """A file that is opened by itself: with the style beside it, or inside it."""
    if address.split("|")[0].endswith(".tif"):
        layer = QgsRasterLayer(address, "file")
        return {"legend": legend(layer), "renderer": layer.renderer().type()}
    layer = QgsVectorLayer(address, "file", "ogr")
    told = {"legend": legend(layer), "renderer": layer.renderer().type() if layer.renderer() else None}
    told["tips"] = [tip(layer, feature) for feature, _ in zip(layer.getFeatures(), range(3))]
    return told


def edit(address):
    """Begins to edit, changes a value and cancels."""
    layer = QgsVectorLayer(address, "file", "ogr")
    began = layer.startEditing()
    feature = next(layer.getFeatures(), None)
    changed = feature is not None and layer.changeAttributeValue(feature.id(), layer.fields().indexOf("state"), "x")
    return {"began": began, "changed": changed, "canceled": layer.rollBack()}


def main():
    asked = json.load(sys.stdin)
    application = QgsApplication([], True)
    application.initQgis()
    told = {
        "projects": [project(address, picture) for address, picture in asked["projects"]],
        "files": [file(address) for address in asked["files"]],
        "edits": [edit(address) for address in asked["edits"]],
    }
    json.dump(told, sys.stdout)
    sys.stdout.flush()
    # The end of an application without windows is not always clean in QGIS 3.22.
    os._exit(0)


main()
