# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`arpent run`: a model on imagery."""

import os

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from .. import inputs, packages, program, settings
from ..texts import language, tr
from .base import PublishingAlgorithm

DEVICES = ["auto", "cpu", "vulkan", "cuda"]
LANGUAGES = ["en", "fr"]


class Run(PublishingAlgorithm):
    """A model on imagery, to a published map."""

    NAME = "run"
    CONTINUES = True

    def title(self):
        return tr("Run a model on imagery")

    def help(self):
        return [
            tr("Reads imagery, predicts, and publishes rasters and features: arpent run."),
            tr("Choose an installed model, or the folder of another model package. The model says which bands and pixel sizes it takes."),
            tr("A run that is canceled keeps what it computed: run it again with the same parameters to continue."),
            tr("Scenes that cannot be read are reported; the others are published."),
            tr("The result is a proposal: every feature is not verified until a named person decides."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add(
            QgsProcessingParameterMultipleLayers("SCENES", tr("Scenes"), QgsProcessing.TypeRaster, optional=True),
            tr("Raster layers in files or at URLs."),
        )
        model = QgsProcessingParameterString("MODEL", tr("Model"), optional=True)
        model.setMetadata({"widget_wrapper": {"value_hints": ["", *installed()]}})
        self.add(model, tr("The id of an installed model; the algorithm Models lists them."))
        self.add(
            QgsProcessingParameterFile("MODEL_FOLDER", tr("Or the folder of another model"), QgsProcessingParameterFile.Folder, optional=True),
            tr("The folder with model.json."),
        )
        self.add(
            QgsProcessingParameterFeatureSource("AOI", tr("Area of interest"), [QgsProcessing.TypeVectorPolygon], optional=True),
            tr("Polygons, in any CRS."),
        )
        self.add(
            QgsProcessingParameterString("SCENE_ADDRESSES", tr("Further scenes, one a line"), multiLine=True, optional=True),
            tr("Files, globs, folders, URLs, STAC items, or @list.txt."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterMultipleLayers("BEFORE", tr("Scenes of the earlier date"), QgsProcessing.TypeRaster, optional=True),
            tr("For a model that compares two dates."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterString("ACQUIRED", tr("Date of acquisition"), optional=True),
            tr("2021, 2021-07 or 2021-07-14, if the files hold none."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterMultipleLayers("MASKS", tr("Masks of clouds and shadows"), QgsProcessing.TypeMapLayer, optional=True),
            tr("Polygons or rasters of classes: what was not observed."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterString("MASK_CLASSES", tr("Classes that mask"), optional=True),
            tr("Names or values, separated by commas."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber("MIN_AREA", tr("Smallest feature (m²)"), QgsProcessingParameterNumber.Double, optional=True, minValue=0),
            tr("Smaller features are left out."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterEnum("TITLES", tr("Language of the output"), LANGUAGES, optional=True, usesStaticStrings=True),
            tr("Titles of columns; by default the language of QGIS."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterEnum("DEVICE", tr("Device"), DEVICES, optional=True, usesStaticStrings=True),
            tr("The best one by default."),
            advanced=True,
        )
        for name, title in (("WINDOW", tr("Side of a window (pixels)")), ("THREADS", tr("Threads"))):
            self.add(
                QgsProcessingParameterNumber(name, title, QgsProcessingParameterNumber.Integer, optional=True, minValue=1),
                tr("Changes speed and memory, never the result."),
                advanced=True,
            )
        self.add(
            QgsProcessingParameterBoolean("GROUP_BY_CRS", tr("One map for each grid"), False),
            tr("When scenes differ in CRS or pixel size: each map gets a folder of its own."),
            advanced=True,
        )
        self.add_output()

    def processAlgorithm(self, parameters, context, feedback):
        self.refuse_beside_config(parameters, ["MIN_AREA", "TITLES"])
        scenes = inputs.rasters(parameters, "SCENES", context) + inputs.lines(self.parameterAsString(parameters, "SCENE_ADDRESSES", context))
        words = [f"--scene={scene}" for scene in scenes]
        words += [f"--before={scene}" for scene in inputs.rasters(parameters, "BEFORE", context)]
        words += [f"--mask={mask}" for mask in inputs.layers(parameters, "MASKS", context, feedback)]
        area = inputs.vector(self, parameters, "AOI", context, feedback)
        words += [f"--aoi={area}"] if area else []
        for name, option in (("ACQUIRED", "acquired"), ("MASK_CLASSES", "mask-classes"), ("DEVICE", "device"), ("WINDOW", "window"), ("THREADS", "threads")):
            if parameters.get(name) not in (None, ""):
                words.append(f"--{option}={self.parameterAsString(parameters, name, context)}")
        if self.parameterAsBool(parameters, "GROUP_BY_CRS", context):
            words.append("--group-by-crs")
        has_config = bool(self.parameterAsString(parameters, self.CONFIG, context))
        model = self.model(parameters, context, has_config)
        if not scenes and not has_config:
            raise QgsProcessingException(tr("There is no scene: choose raster layers, or give addresses."))
        words += [f"--model={model}"] if model else []
        features = {"titles": self.parameterAsString(parameters, "TITLES", context) or language()}
        if parameters.get("MIN_AREA") is not None:
            features["min_area_m2"] = self.parameterAsDouble(parameters, "MIN_AREA", context)
        return self.publish("run", words, [("", {"model": model}), ("[features]", features)], parameters, context, feedback)

    def model(self, parameters, context, has_config):
        """Folder of the model package; empty if the configuration names it."""
        name = self.parameterAsString(parameters, "MODEL", context).strip()
        folder = self.parameterAsString(parameters, "MODEL_FOLDER", context).strip()
        if name and folder:
            raise QgsProcessingException(tr("Choose a model, or the folder of another one, not both."))
        if folder or os.path.isdir(name):
            folder = os.path.abspath(os.path.expanduser(folder or name))
            if packages.read(folder) is None:
                raise QgsProcessingException(tr("{folder} holds no model package (a readable model.json).").format(folder=folder))
            return folder
        found = installed()
        if name in found:
            return os.path.abspath(found[name][0])
        if name or not has_config:
            names = ", ".join(found) or tr("none; set the folders of model packages in the Processing options")
            what = tr("There is no installed model {name}.").format(name=name) if name else tr("Choose a model.")
            raise QgsProcessingException(what + " " + tr("Installed: {names}.").format(names=names))
        return ""


def installed():
    """Installed model packages by id."""
    return packages.found(packages.folders(settings.model_folders(), program.find(settings.program())))
