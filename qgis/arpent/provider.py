# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The provider: its algorithms and its options."""

import os

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import settings
from .algorithms.change import Change
from .algorithms.check import Check
from .algorithms.models import Models
from .algorithms.open import Open
from .algorithms.review import ReviewExport, ReviewImport
from .algorithms.run import Run
from .algorithms.zonal import Zonal
from .texts import tr

# A further command of the program: a subclass of `algorithms.base.ProgramAlgorithm` in a file of its own, and its name here.
ALGORITHMS = (Run, Change, Zonal, Check, Models, Open, ReviewExport, ReviewImport)

ICON = os.path.join(os.path.dirname(__file__), "icon.svg")


class Provider(QgsProcessingProvider):
    """Arpent in the Processing toolbox."""

    def id(self):
        return "arpent"

    def name(self):
        return "Arpent"

    def longName(self):
        return tr("Arpent (imagery to reviewed vector maps)")

    def icon(self):
        return QIcon(ICON)

    def svgIconPath(self):
        return ICON

    def helpId(self):
        return "arpent"

    def load(self):
        ProcessingConfig.settingIcons[self.name()] = self.icon()
        for name, title, kind in (
            (settings.PROGRAM, tr("Program (found on PATH if empty)"), Setting.FILE),
            (settings.MODELS, tr("Folders of model packages"), Setting.MULTIPLE_FOLDERS),
        ):
            ProcessingConfig.addSetting(Setting(self.name(), name, title, "", valuetype=kind))
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self):
        for name in (settings.PROGRAM, settings.MODELS):
            ProcessingConfig.removeSetting(name)

    def loadAlgorithms(self):
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
