# SPDX-License-Identifier: Apache-2.0 OR MIT
"""One start of QGIS in a fresh profile with the plugin installed from its archive, generated scenes, and a feedback that remembers."""

import os
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = os.environ["ARPENT_PROGRAM"]
MODEL = ROOT / "models" / "land-cover-50cm"

# The folder of everything that the tests write, and the profile in it: nothing of the person's own settings is read or changed.
PLACE = tempfile.TemporaryDirectory(prefix="qgis-arpent-tests-")
PROFILE = pathlib.Path(PLACE.name) / "profile"
for name in ("QGIS_CUSTOM_CONFIG_PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME"):
    folder = PROFILE if name.startswith("QGIS") else pathlib.Path(PLACE.name) / name.lower()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[name] = str(folder)

sys.path[:0] = ["/usr/share/qgis/python", "/usr/share/qgis/python/plugins", str(HERE.parent)]
from osgeo import gdal, osr  # noqa: E402
from qgis.core import QgsApplication, QgsProcessingFeedback  # noqa: E402

APPLICATION = QgsApplication([], True)
APPLICATION.initQgis()

import pack  # noqa: E402
import qgis.utils  # noqa: E402
from processing.core.Processing import Processing  # noqa: E402
from processing.core.ProcessingConfig import ProcessingConfig  # noqa: E402
from pyplugin_installer.unzip import unzip  # noqa: E402

Processing.initialize()


def install():
    """Installs the archive as the plugin manager does, and starts the plugin as `qgis_process` does."""
    archive = pack.pack(pathlib.Path(PLACE.name) / "archive")
    plugins = PROFILE / "python" / "plugins"
    with open(archive, "rb") as file:
        unzip(file, str(plugins))
    sys.path.insert(0, str(plugins))
    qgis.utils.plugin_paths = [str(plugins)]
    qgis.utils.updateAvailablePlugins()
    assert "arpent" in qgis.utils.available_plugins, qgis.utils.available_plugins
    assert qgis.utils.loadPlugin("arpent")
    assert qgis.utils.startProcessingPlugin("arpent")
    return archive


ARCHIVE = install()


def configure(program=PROGRAM, models=MODEL.parent):
    """Sets the options of the provider, without the check that their paths exist: they may be deleted later."""
    ProcessingConfig.settings["ARPENT_PROGRAM"].value = str(program)
    ProcessingConfig.settings["ARPENT_MODELS"].value = str(models)


class Feedback(QgsProcessingFeedback):
    """Remembers what it was given. `cancel_at` is called with each progress, and cancels when it says so."""

    def __init__(self, cancel_at=None):
        super().__init__(False)
        self.cancel_at = cancel_at
        self.infos, self.warnings, self.errors, self.commands, self.steps, self.progressed = [], [], [], [], [], []
        self.progressChanged.connect(self.progressed.append)

    def pushInfo(self, info):
        self.infos.append(info)

    def pushWarning(self, warning):
        self.warnings.append(warning)

    def reportError(self, error, fatalError=False):
        self.errors.append(error)

    def pushCommandInfo(self, info):
        self.commands.append(info)

    def pushDebugInfo(self, info):
        pass

    def setProgressText(self, text):
        self.steps.append(text)
        if self.cancel_at is not None and self.cancel_at(text):
            self.cancel()


def scene(path, width=320, height=256, pixel=0.5, seed=1, patch=False, west=652_000.0, north=6_862_000.0, epsg=2154):
    """A scene of fields, roofs and a road, by default in Lambert-93. With `patch`, a plot is laid bare."""
    dice = random.Random(seed)
    fields = [[(dice.randint(60, 110), dice.randint(90, 140), dice.randint(50, 90)) for _ in range(8)] for _ in range(8)]
    rows = [[bytearray() for _ in range(height)] for _ in range(3)]
    for y in range(height):
        for x in range(width):
            color = fields[y * 8 // height][x * 8 // width]
            if x % 80 in range(20, 44) and y % 64 in range(12, 36):
                color = (176, 120, 110)
            elif y % 128 in range(100, 110):
                color = (168, 168, 172)
            if patch and width // 4 <= x < width // 2 and height // 4 <= y < height // 2:
                color = (200, 180, 150)
            noise = dice.randint(-6, 6)
            for band in range(3):
                rows[band][y].append(max(1, min(254, color[band] + noise)))
    create(path, width, height, pixel, west, north, [b"".join(band) for band in rows], epsg)
    return str(path)


def large(path, side=2048, pixel=0.5):
    """A scene that takes a while: one block of even fields, repeated, so that tracing its features does not."""
    dice = random.Random(5)
    fields = [[dice.randint(60, 190) for _ in range(4)] for _ in range(4)]
    block = [bytes(fields[y // 64][x // 64] for x in range(256)) for y in range(256)]
    band = b"".join(block[y % 256] * (side // 256) for y in range(side))
    create(path, side, side, pixel, 652_000.0, 6_862_000.0, [band, band[::-1], band])
    return str(path)


def create(path, width, height, pixel, west, north, bands, epsg=2154):
    """A GeoTIFF of three bands."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    made = gdal.GetDriverByName("GTiff").Create(str(path), width, height, 3, gdal.GDT_Byte, ["PHOTOMETRIC=RGB", "COMPRESS=DEFLATE"])
    made.SetGeoTransform([west, pixel, 0, north, 0, -pixel])
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    made.SetProjection(system.ExportToWkt())
    for number, pixels in enumerate(bands, 1):
        made.GetRasterBand(number).WriteRaster(0, 0, width, height, pixels)
    made = None


def files(folder):
    """Content of every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}
