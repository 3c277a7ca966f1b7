# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`arpent check`: the files of an output against its manifest."""

from qgis.core import QgsProcessingOutputBoolean, QgsProcessingOutputNumber, QgsProcessingOutputString, QgsProcessingParameterFile

from .. import output
from ..texts import tr
from .base import ProgramAlgorithm


class Check(ProgramAlgorithm):
    """Whether an output is as it was published."""

    NAME = "check"

    def title(self):
        return tr("Check an output")

    def help(self):
        return [
            tr("Hashes every file of a published output and compares it with the manifest: arpent check."),
            tr("Files that are missing or were changed are reported, and the result INTACT is false."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add(
            QgsProcessingParameterFile("INPUT", tr("Output"), QgsProcessingParameterFile.Folder),
            tr("The folder with manifest.json, or the URL of an object store."),
        )
        self.addOutput(QgsProcessingOutputBoolean("INTACT", tr("Intact")))
        self.addOutput(QgsProcessingOutputNumber("FILES", tr("Files")))
        self.addOutput(QgsProcessingOutputNumber("DAMAGED", tr("Damaged or missing files")))
        self.addOutput(QgsProcessingOutputString("RUN_ID", tr("Identifier of the run")))

    def processAlgorithm(self, parameters, context, feedback):
        address = output.absolute(self.parameterAsString(parameters, "INPUT", context))
        _, document = self.command(["check", address], feedback)
        outcomes = {"missing": tr("missing"), "wrong_size": tr("another size"), "wrong_hash": tr("other content"), "in_use": tr("open in another program")}
        checks = document.get("checks") or []
        damaged = [check for check in checks if check.get("outcome") != "intact"]
        for check in damaged:
            outcome = str(check.get("outcome"))
            feedback.reportError(f"{check.get('href')}: {outcomes.get(outcome, outcome)}")
        feedback.pushInfo(tr("{intact} of {files} files are as they were published.").format(intact=len(checks) - len(damaged), files=len(checks)))
        return {"INTACT": not damaged, "FILES": len(checks), "DAMAGED": len(damaged), "RUN_ID": document.get("run_id")}
