# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`arpent change`: two dates."""

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from .. import inputs, output
from ..texts import language, tr
from .base import PublishingAlgorithm

METHODS = ["irmad", "cva"]


class Change(PublishingAlgorithm):
    """What became what between two dates."""

    NAME = "change"

    def title(self):
        return tr("Compare two dates")

    def help(self):
        return [
            tr("What changed between two dates, as events with their area, kind and evidence: arpent change."),
            tr("Two maps give what became what; images of both dates alone give where something changed, without any model. "
               "Maps with the images behind them have both."),
            tr("Files that hold no date need one: 2018 or 2018-07-14."),
        ]

    def initAlgorithm(self, _configuration=None):
        dates = (
            ("BEFORE", tr("Images of the earlier date"), tr("Map of the earlier date (output of a run)"), tr("Earlier date")),
            ("AFTER", tr("Images of the later date"), tr("Map of the later date (output of a run)"), tr("Later date")),
        )
        for name, images, published, date in dates:
            self.add(
                QgsProcessingParameterMultipleLayers(name, images, QgsProcessing.TypeRaster, optional=True),
                tr("Raster layers in files or at URLs, on one grid."),
            )
            self.add(
                QgsProcessingParameterFile(f"{name}_MAP", published, QgsProcessingParameterFile.Folder, optional=True),
                tr("The folder with manifest.json; a label raster or a vector layer of land cover is a path, too."),
            )
            self.add(QgsProcessingParameterString(f"{name}_DATE", date, optional=True), tr("2018, 2018-07 or 2018-07-14."))
        for name, title in (("MASK_BEFORE", tr("Not observed at the earlier date")), ("MASK_AFTER", tr("Not observed at the later date"))):
            self.add(
                QgsProcessingParameterFeatureSource(name, title, [QgsProcessing.TypeVectorPolygon], optional=True),
                tr("Polygons, such as clouds and their shadows."),
                advanced=True,
            )
        self.add(
            QgsProcessingParameterFeatureSource("ZONES", tr("Zones of the balance"), [QgsProcessing.TypeVectorPolygon], optional=True),
            tr("The balance of classes is also made for each of these polygons."),
            advanced=True,
        )
        for name, title in (("ZONES_ID", tr("Field with the id of a zone")), ("ZONES_NAME", tr("Field with the name of a zone"))):
            self.add(QgsProcessingParameterField(name, title, parentLayerParameterName="ZONES", optional=True), advanced=True)
        self.add(
            QgsProcessingParameterNumber("MIN_AREA", tr("Smallest change (m²)"), QgsProcessingParameterNumber.Double, optional=True, minValue=0),
            tr("Smaller changes are left out."),
        )
        self.add(
            QgsProcessingParameterEnum("METHOD", tr("How images are compared"), METHODS, optional=True, usesStaticStrings=True),
            tr("IR-MAD by default, or change-vector analysis."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterFile("PREVIOUS", tr("Comparison before this one"), QgsProcessingParameterFile.Folder, optional=True),
            tr("Its later date is the earlier one of this: objects keep their ids."),
            advanced=True,
        )
        self.add_output()

    def processAlgorithm(self, parameters, context, feedback):
        fixed = ["BEFORE_DATE", "AFTER_DATE", "MIN_AREA", "METHOD", "ZONES", "ZONES_ID", "ZONES_NAME"]
        self.refuse_beside_config(parameters, fixed)
        has_config = bool(self.parameterAsString(parameters, self.CONFIG, context))
        words, dates = [], []
        for name in ("BEFORE", "AFTER"):
            scenes = inputs.rasters(parameters, name, context)
            published = self.parameterAsString(parameters, f"{name}_MAP", context).strip()
            published = output.absolute(published) if published else None
            mask = inputs.vector(self, parameters, f"MASK_{name}", context, feedback)
            words += [f"--mask-{name.lower()}={mask}"] if mask else []
            if has_config:
                words += [f"--{name.lower()}={each}" for each in [*scenes, *([published] if published else [])]]
            elif not scenes and not published:
                raise QgsProcessingException(tr("Both dates need images or a map."))
            # Maps on the command line would replace the images beside them.
            date = self.parameterAsString(parameters, f"{name}_DATE", context).strip() or None
            dates.append({"scenes": scenes or None, "map": published, "date": date})
        previous = self.parameterAsString(parameters, "PREVIOUS", context).strip()
        words += [f"--previous={output.absolute(previous)}"] if previous else []
        return self.publish("change", words, self.tables(dates, parameters, context, feedback), parameters, context, feedback)

    def tables(self, dates, parameters, context, feedback):
        """The configuration."""
        area = self.parameterAsDouble(parameters, "MIN_AREA", context) if parameters.get("MIN_AREA") is not None else None
        tables = [("", {"titles": language()}), ("[before]", dates[0]), ("[after]", dates[1]), ("[events]", {"min_area_m2": area})]
        if all(date["scenes"] for date in dates):
            tables.append(("[images]", {"method": self.parameterAsString(parameters, "METHOD", context) or METHODS[0]}))
        elif parameters.get("METHOD") not in (None, ""):
            raise QgsProcessingException(tr("How images are compared needs images of both dates."))
        zones = inputs.vector(self, parameters, "ZONES", context, feedback, keep_order=True)
        if zones:
            fields = {key: self.parameterAsString(parameters, f"ZONES_{key.upper()}", context) or None for key in ("id", "name")}
            tables.append(("[[zones]]", {"level": "zone", "source": zones, **fields}))
        return tables
