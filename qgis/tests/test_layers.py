# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Outputs as layers: groups, styles, pictures, and outputs that are not as they should be."""

import functools
import http.server
import json
import os
import pathlib
import shutil
import tempfile
import threading
import unittest

import harness
import processing
from harness import Feedback
from osgeo import gdal
from qgis.core import (
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtXml import QDomDocument

CLASSES = ["building", "unpaved land", "road", "vegetation", "water"]


class Case(unittest.TestCase):
    """One output, copied where a test changes it."""

    @classmethod
    def setUpClass(cls):
        harness.configure()
        cls.shared = pathlib.Path(tempfile.mkdtemp(dir=harness.PLACE.name))
        cls.scene = harness.scene(cls.shared / "scene.tif")
        cls.map = cls.shared / "map"
        processing.run("arpent:run", {"SCENES": [cls.scene], "MODEL": "land-cover-50cm", "OUTPUT": str(cls.map)}, feedback=Feedback())

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=harness.PLACE.name))
        QgsProject.instance().clear()

    def copy(self):
        """The output in a folder of its own, and the folder of its files."""
        copy = self.folder / "copy"
        shutil.copytree(self.map, copy)
        return copy, copy / json.loads((copy / "manifest.json").read_text(encoding="utf-8"))["attempt"]

    def opens(self, path, feedback=None):
        """The layers by name."""
        processing.runAndLoadResults("arpent:open", {"INPUT": str(path)}, feedback=feedback or Feedback())
        return {layer.name(): layer for layer in QgsProject.instance().mapLayers().values()}

    def fails(self, path, feedback=None):
        """The message of an output that cannot be opened."""
        with self.assertRaises(QgsProcessingException) as caught:
            processing.run("arpent:open", {"INPUT": str(path)}, feedback=feedback or Feedback())
        return str(caught.exception)


class Groups(Case):
    """The tree of layers."""

    def test_an_output_is_a_group_in_order_and_two_are_two(self):
        self.opens(self.map)
        copy, _ = self.copy()
        self.opens(copy / "manifest.json")
        root = QgsProject.instance().layerTreeRoot()
        self.assertEqual([group.name() for group in root.findGroups()], ["copy", "map"])
        self.assertEqual(root.findLayers(), [node for group in root.findGroups() for node in group.findLayers()])
        for group in root.findGroups():
            drawn = [(node.name(), node.itemVisibilityChecked()) for node in group.findLayers()]
            self.assertEqual(drawn, [("Features", True), ("Prediction", True), ("Confidence", False)])

    def test_the_group_that_a_person_has_set_for_results_holds_them(self):
        from processing.core.ProcessingConfig import ProcessingConfig

        ProcessingConfig.setSettingValue(ProcessingConfig.RESULTS_GROUP_NAME, "Results")
        try:
            self.opens(self.map)
        finally:
            ProcessingConfig.setSettingValue(ProcessingConfig.RESULTS_GROUP_NAME, "")
        results = QgsProject.instance().layerTreeRoot().findGroup("Results")
        self.assertEqual([node.name() for node in results.children()], ["map"])
        self.assertEqual(len(results.findGroup("map").findLayers()), 3)

    def test_maps_of_several_grids_are_opened_together(self):
        both = self.folder / "both"
        for name in ("a", "b"):
            shutil.copytree(self.map, both / name)
        self.opens(both)
        self.assertEqual(sorted(group.name() for group in QgsProject.instance().layerTreeRoot().findGroups()), ["a", "b"])

    def test_a_layer_says_what_it_is_and_cannot_be_edited(self):
        features = self.opens(self.map)["Features"]
        self.assertTrue(features.readOnly())
        self.assertFalse(features.startEditing())
        manifest = json.loads((self.map / "manifest.json").read_text(encoding="utf-8"))
        self.assertIn("A proposal, not verified. Run " + manifest["run_id"], features.metadata().abstract())
        self.assertEqual(features.metadata().licenses(), [manifest["model"]["license"]])
        titles = {field["name"]: field["title"] for field in manifest["columns"]["fields"]}
        found = {field.name(): features.attributeAlias(index) for index, field in enumerate(features.fields())}
        self.assertEqual({name: found[name] for name in titles}, titles)

    def test_opening_and_reading_leaves_the_output_as_it_was(self):
        copy, _ = self.copy()
        before = harness.files(copy)
        for layer in self.opens(copy).values():
            if isinstance(layer, QgsVectorLayer):
                self.assertGreater(len(list(layer.getFeatures())), 0)
        QgsProject.instance().clear()
        after = harness.files(copy)
        self.assertEqual({name: after[name] for name in before}, before)
        self.assertTrue(processing.run("arpent:check", {"INPUT": str(copy)}, feedback=Feedback())["INTACT"])


class Styles(Case):
    """Legends and colors."""

    def test_legends_have_the_classes_of_the_model(self):
        layers = self.opens(self.map)
        self.assertEqual([each.label for each in layers["Prediction"].renderer().classes()], CLASSES)
        labels = {category.label() for category in layers["Features"].renderer().categories()}
        self.assertTrue(labels and labels <= set(CLASSES), labels)
        model = json.loads((harness.MODEL / "model.json").read_text(encoding="utf-8"))
        colors = {each["name"]: QColor(each["color"]).name() for each in model["classes"]}
        for each in layers["Prediction"].renderer().classes():
            self.assertEqual(each.color.name(), colors[each.label])

    def test_a_style_beside_the_file_goes_first(self):
        copy, files = self.copy()
        for each in files.glob("*.qml"):
            each.unlink()
        plain = QgsVectorLayer(f"{files / 'features.gpkg'}|layername=features", "x", "ogr")
        plain.setRenderer(plain.renderer().defaultRenderer(plain.geometryType()))
        plain.renderer().symbol().setColor(QColor("#123456"))
        plain.setFieldAlias(plain.fields().indexOf("score"), "My score")
        document = QDomDocument()
        plain.exportNamedStyle(document)
        for name in ("features.qml", "features.fgb.qml"):
            (files / name).write_text(document.toString(), encoding="utf-8")
            features = self.opens(copy)["Features"]
            self.assertEqual(features.renderer().symbol().color().name(), "#123456")
            self.assertEqual(features.attributeAlias(features.fields().indexOf("score")), "My score")
            self.assertTrue(features.readOnly())
            (files / name).unlink()
            QgsProject.instance().clear()

    def test_a_broken_style_is_reported_and_the_layer_is_there(self):
        copy, files = self.copy()
        for each in files.glob("*.qml"):
            each.unlink()
        (files / "features.qml").write_text("<qgis", encoding="utf-8")
        feedback = Feedback()
        self.assertTrue(self.opens(copy, feedback)["Features"].isValid())
        self.assertTrue(any("The style of " in warning for warning in feedback.warnings), feedback.warnings)

    def test_a_flatgeobuf_has_the_style_of_the_package_and_many_features_are_read_from_the_package(self):
        copy, files = self.copy()
        for each in files.glob("*.qml"):
            each.unlink()
        manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
        for manifest["counts"]["features"], name in ((250_000, "fgb"), (250_001, "gpkg")):
            (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
            features = self.opens(copy)["Features"]
            self.assertTrue(features.source().endswith(f"features.{name}|layername=features"), features.source())
            self.assertEqual(features.renderer().type(), "categorizedSymbol")
            QgsProject.instance().clear()

    def test_a_style_that_a_person_has_set_for_results_does_not_replace_it(self):
        from processing.core.ProcessingConfig import ProcessingConfig

        other = QDomDocument()
        QgsVectorLayer("Polygon", "x", "memory").exportNamedStyle(other)
        style = self.folder / "mine.qml"
        style.write_text(other.toString(), encoding="utf-8")
        ProcessingConfig.setSettingValue(ProcessingConfig.VECTOR_POLYGON_STYLE, str(style))
        try:
            features = self.opens(self.map)["Features"]
        finally:
            ProcessingConfig.setSettingValue(ProcessingConfig.VECTOR_POLYGON_STYLE, "")
        self.assertEqual(features.renderer().type(), "categorizedSymbol")

    def test_the_picture_has_the_colors_of_the_classes_where_the_raster_has_them(self):
        layers = self.opens(self.map)
        raster, image = layers["Prediction"], draw([layers["Prediction"]])
        values = gdal.Open(raster.source()).ReadRaster()
        for each in raster.renderer().classes():
            wanted = values.count(bytes([int(each.value)]))
            drawn = sum(image.pixelColor(x, y).name() == each.color.name() for x in range(image.width()) for y in range(image.height()))
            self.assertLessEqual(abs(drawn - wanted), 0.01 * len(values), each.label)
        self.assertGreater(len(set(values)), 2)
        both = draw([layers["Features"], layers["Prediction"]])
        if os.environ.get("ARPENT_PICTURES"):
            both.save(os.path.join(os.environ["ARPENT_PICTURES"], "both.png"))
        self.assertNotEqual(both, image)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A server of static files that answers range requests, as those that outputs are published on do."""

    def do_GET(self):
        wanted, path = self.headers.get("Range", ""), pathlib.Path(self.translate_path(self.path))
        if not wanted.startswith("bytes=") or not path.is_file():
            super().do_GET()
            return
        first, _, last = wanted[len("bytes="):].partition("-")
        content = path.read_bytes()
        part = content[int(first): int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_):
        pass


def draw(layers):
    """The map of these layers, a pixel for each of the first raster."""
    raster = next(layer for layer in layers if isinstance(layer, QgsRasterLayer))
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(raster.crs())
    settings.setExtent(raster.extent())
    settings.setOutputSize(QSize(raster.width(), raster.height()))
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


class Bad(Case):
    """Outputs that are not as they should be."""

    def test_what_is_no_output_says_so(self):
        self.assertIn("holds no complete output: manifest.json is missing", self.fails(self.folder))
        self.assertIn("holds no complete output", self.fails(self.folder / "nowhere"))
        self.assertIn("use a folder, or a URL with", self.fails("ftp://host/out"))
        (self.folder / "manifest.json").write_text("{", encoding="utf-8")
        self.assertIn("manifest.json cannot be read", self.fails(self.folder))
        (self.folder / "manifest.json").write_text('{"format": "arpent-run/9"}', encoding="utf-8")
        self.assertIn("has the format arpent-run/9, this plugin reads arpent-run/1. Update the plugin", self.fails(self.folder))
        (self.folder / "manifest.json").write_text("[]", encoding="utf-8")
        self.assertIn("has the format None", self.fails(self.folder))
        for artifacts in ("[]", "null", "3", "[3, null, {}]", '[{"href": "a/map.tif", "role": "map"}]'):
            text = f'{{"format": "arpent-run/1", "artifacts": {artifacts}, "columns": 1, "counts": 2, "model": "x"}}'
            (self.folder / "manifest.json").write_text(text, encoding="utf-8")
            wanted = "outside of the output" if "{}" in artifacts else "No layer of the output can be opened"
            self.assertIn(wanted, self.fails(self.folder), artifacts)

    def test_a_manifest_names_nothing_outside_of_its_folder(self):
        for href in ("../secret.tif", "/etc/passwd.tif", "a/../../b.tif", "C:/x.tif", "a\\b.tif", "http://host/a.tif", "a//b.tif", ""):
            artifacts = [{"href": href, "role": "labels"}]
            (self.folder / "manifest.json").write_text(json.dumps({"format": "arpent-run/1", "artifacts": artifacts}), encoding="utf-8")
            self.assertIn("names a file outside of the output", self.fails(self.folder), href)

    def test_a_missing_and_a_damaged_file_leave_the_others(self):
        copy, files = self.copy()
        (files / "labels.tif").unlink()
        (files / "features.fgb").write_bytes(b"nothing")
        feedback = Feedback()
        self.assertEqual(list(self.opens(copy, feedback)), ["Confidence"])
        self.assertEqual(len(feedback.errors), 2, feedback.errors)
        self.assertTrue(all("`arpent check` lists missing and damaged files" in error for error in feedback.errors))

    def test_names_of_layers_and_classes_are_text(self):
        from arpent.output import Output

        manifest = {"artifacts": [{"href": "a/b.tif", "role": "<b>&"}, {"href": "a/b.csv", "role": "objects"}, {"href": "a/f.pmtiles", "role": "features"}]}
        layers = Output("/x/<i>", "/x/<i>", manifest).layers()
        self.assertEqual([(layer.role, layer.path, layer.shown) for layer in layers], [("<b>&", "/x/<i>/a/b.tif", False)])

    def test_measured_values_are_drawn_where_there_are_no_classes_of_them(self):
        from arpent.layers import title
        from arpent.output import Output

        def shown(*roles):
            artifacts = [{"href": f"a/{role}.tif", "role": role} for role in roles]
            return [(layer.role, layer.shown) for layer in Output("/x", "/x", {"artifacts": artifacts}).layers()]

        self.assertEqual(shown("mask", "values"), [("values", True), ("mask", False)])
        self.assertEqual(shown("values", "labels"), [("labels", True), ("values", False)])
        self.assertEqual(shown("values", "labels", "map"), [("map", True), ("labels", False), ("values", False)])
        layer = Output("/x", "/x", {"artifacts": [{"href": "a/values.tif", "role": "values"}]}).layers()[0]
        self.assertEqual(title(layer, None), "Measured values")

    def test_stores_have_the_names_of_gdal(self):
        from arpent import output

        self.assertEqual(output._place("s3://bucket/map"), "/vsis3/bucket/map")
        self.assertEqual(output._place("https://host/map"), "/vsicurl/https://host/map")
        formats = [{"href": f"a/features.{end}", "role": "features"} for end in ("gpkg", "fgb", "geojson")]
        made = output.Output("s3://bucket/map", "/vsis3/bucket/map", {"artifacts": formats}).layers()
        self.assertEqual([layer.path for layer in made], ["/vsis3/bucket/map/a/features.fgb"])

    def test_an_output_on_a_server(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(self.shared)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            feedback = Feedback()
            layers = self.opens(f"http://127.0.0.1:{server.server_address[1]}/map", feedback)
            self.assertEqual(feedback.errors, [])
            manifest = json.loads((self.map / "manifest.json").read_text(encoding="utf-8"))
            self.assertEqual(layers["Features"].featureCount(), manifest["counts"]["features"])
            self.assertTrue(layers["Prediction"].isValid())
        finally:
            QgsProject.instance().clear()
            server.shutdown()

    def test_with_the_exceptions_of_gdal(self):
        gdal.UseExceptions()
        try:
            self.assertIn("manifest.json is missing", self.fails(self.folder))
            copy, files = self.copy()
            (files / "features.fgb").write_bytes(b"nothing")
            feedback = Feedback()
            self.assertEqual(sorted(self.opens(copy, feedback)), ["Confidence", "Prediction"])
            self.assertEqual(len(feedback.errors), 1)
        finally:
            gdal.DontUseExceptions()
