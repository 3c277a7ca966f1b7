# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Layers of a published output. Needs no program."""

from qgis.core import QgsProcessingException, QgsProcessingOutputMultipleLayers, QgsProcessingOutputNumber, QgsProcessingParameterFile

from .. import layers, output
from ..texts import tr
from .base import Algorithm


class Open(Algorithm):
    """Opens an output with its styles."""

    NAME = "open"

    def title(self):
        return tr("Open a published output")

    def help(self):
        return [
            tr("Adds the layers of an output to the project, with their styles, in a group: features, changes or zones above, rasters below."),
            tr("Layers are read-only, so that the output stays as it was published. To edit, export a copy (Export > Save Features As)."),
            tr("The program is not needed for this."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add(
            QgsProcessingParameterFile("INPUT", tr("Output"), QgsProcessingParameterFile.Folder),
            tr("The folder with manifest.json, or a URL: s3://, gs://, az://, https://."),
        )
        self.addOutput(QgsProcessingOutputNumber("FAILED_SCENES", tr("Scenes that failed")))
        self.addOutput(QgsProcessingOutputMultipleLayers("LAYERS", tr("Layers")))

    def processAlgorithm(self, parameters, context, feedback):
        try:
            found = output.find(self.parameterAsString(parameters, "INPUT", context))
            ids = layers.load(found, context, feedback)
        except output.OutputError as error:
            raise QgsProcessingException(str(error)) from error
        failed = [scene for each in found for scene in each.manifest.get("failed_inputs") or []]
        for scene in failed:
            feedback.pushWarning(tr("Not in the output: {scene}: {reason}").format(scene=scene.get("uri"), reason=scene.get("reason")))
        if not ids:
            raise QgsProcessingException(tr("No layer of the output can be opened."))
        return {"FAILED_SCENES": len(failed), "LAYERS": ids}
