"""Times the same job with two builds of `arpent`, in turns: the cost or gain of a change.

    python benches/peers/two_builds.py BEFORE AFTER SCENE.tif --output FOLDER [--config run.toml] [--rounds 11]

Each round runs both, the one that begins changes from round to round; one round before them is not counted. Writes
`two_builds.json` and `two_builds.md` into the folder: medians of wall time, CPU time and peak memory of each build, the median of
the rounds' ratios, and whether the label rasters hold the same bytes.
"""

import argparse
import hashlib
import json
import platform
import shutil
import statistics
from pathlib import Path

from speed_job import FIGURES, measured


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def labels(folder):
    """SHA-256 of the label raster of a run."""
    found = sorted(Path(folder).glob("*/labels.tif"))
    return hashlib.sha256(found[0].read_bytes()).hexdigest() if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/tree-health/run.toml"))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    builds = {"before": given.before, "after": given.after}
    runs = {name: [] for name in builds}
    hashes = {}
    for number in range(given.rounds + 1):
        names = list(builds) if number % 2 else list(reversed(builds))
        for name in names:
            folder = given.output / name
            shutil.rmtree(folder, ignore_errors=True)
            words = ["run", given.config, "--scene", given.scene, "--threads", given.threads, "--output", folder]
            run = measured([builds[name], *words], given.output / f"{name}.log")
            hashes[name] = labels(folder)
            if number:
                runs[name].append(run)
    median = {name: {f: statistics.median(r[f] for r in found) for f in FIGURES} for name, found in runs.items()}
    ratio = {
        f: statistics.median(a[f] / b[f] for a, b in zip(runs["after"], runs["before"], strict=True)) for f in FIGURES
    }
    same = hashes["before"] == hashes["after"]
    record = {"processor": processor(), "runs": runs, "median": median, "ratio": ratio, "same_labels": same}
    (given.output / "two_builds.json").write_text(json.dumps(record, indent=1) + "\n")
    rows = "\n".join(
        f"| {f} | {median['before'][f]:.3f} | {median['after'][f]:.3f} | {ratio[f]:.3f} |" for f in FIGURES
    )
    text = f"""{processor()}. {given.scene.name}, {given.config}, {given.threads} threads, medians of {given.rounds} rounds in turns.

| figure | before | after | after / before, median of the rounds |
|---|---|---|---|
{rows}

Label rasters: {"the same bytes" if same else "other bytes"}.
"""
    (given.output / "two_builds.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
