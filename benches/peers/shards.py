"""Measures how a job in shards scales from one worker to two, and its stored bytes: plan, workers and merge, as processes.

    python benches/peers/shards.py CONFIG.toml SCENE.tif --output FOLDER --arpent target/release/arpent

Each worker has one thread. Rounds take turns: one worker after the other, two side by side, one whole run of one thread. Writes
`shards.json` into the folder and prints a table: medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("scene")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arpent", default="target/release/arpent")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def start(args, *words):
    command = [args.arpent, *words, "--format", "json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def end(process):
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    return json.loads(out)


def seconds(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def size(folder):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def sharded(args, workers):
    """Seconds of the workers and of the merge, what was stored, and what was published."""
    output = args.output / "sharded"
    shutil.rmtree(output, ignore_errors=True)
    words = ("plan", args.config, "--scene", args.scene, "--output", str(output), "--shards", "2")
    plan_s, plan = seconds(lambda: end(start(args, *words)))
    worker = lambda index: start(args, "worker", "--plan", plan["plan"], "--index", str(index), "--threads", "1")

    def work():
        if workers == 1:
            return [end(worker(0)), end(worker(1))]
        return [end(process) for process in [worker(0), worker(1)]]

    work_s, _ = seconds(work)
    job = end(start(args, "status", plan["plan"]))["jobs"][0]
    pieces, piece_bytes = size(Path(plan["plan"]).parent / "pieces")
    merge_s, merged = seconds(lambda: end(start(args, "merge", "--plan", plan["plan"])))
    manifest = merged["maps"][0]["manifest"]
    return {
        "plan_s": plan_s,
        "work_s": work_s,
        "merge_s": merge_s,
        "pixels": job["pixels"],
        "watt_hours": job["energy"]["watt_hours"],
        "all_watt_hours": manifest["energy"]["watt_hours"],
        "pieces": pieces,
        "piece_bytes": piece_bytes,
        "published_bytes": sum(artifact["size"] for artifact in manifest["artifacts"]),
        "hashes": sorted((Path(a["href"]).name, a["sha256"]) for a in manifest["artifacts"] if "item" not in a["href"]),
    }


def whole(args):
    output = args.output / "whole"
    shutil.rmtree(output, ignore_errors=True)
    words = ("run", args.config, "--scene", args.scene, "--output", str(output), "--threads", "1")
    run_s, run = seconds(lambda: end(start(args, *words)))
    artifacts = run["maps"][0]["manifest"]["artifacts"]
    hashes = sorted((Path(a["href"]).name, a["sha256"]) for a in artifacts if "item" not in a["href"])
    return {"run_s": run_s, "hashes": hashes}


def main():
    args = arguments()
    args.scene = os.path.abspath(args.scene)
    args.output = args.output.absolute()
    args.output.mkdir(parents=True, exist_ok=True)
    rounds = [{"one": sharded(args, 1), "two": sharded(args, 2), "run": whole(args)} for _ in range(args.rounds)]
    hashes = {json.dumps(part["hashes"]) for round in rounds for part in round.values()}
    if len(hashes) != 1:
        raise SystemExit("the outputs differ")
    (args.output / "shards.json").write_text(json.dumps(rounds, indent=1))
    of = lambda part, key: statistics.median(round[part][key] for round in rounds)
    mpx = of("one", "pixels") / 1e6
    one, two, merge = of("one", "work_s"), of("two", "work_s"), of("two", "merge_s")
    rows = [
        ("pixels, Mpx", f"{mpx:.1f}"),
        ("plan, s", f"{of('two', 'plan_s'):.2f}"),
        ("one worker, then the other, s", f"{one:.2f}"),
        ("two workers, s", f"{two:.2f}"),
        ("one to two", f"{one / two:.2f}"),
        ("a worker, Mpx/s", f"{mpx / one:.2f}"),
        ("merge, s (Mpx/s)", f"{merge:.2f} ({mpx / merge:.1f})"),
        ("`arpent run`, one thread, s", f"{of('run', 'run_s'):.2f}"),
        ("pieces", f"{of('two', 'pieces'):.0f}"),
        ("bytes of pieces for each pixel", f"{of('two', 'piece_bytes') / mpx / 1e6:.3f}"),
        ("bytes published for each pixel", f"{of('two', 'published_bytes') / mpx / 1e6:.3f}"),
        ("workers, Wh for 1000 Mpx", f"{of('one', 'watt_hours') / mpx * 1000:.2f}"),
        ("all, Wh for 1000 Mpx", f"{of('one', 'all_watt_hours') / mpx * 1000:.2f}"),
    ]
    print("| figure (median of {}) | |\n|---|---|".format(args.rounds))
    print("\n".join(f"| {name} | {value} |" for name, value in rows))


if __name__ == "__main__":
    main()
