# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The archive, the metadata, the texts."""

import ast
import configparser
import hashlib
import pathlib
import unittest
import zipfile

import harness
import pack
from qgis.core import QgsApplication, QgsProcessingContext, QgsSettings
from qgis.gui import QgsGui, QgsProcessingGui

SOURCES = sorted((harness.HERE.parent / "arpent").rglob("*.py"))
ALGORITHMS = ["change", "check", "models", "open", "reviewexport", "reviewimport", "run", "zonal"]


def texts_of_the_code():
    """Every text that is translated, with its file."""
    found = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: a text that is put together"
                found[node.args[0].value] = path.name
    return found


class Archive(unittest.TestCase):
    """What the plugin manager takes."""

    def test_the_same_sources_make_the_same_bytes(self):
        again = pack.pack(pathlib.Path(harness.PLACE.name) / "again")
        one, two = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (harness.ARCHIVE, again))
        self.assertEqual(one, two)

    def test_it_holds_one_folder_with_licenses_and_nothing_of_the_tests(self):
        with zipfile.ZipFile(harness.ARCHIVE) as archive:
            names = archive.namelist()
        self.assertEqual({name.split("/")[0] for name in names}, {"arpent"})
        for wanted in ("metadata.txt", "__init__.py", "icon.svg", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE"):
            self.assertIn(f"arpent/{wanted}", names)
        self.assertFalse([name for name in names if "test" in name or "pycache" in name])

    def test_the_metadata_are_complete(self):
        metadata = configparser.ConfigParser(interpolation=None)
        metadata.read(harness.PROFILE / "python/plugins/arpent/metadata.txt", encoding="utf-8")
        general = metadata["general"]
        for key in ("name", "description", "about", "version", "author", "email", "qgisMinimumVersion", "homepage", "repository", "tracker", "icon"):
            self.assertTrue(general.get(key), key)
        self.assertEqual(general["hasProcessingProvider"], "yes")
        self.assertEqual(general["qgisMinimumVersion"], "3.22")
        self.assertTrue((harness.PROFILE / "python/plugins/arpent" / general["icon"]).is_file())

    def test_sources_are_short_and_named(self):
        for path in SOURCES + sorted(harness.HERE.glob("*.py")):
            lines = path.read_text(encoding="utf-8").splitlines()
            self.assertLessEqual(len(lines), 600, path)
            self.assertEqual(lines[0], "# SPDX-License-Identifier: Apache-2.0 OR MIT", path)
            self.assertLessEqual(max(map(len, lines)), 160, path)


class Texts(unittest.TestCase):
    """English and French."""

    def setUp(self):
        QgsSettings().setValue("locale/overrideFlag", True)

    def tearDown(self):
        QgsSettings().remove("locale/overrideFlag")
        QgsSettings().remove("locale/userLocale")

    def speak(self, locale):
        QgsSettings().setValue("locale/userLocale", locale)

    def test_every_text_has_a_translation_and_every_translation_a_text(self):
        from arpent.french import FRENCH

        texts = texts_of_the_code()
        self.assertGreater(len(texts), 100)
        self.assertEqual(sorted(set(texts) - set(FRENCH)), [])
        self.assertEqual(sorted(set(FRENCH) - set(texts)), [])

    def test_translations_have_the_same_places_for_values(self):
        import string

        from arpent.french import FRENCH

        def places(text):
            return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

        for english, french in FRENCH.items():
            self.assertEqual(places(english), places(french), english)
            # French has a space before these signs.
            for sign in (" :", " ;"):
                self.assertEqual(french.count(sign), french.replace("://", "").count(sign[1]), french)

    def test_the_toolbox_is_in_the_language_of_qgis(self):
        registry = QgsApplication.processingRegistry()
        for locale, run, scenes in (("en_US", "Run a model on imagery", "Scenes"), ("fr_FR", "Appliquer un modèle à des images", "Images")):
            self.speak(locale)
            algorithm = registry.createAlgorithmById("arpent:run")
            self.assertEqual(algorithm.displayName(), run)
            self.assertEqual(algorithm.parameterDefinition("SCENES").description(), scenes)
            self.assertIn("arpent run", algorithm.shortHelpString())


class Provider(unittest.TestCase):
    """What QGIS lists."""

    def test_the_provider_has_its_algorithms_with_help_and_icon(self):
        provider = QgsApplication.processingRegistry().providerById("arpent")
        self.assertEqual(sorted(algorithm.name() for algorithm in provider.algorithms()), ALGORITHMS)
        self.assertFalse(provider.icon().isNull())
        self.assertTrue(provider.icon().availableSizes() or not provider.icon().pixmap(24, 24).isNull())
        for algorithm in provider.algorithms():
            self.assertTrue(algorithm.displayName() and algorithm.shortHelpString(), algorithm.id())
            for parameter in algorithm.parameterDefinitions():
                self.assertTrue(parameter.description(), f"{algorithm.id()} {parameter.name()}")

    def test_every_parameter_has_a_widget_in_dialogs_batches_and_models(self):
        context = QgsProcessingContext()
        for algorithm in QgsApplication.processingRegistry().providerById("arpent").algorithms():
            for parameter in [each for each in algorithm.parameterDefinitions() if not each.isDestination()]:
                for kind in (QgsProcessingGui.Standard, QgsProcessingGui.Batch, QgsProcessingGui.Modeler):
                    wrapper = QgsGui.processingGuiRegistry().createParameterWidgetWrapper(parameter, kind)
                    # QGIS 3.22 makes those of some kinds in Python.
                    if wrapper is not None:
                        self.assertIsNotNone(wrapper.createWrappedWidget(context), f"{algorithm.id()} {parameter.name()}")

    def test_installed_models_are_offered(self):
        harness.configure()
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("arpent:run")
        hints = algorithm.parameterDefinition("MODEL").metadata()["widget_wrapper"]["value_hints"]
        self.assertIn("land-cover-50cm", hints)

    def test_the_plugin_goes_and_comes_back(self):
        import qgis.utils

        registry = QgsApplication.processingRegistry()
        qgis.utils.plugins["arpent"].unload()
        self.assertIsNone(registry.providerById("arpent"))
        qgis.utils.plugins["arpent"].initProcessing()
        self.assertIsNotNone(registry.createAlgorithmById("arpent:run"))
