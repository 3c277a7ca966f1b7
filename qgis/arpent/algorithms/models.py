# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Models: the packages on this machine, and published networks that `arpent model import` makes packages of."""

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from ..texts import language, tr
from .base import ProgramAlgorithm
from .run import installed

TEXTS = ("name", "version", "title", "installed", "task", "classes", "bands", "license", "place")
NUMBERS = ("gsd_m", "gsd_min_m", "gsd_max_m")


class Models(ProgramAlgorithm):
    """A table of models."""

    NAME = "models"

    def title(self):
        return tr("Models")

    def help(self):
        return [
            tr("A table of the models that are installed here, with their classes, bands, pixel sizes, licenses and folders."),
            tr("Published networks follow, which arpent model import makes packages of; the command is in the column place."),
            tr("Where packages lie is set in the Processing options; by default, those that were installed with the program."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add(QgsProcessingParameterFeatureSink("OUTPUT", tr("Table of models"), QgsProcessing.TypeVector))
        self.addOutput(QgsProcessingOutputNumber("INSTALLED", tr("Installed models")))
        self.addOutput(QgsProcessingOutputNumber("PUBLISHED", tr("Published networks")))

    def processAlgorithm(self, parameters, context, feedback):
        _, document = self.command(["model", "list"], feedback)
        packages = [of_package(folder, description) for folder, description in installed().values()]
        presets = [of_preset(preset) for preset in document.get("presets") or []]
        if not packages:
            feedback.pushWarning(tr("No model package was found: set the folders of model packages in the Processing options."))
        fields = QgsFields()
        for name in TEXTS:
            fields.append(QgsField(name, QVariant.String))
        for name in NUMBERS:
            fields.append(QgsField(name, QVariant.Double))
        sink, place = self.parameterAsSink(
            parameters, "OUTPUT", context, fields, QgsWkbTypes.NoGeometry, QgsCoordinateReferenceSystem()
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, "OUTPUT"))
        for row in packages + presets:
            feature = QgsFeature(fields)
            feature.setAttributes([row.get(name) for name in TEXTS + NUMBERS])
            if not sink.addFeature(feature, QgsFeatureSink.FastInsert):
                raise QgsProcessingException(sink.lastError())
        del sink
        return {"OUTPUT": place, "INSTALLED": len(packages), "PUBLISHED": len(presets)}


def of_package(folder, description):
    """The row of a package."""
    gsd = description.get("gsd_m") or {}
    return {
        "name": description.get("id"),
        "version": description.get("version"),
        "title": description.get("title"),
        "installed": tr("yes"),
        "task": description.get("task"),
        "classes": _classes(description),
        "bands": _bands(description),
        "license": description.get("license", description.get("licence")),
        "place": folder,
        "gsd_m": gsd.get("nominal"),
        "gsd_min_m": gsd.get("min"),
        "gsd_max_m": gsd.get("max"),
    }


def of_preset(preset):
    """The row of a published network."""
    nominal, finest, coarsest = [*(preset.get("gsd_m") or []), None, None, None][:3]
    return {
        "name": preset.get("name"),
        "title": preset.get("title"),
        "installed": tr("no"),
        "classes": _classes(preset),
        "bands": _bands(preset),
        "license": preset.get("license"),
        "place": preset.get("import"),
        "gsd_m": nominal,
        "gsd_min_m": finest,
        "gsd_max_m": coarsest,
    }


def _names(items, key):
    """Names of a list of objects with names, or of names."""
    names = [(item.get(key) or item.get("name")) if isinstance(item, dict) else item for item in items or []]
    return ", ".join(str(name) for name in names)


def _classes(of):
    return _names(of.get("classes"), "name_fr" if language() == "fr" else "name")


def _bands(of):
    return _names(of.get("bands"), "name")
