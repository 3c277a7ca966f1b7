"""Time and memory of a whole map: `arpent run` and the script of script_job.py, as processes.

    python benches/peers/speed_job.py PACKAGE SCENE.tif --output FOLDER --arpent target/release/arpent

The scene is laid side by side for `--times` its area. The two take turns. Writes `job.json` and `job.md` into the
folder: medians of wall time, CPU time and peak memory, what the outputs hold, and how many labels differ. Without
`--config` both make the same: label and confidence COGs, and one GeoParquet file of outlines of at least 1 m2,
simplified by 1 px.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from speed import HERE, heading, machine, write

CONFIG = """model = "the command line says it"
[features]
formats = ["geoparquet"]
min_area_m2 = 1.0
simplify_px = 1.0
"""
FIGURES = ("wall_s", "cpu_s", "peak_mb")


def measured(command, log):
    """Wall and CPU seconds and the largest resident set (MB, 10^6 bytes) of a process with its children.

    A child's peak starts at that of the process that started it, so nothing large is imported here.
    """
    with open(log, "w") as out:
        start = time.perf_counter()
        child = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} ended with {child.returncode}:\n{Path(log).read_text()}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": peak}


def python(name, *arguments):
    """A script of this folder in a process of its own."""
    command = [sys.executable, HERE / name, *(str(a) for a in arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def commands(scene, folder, given):
    """What is measured, by name; each writes into the folder of its name."""
    script = [sys.executable, HERE / "script_job.py", folder / "network.onnx", given.package / "model.json"]
    limits = ["--threads", given.threads]
    found = {
        "script": [
            *script,
            scene,
            folder / "script",
            *limits,
            "--batch",
            given.batch,
            "--window",
            given.window,
        ]
    }
    if given.arpent:
        run = [
            given.arpent,
            "run",
            given.config or folder / "run.toml",
            "--model",
            given.package,
            "--scene",
            scene,
        ]
        found = {"arpent": [*run, "--output", folder / "arpent", "--overwrite", *limits], **found}
        if given.alone:
            del found["script"]
    return found


def take_turns(found, folder, rounds):
    """Samples of each, the first one of each left out if there are others: it fills the file cache."""
    samples, names = {name: [] for name in found}, list(found)
    for number in range(int(rounds == 1), 1 + rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            sample = measured(found[name], folder / "log.txt")
            if number:
                samples[name].append(sample)
    return samples


def measure(times, given):
    """A row per program for a scene of `times` the area."""
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        folder = Path(folder)
        scene = folder / ("scene.vrt" if given.vrt else "scene.tif")
        python("speed_scene.py", given.scene, times, scene)
        python("export_onnx.py", given.package, folder / "network.onnx")
        (folder / "run.toml").write_text(CONFIG)
        found = commands(scene, folder, given)
        samples = take_turns(found, folder, given.rounds)
        outputs = json.loads(python("speed_outputs.py", *(folder / name for name in found)))
    return [
        {
            "times": times,
            "program": name,
            **{figure: statistics.median(one[figure] for one in of) for figure in FIGURES},
            "features": features,
            "labels_differ": outputs["labels_differ"],
            "samples": of,
        }
        for (name, of), features in zip(samples.items(), outputs["features"], strict=True)
    ]


def table(rows):
    lines = [
        "| area | program | wall, s | CPU, s | peak memory, MB | features | labels that differ |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        figures = f"{row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['peak_mb']:.0f} | {row['features']:,}"
        apart = "-" if row["labels_differ"] is None else f"{100 * row['labels_differ']:.4f} %"
        lines.append(f"| {row['times']} x | {row['program']} | {figures} | {apart} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arpent", help="the binary arpent; without it only the script runs")
    parser.add_argument(
        "--config", type=Path, help="of `arpent run`; should write GeoParquet alone, as the script does"
    )
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16, 64], help="square numbers")
    parser.add_argument("--vrt", action="store_true", help="larger scenes refer to the smallest")
    parser.add_argument("--alone", action="store_true", help="only arpent: for scenes that the script cannot hold")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="of the script; more is no faster")
    parser.add_argument("--window", type=int, default=512, help="side of the script's cores, pixels")
    parser.add_argument("--scratch", type=Path, help="folder for scenes and outputs; the system's by default")
    given = parser.parse_args()
    rows = [row for times in given.times for row in measure(times, given)]
    facts = machine() | {"rasterio": version("rasterio"), "geopandas": version("geopandas")}
    settings = {key: getattr(given, key) for key in ("rounds", "threads", "batch", "window")}
    settings |= {"package": given.package.name, "scene": given.scene.name}
    said = f"\n{given.package.name} on {given.scene.name}, {given.threads} threads, {given.rounds} rounds; "
    said += f"the script: windows of {given.window} px, {given.batch} at a time.\n\n"
    write(given.output, "job", facts, settings, rows, heading(facts) + said + table(rows))


if __name__ == "__main__":
    main()
