# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What all algorithms share: the program, its exit codes, parameters, and layers of outputs."""

import os
import tempfile

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
)
from qgis.PyQt.QtGui import QIcon

from .. import layers, output, program, settings, toml
from ..texts import tr

ICON = os.path.join(os.path.dirname(os.path.dirname(__file__)), "icon.svg")


class Algorithm(QgsProcessingAlgorithm):
    """An algorithm of the provider. A subclass sets NAME and says its title and its help."""

    NAME = ""

    def createInstance(self):
        return type(self)()

    def name(self):
        return self.NAME

    def displayName(self):
        return self.title()

    def group(self):
        return ""

    def groupId(self):
        return ""

    def icon(self):
        return QIcon(ICON)

    def svgIconPath(self):
        return ICON

    def shortHelpString(self):
        return "".join(f"<p>{paragraph}</p>" for paragraph in self.help())

    def add(self, parameter, help_text="", advanced=False):
        """Adds a parameter with what its tooltip says."""
        parameter.setHelp(help_text)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.addParameter(parameter)


class ProgramAlgorithm(Algorithm):
    """An algorithm that runs a command of the program. CONTINUES: what it has computed when it is canceled is kept, and used by the next try."""

    CONTINUES = False

    def canExecute(self):
        configured = settings.program()
        if program.find(configured) is None:
            return False, program.missing(configured)
        return True, ""

    def command(self, arguments, feedback):
        """Runs a command and returns its exit code and its document. An error of the program becomes an exception that QGIS shows."""
        configured = settings.program()
        path = program.find(configured)
        if path is None:
            raise QgsProcessingException(program.missing(configured))
        try:
            program.version(path)
            feedback.pushCommandInfo(" ".join(_quoted(word) for word in [path, *arguments]))
            ended = program.run(path, arguments, feedback)
        except program.ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        return self.judge(ended)

    def judge(self, ended):
        """The exit code and the document of a command that is done, at least in part; else an exception with what to do."""
        if ended.code in (program.DONE, program.PARTIAL) and isinstance(ended.document, dict):
            return ended.code, ended.document
        message = ""
        if ended.error is not None:
            message = program.with_hint(str(ended.error.get("message", "")), ended.error.get("hint"))
        if ended.canceled:
            kept = tr("Canceled. What was computed is kept in the output: the same parameters continue there.")
            raise QgsProcessingException((kept if self.CONTINUES else tr("Canceled. Nothing was published.")) + ("\n" + message if message else ""))
        if ended.code == program.TRY_AGAIN:
            raise QgsProcessingException(message + "\n" + tr("This may succeed later: run it again with the same parameters."))
        if message:
            raise QgsProcessingException(message)
        last = "\n".join(ended.tail)
        raise QgsProcessingException(tr("The program ended with code {code} and without a result.").format(code=ended.code) + "\n" + last)


class PublishingAlgorithm(ProgramAlgorithm):
    """An algorithm that publishes an output, whose layers are then loaded."""

    CONFIG, OUTPUT, OVERWRITE, LOAD = "CONFIG", "OUTPUT", "OVERWRITE", "LOAD"

    def add_output(self):
        """Adds the parameters and results of every output."""
        self.add(
            QgsProcessingParameterFile(self.CONFIG, tr("Configuration (TOML)"), extension="toml", optional=True),
            tr("A file with all further options. What it sets cannot be set here as well."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterBoolean(self.OVERWRITE, tr("Replace an earlier output"), False),
            tr("The earlier output stays until the new one is complete."),
        )
        self.add(QgsProcessingParameterBoolean(self.LOAD, tr("Open the layers"), True), tr("In a group of the project, with their styles."))
        self.add(
            QgsProcessingParameterFolderDestination(self.OUTPUT, tr("Output folder")),
            tr("A folder, or the URL of an object store. An interrupted run continues there."),
        )
        self.addOutput(QgsProcessingOutputString("RUN_ID", tr("Identifier of the run")))
        self.addOutput(QgsProcessingOutputNumber("FAILED_SCENES", tr("Scenes that failed")))
        self.addOutput(QgsProcessingOutputMultipleLayers("LAYERS", tr("Layers")))

    def publish(self, verb, arguments, tables, parameters, context, feedback):
        """Runs `arpent VERB` with the configuration given, or with one of these tables, and loads what it published."""
        address = output.absolute(self.parameterAsString(parameters, self.OUTPUT, context))
        config = self.parameterAsString(parameters, self.CONFIG, context)
        words = [*arguments, f"--output={address}"]
        if self.parameterAsBool(parameters, self.OVERWRITE, context):
            words.append("--overwrite")
        with tempfile.TemporaryDirectory(prefix="qgis-arpent-") as folder:
            if config:
                config = output.absolute(config)
            else:
                config = os.path.join(folder, f"{verb}.toml")
                text = toml.document(tables)
                with open(config, "w", encoding="utf-8") as file:
                    file.write(text)
                feedback.pushDebugInfo(text)
            _, document = self.command([verb, config, *words], feedback)
        failed = document.get("failed_scenes") or []
        for scene in failed:
            feedback.reportError(
                program.with_hint(tr("Not in the output: {scene}: {reason}").format(scene=scene.get("uri"), reason=scene.get("reason")), scene.get("hint"))
            )
        try:
            published = output.of_documents(document.get("maps", [document]))
            loaded = layers.load(published, context, feedback) if self.parameterAsBool(parameters, self.LOAD, context) else []
        except output.OutputError as error:
            raise QgsProcessingException(str(error)) from error
        return {
            self.OUTPUT: address,
            "RUN_ID": " ".join(str(each.manifest.get("run_id")) for each in published),
            "FAILED_SCENES": len(failed),
            "LAYERS": loaded,
        }

    def refuse_beside_config(self, parameters, names):
        """What a configuration sets cannot be set by a parameter as well: one of both would be ignored."""
        if parameters.get(self.CONFIG) in (None, ""):
            return
        both = [name for name in names if parameters.get(name) not in (None, "", [], False)]
        if both:
            titles = ", ".join(self.parameterDefinition(name).description() for name in both)
            raise QgsProcessingException(tr("These are set in the configuration, not here as well: {titles}").format(titles=titles))


def _quoted(word):
    """A word of the command line as a shell would take it, to be read by persons."""
    plain = word and all(letter.isalnum() or letter in "-_./:=,@%+" for letter in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
