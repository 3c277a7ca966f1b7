# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`arpent review export` and `arpent review import`: decisions in a GeoPackage."""

import os

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterString,
)

from .. import output
from ..texts import language, tr
from .base import ProgramAlgorithm

LANGUAGES = ("en", "fr")


class ReviewAlgorithm(ProgramAlgorithm):
    """An algorithm about a review of an output."""

    def add_review(self):
        self.add(
            QgsProcessingParameterFile("INPUT", tr("Output"), QgsProcessingParameterFile.Folder),
            tr("The folder with manifest.json, or the URL of an object store."),
        )
        self.add(
            QgsProcessingParameterString("REVIEW", tr("Name of the review"), optional=True),
            tr("May be left out where there is one only. arpent review new creates one."),
            advanced=True,
        )

    def words(self, verb, parameters, context):
        """The words of a command about the review."""
        address = output.absolute(self.parameterAsString(parameters, "INPUT", context))
        name = self.parameterAsString(parameters, "REVIEW", context)
        return ["review", verb, address, *([f"--review={name}"] if name else [])]


class ReviewExport(ReviewAlgorithm):
    """A file in which decisions are entered."""

    NAME = "reviewexport"

    def title(self):
        return tr("Export a review to decide in QGIS or QField")

    def help(self):
        return [
            tr("Writes a GeoPackage with the features, a table of decisions and a project with forms: arpent review export."),
            tr("Open it with Project > Open From > GeoPackage, or copy it to a device with QField. Rows are added, never changed."),
            tr("With the tasks of a reviewer, it has only their features, without the opinions of others."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add_review()
        self.add(
            QgsProcessingParameterFile("TASKS", tr("Tasks of a sample (CSV)"), extension="csv", optional=True),
            tr("The file tasks.csv of arpent review sample."),
        )
        self.add(QgsProcessingParameterString("REVIEWER", tr("Reviewer"), optional=True), tr("Whose tasks, where the file has those of several."))
        for name, title in (("PERSON", tr("Person who decides")), ("FUNCTION", tr("Function")), ("ORGANIZATION", tr("Organization"))):
            self.add(QgsProcessingParameterString(name, title, optional=True), tr("What the form proposes: all three, or none."))
        own = LANGUAGES.index(language()) if language() in LANGUAGES else 0
        self.add(QgsProcessingParameterEnum("LANGUAGE", tr("Language of the form"), [tr("English"), tr("French")], defaultValue=own))
        self.add(QgsProcessingParameterFileDestination("OUTPUT", tr("File for decisions"), tr("GeoPackage (*.gpkg)")), tr("A file is not replaced."))
        self.addOutput(QgsProcessingOutputNumber("FEATURES", tr("Features")))
        self.addOutput(QgsProcessingOutputNumber("DECISIONS", tr("Decisions")))

    def processAlgorithm(self, parameters, context, feedback):
        file = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        words = [*self.words("export", parameters, context), f"--to={os.path.abspath(file)}"]
        words.append(f"--language={LANGUAGES[self.parameterAsEnum(parameters, 'LANGUAGE', context)]}")
        tasks = self.parameterAsString(parameters, "TASKS", context)
        if tasks:
            words.append(f"--tasks={output.absolute(tasks)}")
        for name in ("REVIEWER", "PERSON", "FUNCTION", "ORGANIZATION"):
            value = self.parameterAsString(parameters, name, context).strip()
            if value:
                words.append(f"--{name.lower()}={value}")
        _, document = self.command(words, feedback)
        feedback.pushInfo(tr("{features} features, {decisions} decisions.").format(**{key: document.get(key) for key in ("features", "decisions")}))
        return {"OUTPUT": document.get("file"), "FEATURES": document.get("features"), "DECISIONS": document.get("decisions")}


class ReviewImport(ReviewAlgorithm):
    """Decisions that came back."""

    NAME = "reviewimport"

    def title(self):
        return tr("Import decisions")

    def help(self):
        return [
            tr("Adds the rows of GeoPackages that came back as decisions: arpent review import."),
            tr("Any number of copies may be given, in any order; a row is imported once. Decisions that contradict each other are disputed, none is lost."),
            tr("A file that was changed otherwise is refused, and nothing is written."),
        ]

    def initAlgorithm(self, _configuration=None):
        self.add_review()
        self.add(
            QgsProcessingParameterMultipleLayers("FILES", tr("Files with decisions"), QgsProcessing.TypeFile),
            tr("GeoPackages of the review, or CSV files."),
        )
        key = QgsProcessingParameterFile("KEY", tr("Private key of the person (PEM)"), optional=True)
        key.setFlags(key.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.add(key, tr("Where the review lists the public one."))
        self.addOutput(QgsProcessingOutputNumber("ROWS", tr("Rows")))
        self.addOutput(QgsProcessingOutputNumber("NEW", tr("New decisions")))
        self.addOutput(QgsProcessingOutputNumber("KNOWN", tr("Rows that were known")))
        self.addOutput(QgsProcessingOutputString("REVIEW_ADDRESS", tr("Address of the review")))

    def processAlgorithm(self, parameters, context, feedback):
        files = [output.absolute(file) for file in self.parameterAsFileList(parameters, "FILES", context)]
        if len({file.lower().endswith(".gpkg") for file in files}) != 1:
            raise QgsProcessingException(tr("Import GeoPackages and CSV files one after the other."))
        if not files[0].lower().endswith(".gpkg") and len(files) > 1:
            raise QgsProcessingException(tr("Import CSV files one after the other."))
        words = [*self.words("import", parameters, context), *files]
        key = self.parameterAsString(parameters, "KEY", context)
        if key:
            words.append(f"--key={output.absolute(key)}")
        _, document = self.command(words, feedback)
        new = len(document.get("decisions") or [])
        feedback.pushInfo(tr("{rows} rows: {new} new decisions, {known} known.").format(rows=document.get("rows"), new=new, known=document.get("known")))
        return {"ROWS": document.get("rows"), "NEW": new, "KNOWN": document.get("known"), "REVIEW_ADDRESS": document.get("review")}
