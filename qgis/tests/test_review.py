# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Decisions: out to a GeoPackage, entered there, and back."""

import pathlib
import subprocess

import harness
import processing
from harness import Feedback
from qgis.core import QgsProject, QgsVectorLayerUtils
from test_algorithms import Case


class Review(Case):
    """arpent review export, arpent review import"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run([harness.PROGRAM, "review", "new", cls.map, "--name", "first"], check=True, stdout=subprocess.DEVNULL)

    def export(self, name, **more):
        parameters = {"INPUT": self.map, "OUTPUT": str(self.folder / name), **more}
        return processing.run("arpent:reviewexport", parameters, feedback=Feedback())

    def decide(self, file, verdict):
        """A row, as the form adds it."""
        project = QgsProject.instance()
        self.assertTrue(project.read(f"geopackage:{file}?projectName=review"))
        layer = next(layer for layer in project.mapLayers().values() if "layername=decisions" in layer.source())
        features = next(layer for layer in project.mapLayers().values() if "layername=features" in layer.source())
        self.assertTrue(features.readOnly())
        feature = min(feature.attribute("id") for feature in features.getFeatures())
        fields = layer.fields()
        given = {fields.indexOf("feature"): feature, fields.indexOf("verdict"): verdict}
        context = layer.createExpressionContext()
        layer.startEditing()
        layer.addFeature(QgsVectorLayerUtils.createFeature(layer, attributes=given, context=context))
        self.assertTrue(layer.commitChanges(), layer.commitErrors())
        project.clear()

    def test_decisions_go_out_and_come_back_once(self):
        person = {"PERSON": "Ana Roux", "FUNCTION": "SIG officer", "ORGANIZATION": "DDTM 13"}
        made = self.export("review.gpkg", LANGUAGE=1, **person)
        self.assertGreater(made["FEATURES"], 5)
        self.assertEqual(made["DECISIONS"], 0)
        self.assertTrue(pathlib.Path(made["OUTPUT"]).is_file())
        self.decide(made["OUTPUT"], "confirmed")
        for new, known in ((1, 0), (0, 1)):
            result = processing.run("arpent:reviewimport", {"INPUT": self.map, "FILES": [made["OUTPUT"]]}, feedback=Feedback())
            self.assertEqual((result["ROWS"], result["NEW"], result["KNOWN"]), (1, new, known))
        self.assertEqual(self.export("again.gpkg")["DECISIONS"], 1)
        self.assertIn("is there already", self.fails("reviewexport", {"INPUT": self.map, "OUTPUT": made["OUTPUT"]}))

    def test_what_cannot_be_imported_is_said(self):
        made = self.export("review.gpkg")
        other = self.folder / "other.csv"
        other.write_text("feature,verdict\n", encoding="utf-8")
        mixed = {"INPUT": self.map, "FILES": [made["OUTPUT"], str(other)]}
        self.assertIn("one after the other", self.fails("reviewimport", mixed))
        bad = self.folder / "bad.gpkg"
        bad.write_bytes(b"no database")
        self.assertIn("no GeoPackage of a review", self.fails("reviewimport", {"INPUT": self.map, "FILES": [str(bad)]}))
        nameless = {"INPUT": self.map, "OUTPUT": str(self.folder / "x.gpkg"), "PERSON": "Ana Roux"}
        self.assertIn("--function", self.fails("reviewexport", nameless))
