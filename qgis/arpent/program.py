# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Finds the installed program and runs it: messages to a feedback as they come, and the result as a document.

Nothing here needs QGIS but the texts; `feedback` is a `QgsProcessingFeedback`.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time

from .texts import tr

# Versions with the options and documents that the plugin uses: from this one on, below the next major version.
OLDEST = (0, 1, 0)

# Exit codes (docs/guides/troubleshooting.md).
DONE, PARTIAL, FAILED, TRY_AGAIN = 0, 1, 2, 75

# Seconds that a canceled command may take to store what it computed before it is asked to end at once, and from then on before it is killed.
GRACE_S = 120
LAST_S = 10
# Seconds between two looks at whether a person has canceled.
POLL_S = 0.1

# Set by the installers of QGIS for its own libraries: the program has others.
OF_QGIS = ("GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_DATA", "PROJ_LIB", "PYTHONHOME", "PYTHONPATH")

WINDOWS = sys.platform == "win32"


class ProgramError(Exception):
    """The program is missing, is another one, or has ended with an error; its text is for the person."""


class Ended:
    """How a command ended: its exit code, the document on standard output (or None), and the error that it printed (or None)."""

    def __init__(self, code, document, error, tail, canceled):
        self.code, self.document, self.error, self.tail, self.canceled = code, document, error, tail, canceled


def find(configured):
    """Path of the program: the one that was set (the file or its folder), else the first on PATH; None if there is none."""
    name = "arpent.exe" if WINDOWS else "arpent"
    if configured:
        path = os.path.expanduser(configured)
        places = [os.path.join(path, name)] if os.path.isdir(path) else [path]
    else:
        # A desktop often starts QGIS without the folders that a shell adds. Relative entries would mean the current folder.
        folders = os.environ.get("PATH", "").split(os.pathsep) + [os.path.expanduser("~/.local/bin")]
        places = [os.path.join(folder, name) for folder in folders if os.path.isabs(folder)]
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)


def missing(configured):
    """What to do when there is no program."""
    if configured:
        what = tr("There is no program {path}.").format(path=configured)
    else:
        what = tr("The program arpent was not found on PATH.")
    return what + "\n" + tr(
        "Install it (for example the wheel with pipx, or the Debian package: docs/guides/install.md), or set its path in "
        "Settings > Options > Processing > Providers > Arpent."
    )


def environment():
    """The environment of the program. On Windows and macOS the installers of QGIS point GDAL, PROJ and Python to their own files."""
    if sys.platform == "linux":
        return dict(os.environ)
    return {name: text for name, text in os.environ.items() if name not in OF_QGIS}


def version(path):
    """Version of the program as three numbers; a ProgramError if it is not Arpent, or one that the plugin cannot use."""
    try:
        shown = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=environment(), check=False, **_hidden()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(tr("{path} cannot be started: {error}").format(path=path, error=error)) from error
    text = shown.stdout.decode("utf-8", "replace").strip()
    found = re.match(r"arpent (\d+)\.(\d+)\.(\d+)", text)
    if shown.returncode != 0 or not found:
        first = (text or shown.stderr.decode("utf-8", "replace").strip()).split("\n", 1)[0][:200]
        raise ProgramError(tr("{path} is not Arpent: asked for its version, it printed “{text}”.").format(path=path, text=first))
    numbers = tuple(int(number) for number in found.groups())
    if numbers < OLDEST or numbers[0] != OLDEST[0]:
        raise ProgramError(
            tr("{path} is Arpent {found}; this plugin needs {oldest} or newer, below {next}.0.0. Update the program or the plugin.").format(
                path=path, found=".".join(found.groups()), oldest=".".join(map(str, OLDEST)), next=OLDEST[0] + 1
            )
        )
    return numbers


def _hidden():
    """No console window on Windows."""
    return {"creationflags": subprocess.CREATE_NO_WINDOW} if WINDOWS else {}


def _start(path, arguments):
    """Starts the program in a process group of its own, which can be interrupted without QGIS."""
    options = {"start_new_session": True}
    if WINDOWS:
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            **options,
        )
    except (OSError, ValueError) as error:
        raise ProgramError(tr("{path} cannot be started: {error}").format(path=path, error=error)) from error


def _interrupt(process):
    """Asks the process to end with what it has stored; asked twice, it ends at once. A window system without consoles can only end it."""
    try:
        if WINDOWS:
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(process.pid, signal.SIGINT)
    except ProcessLookupError:
        # It has ended meanwhile.
        pass
    except OSError:
        process.terminate()


def run(path, arguments, feedback):
    """Runs a command with `--format=json --log-format=json` and returns how it ended.

    It is interrupted once when the feedback is canceled, and waited for: what it has computed is then stored, and the same command continues.
    """
    process = _start(path, [*arguments, "--format=json", "--log-format=json"])
    lines, printed = queue.Queue(), []
    readers = [
        threading.Thread(target=lambda: printed.append(process.stdout.read()), daemon=True),
        threading.Thread(target=_read_lines, args=(process.stderr, lines), daemon=True),
    ]
    for reader in readers:
        reader.start()
    messages = Messages(feedback)
    canceled, steps = False, []
    while True:
        try:
            line = lines.get(timeout=POLL_S)
            if line is None:
                break
            messages.take(line)
        except queue.Empty:
            pass
        if feedback.isCanceled() and not canceled:
            canceled, now = True, time.monotonic()
            feedback.pushInfo(tr("Stopping: what was computed is being stored ..."))
            _interrupt(process)
            steps = [(now + GRACE_S, lambda: _interrupt(process)), (now + GRACE_S + LAST_S, process.kill)]
        elif steps and time.monotonic() > steps[0][0]:
            steps.pop(0)[1]()
    code = process.wait()
    for reader in readers:
        reader.join()
    process.stdout.close()
    process.stderr.close()
    return Ended(code, _document(printed), messages.error, messages.tail, canceled)


def _read_lines(stream, lines):
    """Puts the lines of a stream into a queue, and None at its end."""
    for line in iter(stream.readline, b""):
        lines.put(line.decode("utf-8", "replace").rstrip("\r\n"))
    lines.put(None)


def _document(printed):
    """The document on standard output; None if there is none."""
    text = printed[0].decode("utf-8", "replace") if printed else ""
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return None


class Messages:
    """Hands the lines on standard error to a feedback. `error` is the one that the command ended with, `tail` its last other lines."""

    def __init__(self, feedback):
        self.feedback, self.error, self.tail = feedback, None, []

    def take(self, line):
        """A line: one JSON object, or text of a library."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            if line.strip():
                self.tail = [*self.tail, line][-5:]
                self.feedback.pushConsoleInfo(line)
        elif isinstance(message.get("error"), dict):
            self.error = message["error"]
        elif isinstance(message.get("total"), int) and isinstance(message.get("done"), int) and message["total"] > 0:
            self.feedback.setProgressText(str(message.get("message", "")))
            self.feedback.setProgress(100.0 * message["done"] / message["total"])
        else:
            self.show(message)

    def show(self, message):
        """A message with its subject and its hint."""
        text = with_hint(": ".join(str(message[key]) for key in ("subject", "message") if message.get(key)), message.get("hint"))
        level = message.get("level")
        if level == "error":
            self.feedback.reportError(text)
        elif level == "warn":
            self.feedback.pushWarning(text)
        elif level == "debug":
            self.feedback.pushDebugInfo(text)
        else:
            self.feedback.pushInfo(text)


def with_hint(text, hint):
    """A message and what to do about it."""
    return text + "\n" + tr("Hint: {hint}").format(hint=hint) if hint else text
