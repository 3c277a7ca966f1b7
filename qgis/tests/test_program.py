# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The program: found, refused, run, canceled; what its exit codes become."""

import json
import os
import pathlib
import tempfile
import time
import tomllib
import unittest

import harness
import processing
from harness import Feedback
from qgis.core import QgsApplication, QgsProcessingException


class Case(unittest.TestCase):
    """A folder of its own, and the options of the provider as a person would set them."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=harness.PLACE.name))
        harness.configure()

    def fake(self, script, name="arpent"):
        """A program of a few lines."""
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + script, encoding="utf-8")
        path.chmod(0o755)
        return path

    def fails(self, algorithm, parameters, feedback=None):
        """The message of a run that must fail."""
        with self.assertRaises(QgsProcessingException) as caught:
            processing.run(f"arpent:{algorithm}", parameters, feedback=feedback or Feedback())
        return str(caught.exception)


class Finding(Case):
    """Which program is used."""

    def test_without_a_program_the_message_says_how_to_get_one(self):
        harness.configure(program=self.folder / "nowhere")
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("arpent:run")
        can, message = algorithm.canExecute()
        self.assertFalse(can)
        for shown in (message, self.fails("check", {"INPUT": str(self.folder)})):
            self.assertIn(f"There is no program {self.folder / 'nowhere'}", shown)
            self.assertIn("install.md", shown)
            self.assertIn("Processing", shown)

    def test_it_is_found_on_path_and_in_a_folder(self):
        from arpent import program

        fake = self.fake("echo arpent 0.1.0\n")
        before = os.environ["PATH"]
        try:
            os.environ["PATH"] = f"relative{os.pathsep}{self.folder}{os.pathsep}{before}"
            self.assertEqual(program.find(""), str(fake))
        finally:
            os.environ["PATH"] = before
        self.assertEqual(program.find(str(self.folder)), str(fake))
        fake.chmod(0o644)
        self.assertIsNone(program.find(str(fake)))

    def test_other_versions_and_other_programs_are_refused(self):
        for printed, wanted in (
            ("echo arpent 1.0.0", "is Arpent 1.0.0; this plugin needs 0.1.0"),
            ("echo arpent 0.0.9", "is Arpent 0.0.9; this plugin needs 0.1.0"),
            ("echo 'GDAL 3.6.2, released'", "is not Arpent: asked for its version, it printed “GDAL 3.6.2, released”"),
            ("echo no such option >&2; exit 2", "is not Arpent: asked for its version, it printed “no such option”"),
        ):
            harness.configure(program=self.fake(printed + "\n"))
            self.assertIn(wanted, self.fails("check", {"INPUT": str(self.folder)}))
        harness.configure(program=self.fake("echo arpent 0.2.7\n"))
        self.assertIn("ended with code 0 and without a result", self.fails("check", {"INPUT": str(self.folder)}))
        broken = self.folder / "broken"
        broken.write_bytes(b"\x7fELF nothing")
        broken.chmod(0o755)
        harness.configure(program=broken)
        self.assertIn("cannot be started", self.fails("check", {"INPUT": str(self.folder)}))


class Codes(Case):
    """Exit codes of commands, with a program that does nothing else."""

    def ends(self, code, standard_error, printed=""):
        script = f'[ "$1" = --version ] && echo arpent 0.1.0 && exit 0\nprintf "%s\\n" {standard_error} >&2\nprintf "%s" {printed}\nexit {code}\n'
        harness.configure(program=self.fake(script))

    def test_a_permanent_error_has_its_hint(self):
        self.ends(2, """'{"error":{"code":2,"message":"no such file","hint":"check the path"}}'""")
        self.assertEqual(self.fails("check", {"INPUT": "x"}).strip(), "no such file\nHint: check the path")

    def test_a_temporary_error_says_so(self):
        self.ends(75, """'{"error":{"code":75,"message":"the store did not answer","hint":null}}'""")
        message = self.fails("check", {"INPUT": "x"})
        self.assertIn("the store did not answer\nThis may succeed later", message)

    def test_a_crash_shows_the_last_lines(self):
        self.ends(101, "'thread main panicked' 'at nowhere'")
        feedback = Feedback()
        self.assertIn("ended with code 101 and without a result.\nthread main panicked\nat nowhere", self.fails("check", {"INPUT": "x"}, feedback))

    def test_messages_have_levels_and_progress(self):
        lines = [
            {"level": "info", "message": "computing on CPU"},
            {"level": "warn", "subject": "a.tif", "message": "is old", "hint": "look at it"},
            {"level": "info", "stage": "predict", "done": 25, "total": 100, "message": "predict: 25 %"},
            {"level": "error", "message": "one is bad"},
            "not JSON",
            ["neither"],
        ]
        shown = " ".join("'" + (line if isinstance(line, str) else json.dumps(line)) + "'" for line in lines)
        self.ends(0, shown, """'{"checks":[],"run_id":"run-1"}'""")
        feedback = Feedback()
        processing.run("arpent:check", {"INPUT": "x"}, feedback=feedback)
        self.assertIn("computing on CPU", feedback.infos)
        self.assertEqual(feedback.warnings, ["a.tif: is old\nHint: look at it"])
        self.assertEqual(feedback.errors, ["one is bad"])
        self.assertIn(25.0, feedback.progressed)
        self.assertIn("predict: 25 %", feedback.steps)

    def test_much_output_on_both_streams_does_not_block(self):
        script = '[ "$1" = --version ] && echo arpent 0.1.0 && exit 0\n' \
            'i=0; while [ $i -lt 3000 ]; do echo "line $i of a library that prints more than a pipe holds" >&2; i=$((i+1)); done\n' \
            'printf \'{"checks":[],"run_id":"\'; head -c 300000 /dev/zero | tr "\\0" r; printf \'"}\'\n'
        harness.configure(program=self.fake(script))
        found = processing.run("arpent:check", {"INPUT": "x"}, feedback=Feedback())
        self.assertEqual(len(found["RUN_ID"]), 300_000)

    def test_a_program_that_ignores_an_interrupt_is_interrupted_again_and_then_killed(self):
        from arpent import program

        count = self.folder / "count"
        began = 'echo \'{"level":"info","message":"started"}\' >&2\nwhile :; do sleep 0.05; done\n'
        twice = f'trap "echo x >>{count}; [ \\$(wc -l <{count}) -ge 2 ] && exit 130" INT\n'
        before = program.GRACE_S, program.LAST_S
        try:
            program.GRACE_S, program.LAST_S = 0.5, 0.5
            for script, code in ((twice, 130), ('trap "" INT\n', -9)):
                feedback, start = Feedback(), time.monotonic()
                feedback.pushInfo = lambda text, feedback=feedback: feedback.cancel()
                ended = program.run(str(self.fake(script + began)), ["anything"], feedback)
                self.assertEqual((ended.code, ended.canceled), (code, True))
                self.assertLess(time.monotonic() - start, 30)
        finally:
            program.GRACE_S, program.LAST_S = before


class Configurations(unittest.TestCase):
    """What the plugin writes is TOML."""

    def test_any_text_comes_back(self):
        from arpent import toml

        hostile = "a \"b\" 'c' \\ é \n\t\x7f \u2028 🌳 ]] # ="
        text = toml.document([("", {"a": hostile, "none": None}), ("[b]", {"list": [hostile, "x"], "yes": True, "number": 2.5, "whole": 3}), ("[c]", {})])
        read = tomllib.loads(text)
        self.assertEqual(read, {"a": hostile, "b": {"list": [hostile, "x"], "yes": True, "number": 2.5, "whole": 3}})

    def test_the_environment_of_qgis_does_not_reach_the_program_where_installers_set_it(self):
        from arpent import program

        before, os.environ["PROJ_LIB"] = sys_platform(program), "/of/qgis"
        try:
            program.sys.platform = "win32"
            self.assertNotIn("PROJ_LIB", program.environment())
            program.sys.platform = "linux"
            self.assertEqual(program.environment()["PROJ_LIB"], "/of/qgis")
        finally:
            program.sys.platform = before
            del os.environ["PROJ_LIB"]


def sys_platform(program):
    """The platform as Python names it."""
    return program.sys.platform
