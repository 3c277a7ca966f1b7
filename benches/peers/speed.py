"""Times the network alone: the same weights and the same chip through ours, ONNX Runtime and PyTorch.

    python benches/peers/speed.py PACKAGE... --output FOLDER [--arpent target/release/arpent-benches]
    python benches/peers/speed.py --windows [NAME...] --output FOLDER --arpent target/release/arpent-benches

With `--windows`, networks of windows.py with made-up weights, all by default, whose window is the chip; `arpent`, which
imports them, is expected beside `arpent-benches`.

One process per engine; they take turns, in another order each round, so that what else the machine does falls on all of
them. Writes `network.json` and `network.md` into the folder: medians and least times, as a share of ONNX Runtime's,
and how far the answers are from PyTorch's (the largest difference over the largest answer).
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from windows import SIZES

HERE = Path(__file__).parent
# Names that an import takes; which they are does not matter here.
BANDS = ["red", "green", "blue", "nir"]
REFERENCE, JUDGE = "onnxruntime", "pytorch"
WARM_UPS = 2
# For threads of the engine before to go to sleep: those of OpenMP spin for 0.2 s after their last work.
PAUSE_S = 0.4
# What an engine computes before the chip that counts: in a job it never rests. Linux leaves threads that have slept on one
# core for some 50 ms.
WAKE_S = 0.25
LIBRARIES = ("onnxruntime", "torch", "numpy")
INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile")


class Engine:
    """A child that predicts on demand (speed_server.py)."""

    def __init__(self, name, command):
        self.name, self.times = name, []
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.child = subprocess.Popen([str(part) for part in command], text=True, **pipes)

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def chip(self):
        self.ask("run")
        said = self.child.stdout.readline()
        if not said:
            raise SystemExit(f"{self.name} ended without output")
        return float(said)

    def run(self):
        """Milliseconds of one chip, after others that wake its threads up."""
        awake = time.perf_counter() + WAKE_S
        while time.perf_counter() < awake:
            self.chip()
        return self.chip()

    def end(self, path):
        """Its last answer; the child is gone."""
        self.ask(f"save {path}")
        self.ask("quit")
        if self.child.wait():
            raise SystemExit(f"{self.name} ended with {self.child.returncode}")
        return np.load(path)


def export(package, folder, size):
    """The ONNX file of a package, made by a process that ends before anything is measured."""
    path = folder / "network.onnx"
    subprocess.run([sys.executable, HERE / "export_onnx.py", package, path, "--size", str(size)], check=True)
    return path


def chip(package, folder, size):
    """The file of a random normalized chip."""
    architecture = json.loads((package / "model.json").read_text())["architecture"]
    bands, path = architecture["in_channels"] * architecture.get("dates", 1), folder / "chip.npy"
    np.save(path, np.random.default_rng(0).standard_normal((1, bands, size, size), np.float32))
    return path


def files(package, folder, size):
    """What the engines of a package read: ours, PyTorch's, ONNX Runtime's, the chip."""
    return package, package, export(package, folder, size), chip(package, folder, size)


def windows(name, folder, given):
    """The same for a network of windows.py, made by processes that end before anything is measured."""
    subprocess.run([sys.executable, HERE / "windows.py", name, folder, "--size", str(given.size)], check=True)
    weights, package = folder / f"{name}.safetensors", folder / name
    if given.arpent:
        bands, classes = SIZES[name]
        importer = [Path(given.arpent).with_name("arpent"), "model", "import", weights, "--output", package]
        window = ["--window", given.size, "--margin", given.size // 8]
        bands = ["--bands", ",".join(BANDS[:bands]), "--classes", classes, "--license", "CC0-1.0"]
        command = [*importer, "--architecture", name, *window, *bands]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return package, weights, folder / f"{name}.onnx", folder / "chip.npy"


def start(read, given):
    """The engines for the files that they read."""
    ours, pytorch, onnx, picture = read
    common = ["--size", given.size, "--threads", given.threads, "--input", picture]
    server = [sys.executable, HERE / "speed_server.py"]
    commands = {
        "onnxruntime": [*server, "onnxruntime", onnx, *common],
        "pytorch": [*server, "pytorch", pytorch, *common],
        "pytorch-default": [*server, "pytorch-default", pytorch, *common],
    }
    if given.arpent:
        commands = {"arpent": [given.arpent, "network", ours, *common], **commands}
    return [Engine(name, command) for name, command in commands.items()]


def take_turns(engines, rounds):
    for number in range(WARM_UPS + rounds):
        turn = number % len(engines)
        for engine in engines[turn:] + engines[:turn]:
            time.sleep(PAUSE_S)
            took = engine.run()
            if number >= WARM_UPS:
                engine.times.append(took)


def apart(a, b):
    if a.shape != b.shape:
        raise SystemExit(f"outputs of {a.shape} and {b.shape}")
    return float(np.abs(a - b).max() / np.abs(b).max())


def measure(package, given):
    """A row per engine, of a package or, by its name, of a network of windows.py."""
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(package, Path):
            name, read = package.name, files(package, Path(folder), given.size)
        else:
            name, read = package, windows(package, Path(folder), given)
        engines = start(read, given)
        take_turns(engines, given.rounds)
        answers = {engine.name: engine.end(Path(folder) / f"{engine.name}.npy") for engine in engines}
    medians = {engine.name: statistics.median(engine.times) for engine in engines}
    return [
        {
            "model": name,
            "engine": engine.name,
            "median_ms": medians[engine.name],
            "least_ms": min(engine.times),
            "of_onnxruntime": medians[engine.name] / medians[REFERENCE],
            "from_pytorch": apart(answers[engine.name], answers[JUDGE]),
            "ms": engine.times,
        }
        for engine in engines
    ]


def machine():
    """The processor, what of its instructions matters here, and the libraries that were measured."""
    facts = {}
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else []:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = set(facts.get("flags", "").split())
    return {
        "cpu": facts.get("model name", platform.processor()),
        "family_model": f"{facts.get('cpu family', '?')}/{facts.get('model', '?')}",
        "instructions": [one for one in INSTRUCTIONS if one in flags],
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def heading(facts):
    libraries = ", ".join(f"{name} {facts[name]}" for name in LIBRARIES)
    instructions = " ".join(facts["instructions"])
    processor = f"{facts['cpu']} (family/model {facts['family_model']}; {instructions})"
    return f"{processor}; Python {facts['python']}, {libraries}.\n"


def table(rows):
    lines = [
        "| model | engine | median, ms | least, ms | of ONNX Runtime's median | from PyTorch's answer |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        times = f"{row['median_ms']:.1f} | {row['least_ms']:.1f} | {row['of_onnxruntime']:.2f}"
        lines.append(f"| {row['model']} | {row['engine']} | {times} | {row['from_pytorch']:.1e} |")
    return "\n".join(lines) + "\n"


def write(folder, name, facts, settings, rows, text):
    """The record as JSON and as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"machine": facts, "settings": settings, "rows": rows}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / f"{name}.md").write_text(text)
    print(text)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", type=Path, nargs="*")
    parser.add_argument("--windows", nargs="*", metavar="NAME", help="networks of windows.py; all by default")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arpent", help="the binary arpent-benches; without it only the peers run")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="side of the chip, pixels")
    given = parser.parse_args()
    named = list(SIZES) if given.windows == [] else given.windows or []
    rows = [row for package in [*given.packages, *named] for row in measure(package, given)]
    facts, settings = machine(), {key: getattr(given, key) for key in ("rounds", "threads", "size")}
    said = (
        f"\nOne chip of {given.size} x {given.size} px, {given.threads} threads, {given.rounds} rounds.\n\n"
    )
    write(given.output, "network", facts, settings, rows, heading(facts) + said + table(rows))


if __name__ == "__main__":
    main()
