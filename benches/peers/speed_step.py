"""Times a training step: the same network and budget through ours and PyTorch.

    python benches/peers/speed_step.py [ENCODER...] --output FOLDER [--arpent target/release/arpent-benches]

A step: forward, cross-entropy, gradients, AdamW, on a batch of random chips. One process per engine; they take turns, in
another order each round. Writes `step.json` and `step.md` into the folder: medians, and as a share of the faster of
PyTorch's two layouts.
"""

import argparse
import statistics
import sys
from pathlib import Path

import speed

ENCODERS = ["resnet18", "mobilenet-v2"]
PYTORCH = ["pytorch", "pytorch-channels-last"]
COLUMNS = ["network", "engine", "median_ms", "least_ms", "of_pytorch"]


def measure(encoder, given):
    """A row per engine."""
    options = [encoder, "--batch", given.batch, "--size", given.size, "--threads", given.threads]
    server = [sys.executable, speed.HERE / "step_server.py", *options, "--layout"]
    commands = {PYTORCH[0]: [*server, "default"], PYTORCH[1]: [*server, "channels-last"]}
    if given.arpent:
        commands = {"arpent": [given.arpent, "step", *options], **commands}
    engines = [speed.Engine(name, command) for name, command in commands.items()]
    speed.take_turns(engines, given.rounds)
    for engine in engines:
        engine.ask("quit")
        engine.child.wait()
    medians = {engine.name: statistics.median(engine.times) for engine in engines}
    best = min(medians[name] for name in PYTORCH)
    values = [[encoder, e.name, medians[e.name], min(e.times), medians[e.name] / best] for e in engines]
    return [dict(zip(COLUMNS, row)) | {"ms": e.times} for row, e in zip(values, engines)]


def table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---:|---:|---:|"]
    for row in rows:
        figures = f"{row['median_ms']:.0f} | {row['least_ms']:.0f} | {row['of_pytorch']:.2f}"
        lines.append(f"| {row['network']} | {row['engine']} | {figures} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoders", nargs="*", default=ENCODERS)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arpent", help="the binary arpent-benches; without it only PyTorch runs")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    rows = [row for encoder in given.encoders for row in measure(encoder, given)]
    facts = speed.machine()
    settings = {key: getattr(given, key) for key in ("rounds", "threads", "batch", "size")}
    said = (
        f"\nSteps of {given.batch} chips of {given.size} x {given.size} px, {given.threads} threads, "
        f"{given.rounds} rounds.\n\n"
    )
    speed.write(given.output, "step", facts, settings, rows, speed.heading(facts) + said + table(rows))


if __name__ == "__main__":
    main()
