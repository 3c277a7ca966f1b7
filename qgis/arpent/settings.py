# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Options of the provider, in the Processing options of QGIS."""

from processing.core.ProcessingConfig import ProcessingConfig

PROGRAM = "ARPENT_PROGRAM"
MODELS = "ARPENT_MODELS"


def program():
    """Path of the program as it was set; empty to search for it."""
    return (ProcessingConfig.getSetting(PROGRAM) or "").strip()


def model_folders():
    """Folders of model packages as they were set."""
    return [folder for folder in (ProcessingConfig.getSetting(MODELS) or "").split(";") if folder.strip()]


def results_group():
    """Name of the group for all results of Processing; empty if none was set."""
    return ProcessingConfig.getSetting(ProcessingConfig.RESULTS_GROUP_NAME) or ""
