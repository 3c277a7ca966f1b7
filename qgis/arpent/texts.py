# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Texts in the language of QGIS.

A dictionary in the place of Qt's `.ts` and `.qm` files: those need `lrelease` to be made, and a compiled file beside the source that may be stale.
A test compares the texts of the code with the keys of the dictionary.
"""

from qgis.core import QgsApplication

from .french import FRENCH


def language():
    """`fr` where QGIS is in French, else `en`."""
    return "fr" if QgsApplication.locale().lower().startswith("fr") else "en"


def tr(text):
    """The text in the language of QGIS; in English where there is no translation."""
    return FRENCH.get(text, text) if language() == "fr" else text
