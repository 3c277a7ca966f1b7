# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`arpent zonal`: a published map in zones."""

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from .. import inputs, output
from ..texts import language, tr
from .base import PublishingAlgorithm


class Zonal(PublishingAlgorithm):
    """Area, share and score of each class per zone."""

    NAME = "zonal"

    def title(self):
        return tr("Zonal statistics")

    def help(self):
        return [
            tr("Area, share and mean score of each class of a published map in each zone, such as parcels or communes: arpent zonal."),
            tr("The map is the output of a run. Its files are first compared with its manifest."),
            tr("Lines, such as sections of road, need a configuration with their width: docs/guides/zonal-statistics.md."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add(
            QgsProcessingParameterFile("MAP", tr("Map (output of a run)"), QgsProcessingParameterFile.Folder),
            tr("The folder with manifest.json, or the URL of an object store."),
        )
        kinds = [QgsProcessing.TypeVectorPolygon, QgsProcessing.TypeVectorLine]
        self.add(QgsProcessingParameterFeatureSource("ZONES", tr("Zones"), kinds), tr("Polygons, in any CRS."))
        self.add(
            QgsProcessingParameterField("ID", tr("Field with the id of a zone"), parentLayerParameterName="ZONES", optional=True),
            tr("The number of the feature by default."),
        )
        self.add(
            QgsProcessingParameterField("KEEP", tr("Fields to keep"), parentLayerParameterName="ZONES", allowMultiple=True, optional=True),
            tr("Copied into the result."),
        )
        self.add(
            QgsProcessingParameterString("RANK_BY", tr("Rank by the share of these classes"), optional=True),
            tr("Names of classes, separated by commas. 1 is the zone with the largest share."),
        )
        self.add_output()

    def processAlgorithm(self, parameters, context, feedback):
        self.refuse_beside_config(parameters, ["ID", "KEEP", "RANK_BY"])
        zones = inputs.vector(self, parameters, "ZONES", context, feedback, keep_order=True)
        published = output.absolute(self.parameterAsString(parameters, "MAP", context))
        ranked = [name.strip() for name in self.parameterAsString(parameters, "RANK_BY", context).split(",") if name.strip()]
        keys = {
            "id": self.parameterAsString(parameters, "ID", context) or None,
            "keep": self.parameterAsFields(parameters, "KEEP", context) or None,
            "rank_by": ranked or None,
            "titles": language(),
        }
        return self.publish("zonal", [f"--map={published}", f"--zones={zones}"], [("", keys)], parameters, context, feedback)
