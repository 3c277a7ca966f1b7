# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Registers the provider as long as the plugin is enabled."""

from qgis.core import QgsApplication

from .provider import Provider


class Plugin:
    """The plugin. It has no menu and no toolbar: everything is in the Processing toolbox."""

    def __init__(self):
        self.provider = None

    def initProcessing(self):
        """Adds the provider; `qgis_process` calls this alone."""
        self.provider = Provider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self):
        """Called by QGIS with a window."""
        self.initProcessing()

    def unload(self):
        """Removes the provider, which the registry deletes."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
