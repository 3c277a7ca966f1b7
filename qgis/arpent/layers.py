# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes layers of outputs, and puts them into a group of the project for each output."""

from osgeo import ogr
from qgis.core import (
    QgsLayerMetadata,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt import sip

from . import settings, styles
from .output import OutputError
from .texts import language, tr

# Properties of layers and groups, which QGIS stores in the project: the output, the place in its group from the top, whether the layer is drawn.
GROUP, RANK, SHOWN = "arpent/output", "arpent/rank", "arpent/shown"


def title(layer, table):
    """Name of a layer in the legend."""
    titles = {
        "features": tr("Features"),
        "events": tr("Changes"),
        "zones": tr("Zones"),
        "map": tr("Map"),
        "before": tr("Map of the earlier date"),
        "labels": tr("Prediction"),
        "values": tr("Measured values"),
        "evidence": tr("Difference of the images"),
        "mask": tr("Not observed"),
        "confidence": tr("Confidence"),
    }
    name = titles.get(layer.role, layer.stem)
    return name if table in (None, layer.stem) else f"{name}: {table}"


def tables_of(layer, address):
    """Names of the layers with geometries in a vector file."""
    try:
        source = ogr.Open(layer.path, 0)
    except RuntimeError:
        source = None
    if source is None:
        raise OutputError(tr("{file} of {address} cannot be opened: `arpent check` lists missing and damaged files.").format(
            file=layer.path, address=address))
    opened = [source.GetLayerByIndex(index) for index in range(source.GetLayerCount())]
    return [each.GetName() for each in opened if each.GetGeomType() != ogr.wkbNone]


def make(output, feedback):
    """The layers of an output with their styles, from the top of the legend to its bottom; what cannot be opened is reported and left out."""
    made = []
    for wanted in output.layers():
        try:
            for table in [None] if wanted.is_raster else tables_of(wanted, output.address):
                made.append(_make(output, wanted, table, feedback))
        except OutputError as error:
            feedback.reportError(str(error))
    for rank, layer in enumerate(made):
        layer.setCustomProperty(RANK, rank)
    return made


def _make(output, wanted, table, feedback):
    """One layer."""
    name = title(wanted, table)
    if wanted.is_raster:
        layer = QgsRasterLayer(wanted.path, name, "gdal")
    else:
        layer = QgsVectorLayer(f"{wanted.path}|layername={table}", name, "ogr")
    if not layer.isValid():
        raise OutputError(tr("{file} of {address} cannot be opened: `arpent check` lists missing and damaged files.").format(
            file=wanted.path, address=output.address))
    layer.setMetadata(_metadata(output, name))
    qml = styles.style_of(wanted.path, table)
    problem = styles.apply(layer, qml) if qml else ""
    if problem:
        feedback.pushWarning(tr("The style of {file} cannot be read: {error}").format(file=wanted.path, error=problem))
    if not qml or problem:
        styles.name_classes(layer)
    if isinstance(layer, QgsVectorLayer):
        _entitle(layer, output)
        # What was published stays as it is: its hashes are in the manifest. A copy can be edited.
        layer.setReadOnly(True)
    layer.setCustomProperty(GROUP, f"{output.address} {output.attempt}")
    layer.setCustomProperty(SHOWN, "yes" if wanted.shown else "no")
    return layer


def _entitle(layer, output):
    """Gives columns the titles of the manifest where the style has none."""
    columns = output.manifest.get("columns")
    fields = columns.get("fields") if isinstance(columns, dict) else None
    key = "title:fr" if language() == "fr" else "title"
    titles = {str(each.get("name")): each.get(key) or each.get("title") for each in fields or [] if isinstance(each, dict)}
    for index, field in enumerate(layer.fields()):
        if not layer.attributeAlias(index) and titles.get(field.name()):
            layer.setFieldAlias(index, str(titles[field.name()]))


def _metadata(output, name):
    """What the layer is, for the properties and the tooltip."""
    manifest, metadata = output.manifest, QgsLayerMetadata()
    model = manifest.get("model") if isinstance(manifest.get("model"), dict) else {}
    metadata.setTitle(f"{output.name}: {name}")
    metadata.setAbstract(
        tr("A proposal, not verified. Run {run} of {created}; model {model}. Its files must not be changed: export a copy to edit it.").format(
            run=manifest.get("run_id"), created=manifest.get("created"), model=" ".join(str(model.get(key, "")) for key in ("id", "version")).strip()
        )
    )
    metadata.setLicenses([str(model["license"])] if model.get("license") else [])
    return metadata


class Placer(QgsProcessingLayerPostProcessorInterface):
    """Puts a layer that QGIS has added to the project into the group of its output. Runs in the main thread."""

    def __init__(self, layer, group):
        super().__init__()
        self.title, self.group, self.qml = layer.name(), group, styles.export(layer)

    def postProcessLayer(self, layer, context, _feedback):
        project = context.project()
        node = project.layerTreeRoot().findLayer(layer.id()) if project is not None else None
        if node is None:
            return
        # QGIS has named the layer after its file, and has replaced its style and properties if a style is set for all results of Processing.
        styles.apply(layer, self.qml)
        layer.setName(self.title)
        place(layer, node, project.layerTreeRoot(), self.group)


def place(layer, node, root, name):
    """Moves a layer of the tree into the group of its output, in the order of the output."""
    key, rank, shown = layer.customProperty(GROUP), int(layer.customProperty(RANK)), layer.customProperty(SHOWN) == "yes"
    group = next((each for each in root.findGroups(True) if each.customProperty(GROUP) == key), None)
    if group is None:
        # A group that a person has set for all results of Processing; where QGIS would insert a layer otherwise depends on what is selected.
        wanted = settings.results_group()
        parent = (root.findGroup(wanted) if wanted else None) or root
        group = parent.insertGroup(0, name)
        group.setCustomProperty(GROUP, key)
    others = [each.layer() for each in group.findLayers() if each.layer() is not None]
    moved = node.clone()
    moved.setItemVisibilityChecked(shown)
    # Legends of layers that are not drawn would hide the others.
    moved.setExpanded(shown)
    group.insertChildNode(sum(int(each.customProperty(RANK, -1)) < rank for each in others), moved)
    (node.parent() or root).removeChildNode(node)


_placers = []


def load(outputs, context, feedback):
    """Makes the layers of outputs and has QGIS add them when the algorithm is done. Returns their ids."""
    ids = []
    for output in outputs:
        for layer in make(output, feedback):
            name = layer.name()
            details = QgsProcessingContext.LayerDetails(name, context.project(), name)
            placer = Placer(layer, output.name)
            # QGIS deletes it with the context; until then, Python must hold its part of it.
            sip.transferto(placer, None)
            _placers[:] = [each for each in _placers if not sip.isdeleted(each)] + [placer]
            details.setPostProcessor(placer)
            context.temporaryLayerStore().addMapLayer(layer)
            context.addLayerToLoadOnCompletion(layer.id(), details)
            ids.append(layer.id())
    return ids
