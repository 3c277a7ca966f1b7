"""What jobs were predicted to take, and what they took; and how far budgets were passed.

python benches/cost.py ARPENT WORK SCENE.tif [N]      (N: copies of the scene along each side of the mosaic, 4)
"""

import json
import os
import shutil
import subprocess
import sys

arpent, work, scene = (os.path.abspath(path) for path in sys.argv[1:4])
side = int(sys.argv[4]) if len(sys.argv) > 4 else 4
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
rates = os.path.join(work, "rates.jsonl")
keys = {"h": "hours", "CPU h": "cpu_hours", "read MB": "bytes_read_local", "pieces MB": "bytes_of_pieces",
        "published MB": "bytes_written", "Wh": "kwh"}


def run(*words, code=0):
    ended = subprocess.run([arpent, *words, "--format", "json"], capture_output=True, text=True,
                           env={**os.environ, "ARPENT_RATES": rates})
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout) if code == 0 else json.loads(ended.stderr.strip().splitlines()[-1])["error"]


def mosaic():
    os.makedirs(os.path.join(work, "scenes"), exist_ok=True)
    info = json.loads(subprocess.check_output(["gdalinfo", "-json", scene]))
    (width, height), (west, dx, _, north, _, dy) = info["size"], info["geoTransform"]
    for i in range(side * side):
        path = os.path.join(work, "scenes", f"{i:03}.tif")
        x, y = west + i % side * width * dx, north + i // side * height * dy
        shutil.copy(scene, path)
        subprocess.check_call(["gdal_edit.py", "-a_ullr", *map(str, (x, y, x + width * dx, y + height * dy)), path])
    return os.path.join(work, "scenes")


def took(ledger):
    stages = ledger["stages"]
    read = stages["read"]["bytes_read"] + stages["open"]["bytes_read"]
    return {"hours": ledger["seconds"] / 3600, "cpu_hours": ledger["cpu_s"] / 3600, "bytes_read_local": read,
            "bytes_of_pieces": stages["keep"]["bytes_written"], "bytes_written": stages["publish"]["bytes_written"],
            "kwh": ledger["watt_hours"] / 1000}


def line(name, basis, cost, ledger):
    found, cells = took(ledger), []
    for title, key in keys.items():
        scale = 1e6 if "MB" in title else 1e-3 if title == "Wh" else 1
        expected = cost["quantities"][key]["expected"]
        error = "" if expected is None else f"{expected / scale:.4g}, "
        percent = "" if expected is None else f" ({100 * (expected / found[key] - 1):+.0f} %)"
        cells.append(f"{error}{found[key] / scale:.4g}{percent}")
    print(f"| {name}, {ledger['pixels'] / 1e6:.1f} Mpx | {basis} | " + " | ".join(cells) + " |", flush=True)


def job(name, *words):
    out = os.path.join(work, name)
    probe = run("plan", *words, "--output", out, "--probe")["cost"]
    first = run("run", *words, "--output", out)["maps"][0]["ledger"]
    line(name, "probe", probe, first)
    recorded = run("plan", *words, "--output", out)["cost"]
    line(name, recorded["basis"], recorded, run("run", *words, "--output", out, "--overwrite")["maps"][0]["ledger"])
    return first


def budget(name, limit, of, *words):
    out = os.path.join(work, "budget")
    shutil.rmtree(out, ignore_errors=True)
    error = run("run", *words, "--output", out, "--budget", limit, code=3)
    print(f"| {name} | {limit} | {of} | {error['message']} |", flush=True)
    run("run", *words, "--output", out)


shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
heavy, light = (["--model", os.path.join(root, "models", name)] for name in ("tree-health-10cm", "tree-health-10cm-lite0"))
many = ["--scene", mosaic()]
print("| job | basis | " + " | ".join(f"{title}: predicted, taken" for title in keys) + " |\n|---|---|" + "---|" * len(keys))
job("scene", *heavy, "--scene", scene)
large = job("mosaic", *light, *many)
layer = os.path.join(work, "layer.fgb")
features = next(a["href"] for a in json.load(open(os.path.join(work, "scene/manifest.json")))["artifacts"] if a["href"].endswith("features.gpkg"))
subprocess.check_call(["ogr2ogr", layer, os.path.join(work, "scene", features), "-select", "id,class_name", "-nln", "crowns", "features"])
config = os.path.join(work, "coverage.toml")
open(config, "w").write(f'model = "{heavy[1]}"\n[coverage]\nmmu_m2 = 4.0\ntolerance_px = 1.0\n[[reference.enrich]]\nname = "crowns"\nlayer = {{ source = "{layer}", id = "id" }}\nfields = ["class_name"]\n')
job("coverage", config, *many)
print("\n| job | budget | of | message |\n|---|---|---|---|")
budget("mosaic", f"{large['seconds'] * 0.4:.1f}s", f"{large['seconds']:.1f} s", *light, *many)
budget("mosaic", f"{large['watt_hours'] * 0.6:.4f}Wh", f"{large['watt_hours']:.4f} Wh", *light, *many)
