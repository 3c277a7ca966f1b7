# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Every algorithm with the real program, on generated scenes."""

import json
import pathlib
import tempfile
import unittest

import harness
import processing
from harness import Feedback
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QEventLoop, QTimer

# As nobody should name a folder.
HOSTILE = "-d é \"q\" 'x' $(touch x) ;& [1] | 100%"


class Case(unittest.TestCase):
    """Scenes and a map that are made once."""

    @classmethod
    def setUpClass(cls):
        harness.configure()
        cls.shared = pathlib.Path(tempfile.mkdtemp(dir=harness.PLACE.name))
        cls.before = harness.scene(cls.shared / "before.tif")
        cls.after = harness.scene(cls.shared / "after.tif", seed=1, patch=True)
        cls.map = str(cls.shared / "map")
        cls.feedback = Feedback()
        cls.result = processing.run(
            "arpent:run", {"SCENES": [cls.before], "MODEL": "land-cover-50cm", "ACQUIRED": "2021", "OUTPUT": cls.map}, feedback=cls.feedback
        )

    def setUp(self):
        harness.configure()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=harness.PLACE.name))
        QgsProject.instance().clear()

    def fails(self, algorithm, parameters, feedback=None):
        """The message of a run that must fail."""
        with self.assertRaises(QgsProcessingException) as caught:
            processing.run(f"arpent:{algorithm}", parameters, feedback=feedback or Feedback())
        return str(caught.exception)

    def zones(self):
        """A layer in memory: the west and the east half of the scene, and one beside it."""
        layer = QgsVectorLayer("Polygon?crs=EPSG:2154&field=code:string&field=name:string", "zones", "memory")
        features = []
        for code, west, east in (("W", 0, 80), ("E", 80, 160), ("X", 500, 600)):
            feature = QgsFeature(layer.fields())
            feature.setAttributes([code, f"zone {code}"])
            feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(652_000 + west, 6_862_000 - 128, 652_000 + east, 6_862_000)))
            features.append(feature)
        layer.dataProvider().addFeatures(features)
        return layer


class Run(Case):
    """arpent run"""

    def test_a_map_with_its_layers_and_messages(self):
        manifest = json.loads((pathlib.Path(self.map) / "manifest.json").read_text(encoding="utf-8"))
        self.assertEqual(self.result["RUN_ID"], manifest["run_id"])
        self.assertEqual(self.result["FAILED_SCENES"], 0)
        layers = {layer.name(): layer for layer in self.result["LAYERS"]}
        self.assertEqual(list(layers), ["Features", "Prediction", "Confidence"])
        self.assertTrue(all(layer.isValid() for layer in layers.values()))
        self.assertGreater(manifest["counts"]["features"], 5)
        self.assertEqual(layers["Features"].featureCount(), manifest["counts"]["features"])
        self.assertIn("computing on CPU", self.feedback.infos[0])
        self.assertTrue(any(info.startswith("predict: ") for info in self.feedback.infos), self.feedback.infos)
        self.assertTrue(self.feedback.warnings, "a scene outside of the territories of the model")
        self.assertEqual(self.feedback.errors, [])
        # A person can read, and repeat, what was run.
        self.assertIn(f" --scene={self.before} ", self.feedback.commands[0])

    def test_the_configuration_is_what_was_asked_for(self):
        area = self.zones()
        area.selectByExpression("code = 'W'")
        parameters = {
            "SCENES": [QgsRasterLayer(self.before, "scene")],
            "MODEL_FOLDER": str(harness.MODEL),
            "AOI": QgsProcessingFeatureSourceDefinition(self.keep(area), True),
            "MIN_AREA": 40.0,
            "TITLES": "fr",
            "WINDOW": 128,
            "THREADS": 1,
            "DEVICE": "cpu",
            "LOAD": False,
            "OUTPUT": str(self.folder / "out"),
        }
        result = processing.run("arpent:run", parameters, feedback=Feedback())
        self.assertEqual(result["LAYERS"], [])
        manifest = json.loads((self.folder / "out/manifest.json").read_text(encoding="utf-8"))
        self.assertEqual((manifest["config"]["features"]["min_area_m2"], manifest["config"]["features"]["titles"]), (40.0, "fr"))
        self.assertEqual((manifest["config"]["tiling"]["window_px"], manifest["config"]["compute"]["threads"]), (128, 1))
        # The west half of 320 x 256 pixels.
        self.assertEqual(manifest["counts"]["pixels_valid"], 160 * 256)

    def keep(self, layer):
        """A layer in the project, by its id."""
        QgsProject.instance().addMapLayer(layer)
        return layer.id()

    def test_masks_and_a_model_of_a_configuration(self):
        mask = self.zones()
        mask.selectByExpression("code = 'E'")
        mask.dataProvider().deleteFeatures([feature.id() for feature in mask.getFeatures() if feature["code"] != "E"])
        config = self.folder / "mine.toml"
        config.write_text(f"model = {json.dumps(str(harness.MODEL))}\n[features]\nformats = ['geojson']\n", encoding="utf-8")
        parameters = {"SCENES": [self.before], "MASKS": [mask], "CONFIG": str(config), "OUTPUT": str(self.folder / "out")}
        result = processing.run("arpent:run", parameters, feedback=Feedback())
        manifest = json.loads((self.folder / "out/manifest.json").read_text(encoding="utf-8"))
        self.assertAlmostEqual(manifest["counts"]["masked"]["masked_share"], 0.5, places=6)
        self.assertEqual([layer.name() for layer in result["LAYERS"]], ["Features", "Prediction", "Not observed", "Confidence"])
        self.assertTrue(result["LAYERS"][0].source().endswith(".geojson|layername=features"), result["LAYERS"][0].source())
        message = self.fails("run", {**parameters, "MIN_AREA": 3.0, "TITLES": "en", "OVERWRITE": True})
        self.assertIn("These are set in the configuration, not here as well: Smallest feature (m²), Language of the output", message)

    def test_hostile_paths(self):
        scene = harness.scene(self.folder / HOSTILE / f"{HOSTILE}.tif", 128, 128)
        area = self.folder / HOSTILE / "-area, é'\".gpkg"
        processing.run("native:savefeatures", {"INPUT": self.zones(), "OUTPUT": str(self.folder / "area.gpkg")})
        (self.folder / "area.gpkg").rename(area)
        out = self.folder / HOSTILE / "-out é"
        parameters = {"SCENES": [scene], "MODEL": str(harness.MODEL), "AOI": str(area), "OUTPUT": str(out)}
        result = processing.run("arpent:run", parameters, feedback=Feedback())
        self.assertTrue((out / "manifest.json").is_file())
        self.assertEqual([layer.isValid() for layer in result["LAYERS"]], [True, True, True])
        checked = processing.run("arpent:check", {"INPUT": str(out)}, feedback=Feedback())
        self.assertTrue(checked["INTACT"])
        again = processing.run("arpent:open", {"INPUT": str(out)}, feedback=Feedback())
        self.assertEqual(len(again["LAYERS"]), 3)
        parameters = {"MAP": str(out), "ZONES": str(area), "OUTPUT": str(self.folder / HOSTILE / "zones")}
        zones = processing.run("arpent:zonal", parameters, feedback=Feedback())["LAYERS"][0]
        self.assertEqual(zones.featureCount(), 3)
        self.assertFalse((pathlib.Path.cwd() / "x").exists())

    def test_a_scene_that_fails_leaves_the_others(self):
        bad = self.folder / "bad.tif"
        bad.write_bytes(pathlib.Path(self.after).read_bytes()[:40_000])
        parameters = {"SCENES": [self.before], "SCENE_ADDRESSES": f"{bad}\n", "MODEL": "land-cover-50cm", "OUTPUT": str(self.folder / "out")}
        feedback = Feedback()
        result = processing.run("arpent:run", parameters, feedback=feedback)
        self.assertEqual((result["FAILED_SCENES"], len(result["LAYERS"])), (1, 3))
        self.assertEqual(len(feedback.errors), 1)
        self.assertIn(f"Not in the output: {bad}: ", feedback.errors[0])
        opened = Feedback()
        self.assertEqual(processing.run("arpent:open", {"INPUT": str(self.folder / "out")}, feedback=opened)["FAILED_SCENES"], 1)
        self.assertIn(str(bad), opened.warnings[-1])

    def test_what_cannot_start_says_why(self):
        good = {"SCENES": [self.before], "MODEL": "land-cover-50cm", "OUTPUT": str(self.folder / "out")}
        coarse = harness.scene(self.folder / "coarse.tif", 64, 64, pixel=30.0)
        for change, wanted in (
            ({"SCENES": [coarse]}, "GSD of 30"),
            ({"OUTPUT": self.map}, "already contains a published map"),
            ({"MODEL": "none-such"}, "There is no installed model none-such. Installed: land-cover-50cm, "),
            ({"MODEL": ""}, "Choose a model. Installed: "),
            ({"MODEL_FOLDER": str(harness.MODEL)}, "not both"),
            ({"MODEL": "", "MODEL_FOLDER": str(self.folder)}, "holds no model package"),
            ({"SCENES": []}, "There is no scene"),
            ({"SCENES": [str(self.folder / "nowhere.tif")]}, "Incorrect parameter value for SCENES"),
            ({"SCENES": [], "SCENE_ADDRESSES": str(self.folder / "nowhere.tif")}, "nowhere.tif: no such file"),
            ({"ACQUIRED": "yesterday"}, "yesterday"),
        ):
            self.assertIn(wanted, self.fails("run", {**good, **change}))
        self.assertFalse((self.folder / "out").exists())

    def test_scenes_of_two_grids_become_two_groups(self):
        other = harness.scene(self.folder / "other.tif", 128, 128, west=450_000.0, north=5_410_000.0, epsg=32631)
        parameters = {"SCENES": [self.before, other], "MODEL": "land-cover-50cm", "OUTPUT": str(self.folder / "out")}
        self.assertIn("--group-by-crs", self.fails("run", parameters))
        result = processing.runAndLoadResults("arpent:run", {**parameters, "GROUP_BY_CRS": True}, feedback=Feedback())
        self.assertEqual(len(result["RUN_ID"].split()), 2)
        groups = QgsProject.instance().layerTreeRoot().findGroups()
        self.assertEqual([len(group.findLayers()) for group in groups], [3, 3])
        self.assertEqual({layer.crs().authid() for layer in QgsProject.instance().mapLayers().values()}, {"EPSG:2154", "EPSG:32631"})
        self.assertEqual(len(processing.run("arpent:open", {"INPUT": str(self.folder / "out")}, feedback=Feedback())["LAYERS"]), 6)

    def test_a_crs_that_was_set_in_qgis_reaches_the_program_or_is_refused(self):
        area = self.zones()
        area.setCrs(QgsCoordinateReferenceSystem("EPSG:32631"))
        processing.run("native:savefeatures", {"INPUT": area, "OUTPUT": str(self.folder / "area.gpkg")})
        area = QgsVectorLayer(f"{self.folder / 'area.gpkg'}|layername=area", "area", "ogr")
        self.assertEqual(area.crs().authid(), "EPSG:32631")
        area.setCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
        feedback, parameters = Feedback(), {"SCENES": [self.before], "MODEL": "land-cover-50cm", "AOI": area, "OUTPUT": str(self.folder / "out")}
        processing.run("arpent:run", parameters, feedback=feedback)
        self.assertIn("area.gpkg|layername=area|crs=EPSG:2154", feedback.commands[0])
        manifest = json.loads((self.folder / "out/manifest.json").read_text(encoding="utf-8"))
        self.assertEqual(manifest["counts"]["pixels_valid"], 320 * 256)
        scene = QgsRasterLayer(self.before, "scene")
        scene.setCrs(QgsCoordinateReferenceSystem("EPSG:32631"))
        self.assertIn("scene has a CRS that its file does not have", self.fails("run", {**parameters, "SCENES": [scene]}))

    def test_a_temporary_folder(self):
        parameters = {"SCENES": [self.before], "MODEL": "land-cover-50cm", "OUTPUT": "TEMPORARY_OUTPUT"}
        result = processing.run("arpent:run", parameters, feedback=Feedback())
        self.assertTrue((pathlib.Path(result["OUTPUT"]) / "manifest.json").is_file())
        self.assertEqual(len(result["LAYERS"]), 3)

    def test_a_web_map_is_no_scene(self):
        layer = QgsRasterLayer("type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png", "web map", "wms")
        message = self.fails("run", {"SCENES": [layer], "MODEL": "land-cover-50cm", "OUTPUT": str(self.folder / "out")})
        self.assertIn("web map is not a raster in a file", message)


class Canceled(Case):
    """A run that a person stops, and continues."""

    def test_it_leaves_no_map_and_the_same_parameters_continue(self):
        scene = harness.large(self.folder / "large.tif")
        out = self.folder / "out"
        # A layer in memory is exported for each run: the plan must be the same nevertheless.
        area = QgsVectorLayer("Polygon?crs=EPSG:2154", "area", "memory")
        feature = QgsFeature(area.fields())
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(652_000, 6_860_000, 653_000, 6_862_000)))
        area.dataProvider().addFeatures([feature])
        parameters = {"SCENES": [scene], "MODEL": "land-cover-50cm", "AOI": area, "WINDOW": 64, "THREADS": 1, "OUTPUT": str(out)}
        feedback = Feedback(cancel_at=lambda text: text.startswith("predict: ") and int(text.split()[1]) >= 10)
        message = self.fails("run", parameters, feedback)
        self.assertIn("Canceled. What was computed is kept in the output", message)
        self.assertTrue(feedback.progressed and max(feedback.progressed) >= 10, feedback.progressed)
        self.assertFalse((out / "manifest.json").exists())
        self.assertTrue(any((out / "jobs").rglob("*")), "nothing was kept")
        self.assertIn("holds no complete output", self.fails("open", {"INPUT": str(out)}))
        feedback = Feedback()
        result = processing.run("arpent:run", parameters, feedback=feedback)
        self.assertTrue(any("resuming: " in info for info in feedback.infos), feedback.infos)
        self.assertEqual(len(result["LAYERS"]), 3)
        self.assertTrue(processing.run("arpent:check", {"INPUT": str(out)}, feedback=Feedback())["INTACT"])


class Change(Case):
    """arpent change"""

    def test_two_images(self):
        parameters = {
            "BEFORE": [self.before], "AFTER": [self.after], "BEFORE_DATE": "2019", "AFTER_DATE": "2022-07",
            "MIN_AREA": 20.0, "METHOD": "cva", "ZONES": self.zones(), "ZONES_ID": "code", "ZONES_NAME": "name", "OUTPUT": str(self.folder / "out"),
        }
        result = processing.run("arpent:change", parameters, feedback=Feedback())
        manifest = json.loads((self.folder / "out/manifest.json").read_text(encoding="utf-8"))
        config = manifest["config"]
        self.assertEqual((config["images"]["method"], config["events"]["min_area_m2"]), ("cva", 20.0))
        names = [layer.name() for layer in result["LAYERS"]]
        self.assertEqual(names[0], "Changes")
        self.assertEqual(names[-3:], ["Map", "Map of the earlier date", "Difference of the images"])
        self.assertEqual(result["LAYERS"][0].featureCount(), manifest["counts"]["features"])
        # The plot that was laid bare has 80 x 64 pixels of 0.5 m; its roofs look like it.
        changed = sum(feature["changed_m2"] for feature in result["LAYERS"][0].getFeatures())
        self.assertTrue(900 < changed < 1400, changed)

    def test_two_maps(self):
        later = str(self.folder / "later")
        processing.run("arpent:run", {"SCENES": [self.after], "MODEL": "land-cover-50cm", "ACQUIRED": "2023", "OUTPUT": later}, feedback=Feedback())
        out = str(self.folder / "out")
        result = processing.run("arpent:change", {"BEFORE_MAP": self.map, "AFTER_MAP": later, "OUTPUT": out}, feedback=Feedback())
        self.assertTrue(result["RUN_ID"].startswith("change-"))
        self.assertIn("Changes", [layer.name() for layer in result["LAYERS"]])

    def test_with_a_configuration(self):
        config = self.folder / "mine.toml"
        config.write_text("[before]\ndate = '2019'\n[after]\ndate = '2022'\n[events]\nmin_area_m2 = 5.0\n", encoding="utf-8")
        parameters = {"BEFORE": [self.before], "AFTER": [self.after], "CONFIG": str(config), "OUTPUT": str(self.folder / "out")}
        processing.run("arpent:change", parameters, feedback=Feedback())
        manifest = json.loads((self.folder / "out/manifest.json").read_text(encoding="utf-8"))
        self.assertEqual(manifest["config"]["events"]["min_area_m2"], 5.0)
        self.assertIn("not here as well: Earlier date", self.fails("change", {**parameters, "BEFORE_DATE": "2018", "OVERWRITE": True}))

    def test_what_cannot_start_says_why(self):
        out = str(self.folder / "out")
        self.assertIn("Both dates need images or a map", self.fails("change", {"BEFORE": [self.before], "OUTPUT": out}))
        self.assertIn("date is not known", self.fails("change", {"BEFORE": [self.before], "AFTER": [self.after], "OUTPUT": out}))
        parameters = {"BEFORE_MAP": self.map, "AFTER_MAP": self.map, "METHOD": "cva", "OUTPUT": out}
        self.assertIn("needs images of both dates", self.fails("change", parameters))


class Zonal(Case):
    """arpent zonal"""

    def test_zones_in_memory(self):
        parameters = {
            "MAP": self.map, "ZONES": self.zones(), "ID": "code", "KEEP": ["name"], "RANK_BY": "building, road", "OUTPUT": str(self.folder / "out"),
        }
        feedback = Feedback()
        result = processing.run("arpent:zonal", parameters, feedback=feedback)
        layer = result["LAYERS"][0]
        rows = {feature["id"]: feature for feature in layer.getFeatures()}
        self.assertEqual(sorted(rows), ["E", "W", "X"])
        self.assertEqual(rows["W"]["name"], "zone W")
        self.assertAlmostEqual(rows["W"]["valid_area_m2"], 80 * 128, delta=30)
        self.assertAlmostEqual(rows["X"]["valid_area_m2"], 0)
        self.assertEqual({rows["W"]["rank"], rows["E"]["rank"]}, {1, 2})

    def test_a_filter_counts_and_unsaved_edits_are_reported(self):
        path = self.folder / "zones.gpkg"
        processing.run("native:savefeatures", {"INPUT": self.zones(), "OUTPUT": str(path)})
        layer = QgsVectorLayer(f"{path}|layername=zones", "zones", "ogr")
        layer.setSubsetString("code <> 'X'")
        QgsProject.instance().addMapLayer(layer)
        parameters = {"MAP": self.map, "ZONES": layer.id(), "OUTPUT": str(self.folder / "out")}
        self.assertEqual(processing.run("arpent:zonal", parameters, feedback=Feedback())["LAYERS"][0].featureCount(), 2)
        layer.setSubsetString("")
        layer.startEditing()
        layer.deleteFeature(1)
        feedback = Feedback()
        result = processing.run("arpent:zonal", {**parameters, "OVERWRITE": True}, feedback=feedback)
        self.assertEqual(result["LAYERS"][0].featureCount(), 3)
        self.assertTrue(any("zones has changes that are not saved" in warning for warning in feedback.warnings), feedback.warnings)
        layer.rollBack()

    def test_what_cannot_start_says_why(self):
        out = str(self.folder / "out")
        self.assertIn("no class", self.fails("zonal", {"MAP": self.map, "ZONES": self.zones(), "RANK_BY": "glacier", "OUTPUT": out}))
        self.assertIn("manifest.json is missing", self.fails("zonal", {"MAP": str(self.folder), "ZONES": self.zones(), "OUTPUT": out}))


class CheckAndModels(Case):
    """arpent check, and the table of models"""

    def test_a_damaged_output_is_a_result_with_its_files(self):
        out = self.folder / "out"
        processing.run("arpent:run", {"SCENES": [self.before], "MODEL": "land-cover-50cm", "OUTPUT": str(out)}, feedback=Feedback())
        files = sorted(path for path in out.rglob("*") if path.suffix in (".fgb", ".geojson"))
        content = bytearray(files[0].read_bytes())
        content[-1] ^= 1
        files[0].write_bytes(content)
        files[1].unlink()
        feedback = Feedback()
        result = processing.run("arpent:check", {"INPUT": str(out)}, feedback=feedback)
        self.assertEqual((result["INTACT"], result["DAMAGED"]), (False, 2))
        self.assertTrue(any("features.fgb: other content" in error for error in feedback.errors), feedback.errors)
        self.assertTrue(any("features.geojson: missing" in error for error in feedback.errors), feedback.errors)

    def test_models_are_listed(self):
        result = processing.run("arpent:models", {"OUTPUT": "TEMPORARY_OUTPUT"}, feedback=Feedback())
        rows = {feature["name"]: feature for feature in result["OUTPUT"].getFeatures()}
        self.assertEqual(len(rows), result["INSTALLED"] + result["PUBLISHED"])
        self.assertGreaterEqual(result["INSTALLED"], 5)
        self.assertGreater(result["PUBLISHED"], 5)
        cover = rows["land-cover-50cm"]
        self.assertEqual((cover["place"], cover["gsd_m"], cover["installed"]), (str(harness.MODEL), 0.5, "yes"))
        self.assertIn("building", cover["classes"])
        published = rows["deepforest-tree"]
        self.assertEqual((published["installed"], published["gsd_m"], published["license"]), ("no", 0.1, "MIT"))
        self.assertIn("arpent model import", published["place"])

    def test_packages_are_found_beside_the_program(self):
        prefix = self.folder / "prefix"
        (prefix / "bin").mkdir(parents=True)
        (prefix / "share/arpent").mkdir(parents=True)
        (prefix / "bin/arpent").symlink_to(harness.PROGRAM)
        (prefix / "share/arpent/models").symlink_to(harness.MODEL.parent)
        harness.configure(program=prefix / "bin/arpent", models="")
        shipped = len(list(harness.MODEL.parent.glob("*/model.json")))
        found = processing.run("arpent:models", {"OUTPUT": "TEMPORARY_OUTPUT"}, feedback=Feedback())
        self.assertEqual(found["INSTALLED"], shipped)
        harness.configure(models=self.folder / "none")
        feedback = Feedback()
        self.assertEqual(processing.run("arpent:models", {"OUTPUT": "TEMPORARY_OUTPUT"}, feedback=feedback)["INSTALLED"], 0)
        self.assertIn("No model package was found", feedback.warnings[0])


class InTheBackground(Case):
    """As QGIS runs an algorithm from its dialog: in a task, while its window stays alive."""

    def test_the_window_is_not_blocked_and_layers_arrive(self):
        from processing.gui.Postprocessing import handleAlgorithmResults

        scene = harness.scene(self.folder / "scene.tif")
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("arpent:run")
        context, feedback = QgsProcessingContext(), Feedback()
        context.setProject(QgsProject.instance())
        parameters = {"SCENES": [scene], "MODEL": "land-cover-50cm", "OUTPUT": str(self.folder / "out")}
        task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        loop, ticks, ended = QEventLoop(), [], []
        timer = QTimer()
        timer.timeout.connect(lambda: ticks.append(1))
        task.executed.connect(lambda ok, results: (ended.append((ok, results)), loop.quit()))
        timer.start(10)
        QgsApplication.taskManager().addTask(task)
        loop.exec_()
        timer.stop()
        self.assertTrue(ended[0][0], feedback.errors)
        self.assertGreater(len(ticks), 10)
        self.assertTrue(handleAlgorithmResults(algorithm, context, feedback, parameters=ended[0][1]), feedback.errors)
        names = [node.name() for node in QgsProject.instance().layerTreeRoot().findGroup("out").findLayers()]
        self.assertEqual(names, ["Features", "Prediction", "Confidence"])
