"""Runs all speed benchmarks, into one folder: speed.py for the packages, speed_step.py, and speed_job.py for the
first package.

    python benches/peers/speed_all.py PACKAGE... --scene SCENE.tif --output FOLDER [--binaries target/release]

The first package is the one that the scene is for. Writes what the three write, and all tables as `speed.md`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(script, *arguments):
    subprocess.run([sys.executable, HERE / script, *(str(a) for a in arguments)], check=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", type=Path, nargs="+")
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--binaries", type=Path, help="folder of arpent and arpent-benches; else only the peers run"
    )
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16, 64], help="areas of the scene")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    common = ["--output", given.output, "--threads", given.threads]
    ours = {
        name: ["--arpent", given.binaries / name] if given.binaries else []
        for name in ("arpent-benches", "arpent")
    }
    run("speed.py", *given.packages, *common, *ours["arpent-benches"])
    run("speed_step.py", *common, *ours["arpent-benches"])
    run("speed_job.py", given.packages[0], given.scene, *common, *ours["arpent"], "--times", *given.times)
    parts = [(given.output / f"{name}.md").read_text() for name in ("network", "step", "job")]
    (given.output / "speed.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
