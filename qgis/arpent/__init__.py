# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Arpent as a provider of QGIS Processing: its commands as algorithms, and its outputs as styled layers."""


def classFactory(_iface):
    """What QGIS calls when it loads the plugin."""
    from .plugin import Plugin

    return Plugin()
