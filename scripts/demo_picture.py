#!/usr/bin/env python3
"""Draws a run as a PNG: image, label raster and outlines side by side, the whole scene above, a detail below.

    demo_picture.py OUTPUT --scene SCENE --png FILE [--detail METRES] [--at X,Y] [--credit TEXT]

Reads the run's manifest.json and the model package that it names; pixels and outlines come through GDAL's command
line tools, so that only numpy and Pillow are needed. The detail is the square that holds the most features of the
class that is rarest in it; --at puts its middle elsewhere, --detail 0 leaves it out.
"""

import argparse
import io
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN, GAP, SUPERSAMPLE = 1500, 24, 14, 2
PANEL = (WIDTH - 2 * MARGIN - 2 * GAP) // 3
INK, FAINT, PAPER = (25, 25, 25), (105, 105, 105), (255, 255, 255)


def tool(*arguments):
    return subprocess.run([str(a) for a in arguments], check=True, stdout=subprocess.PIPE).stdout


class Run:
    """What a run left, and the model that made it."""

    def __init__(self, output, model=None):
        self.output = Path(output)
        self.manifest = json.loads((self.output / "manifest.json").read_text())
        package = Path(model or self.manifest["config"]["model"])
        self.model = json.loads((package / "model.json").read_text())
        self.classes = [c for c in self.model["classes"] if c.get("features", True)]

    def artifact(self, role, *endings):
        hrefs = [a["href"] for a in self.manifest["artifacts"] if a["role"] == role]
        found = [h for e in endings for h in hrefs if h.endswith(e)]
        return self.output / found[0] if found else None

    def features(self, crs):
        """(class id, rings in the scene's CRS) of every feature."""
        path = self.artifact("features", ".gpkg", ".fgb", ".geojson")
        if path is None:
            return []
        # A GeoPackage holds its styles in a layer of their own.
        layer = ["features"] if path.suffix == ".gpkg" else []
        text = tool("ogr2ogr", "-f", "GeoJSON", "-t_srs", crs, "-lco", "RFC7946=NO", "/vsistdout/", path, *layer)
        found = []
        for feature in json.loads(text)["features"]:
            shape = feature["geometry"]
            polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
            found += [(feature["properties"]["class_id"], [np.array(r)[:, :2] for r in p]) for p in polygons]
        return found


def read_window(path, box, size, *options):
    """Pixels of `path` inside box (left, bottom, right, top), resampled to size (width, height)."""
    left, bottom, right, top = box
    window = ("-projwin", left, top, right, bottom, "-outsize", *size)
    png = tool("gdal_translate", "-q", "-of", "PNG", "-ovr", "NONE", *window, *options, path, "/vsistdout/")
    return Image.open(io.BytesIO(png))


def rgb(color):
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def label_panel(image, labels, classes):
    """Classes in their colors over the greyed image; classes that give no features stay grey."""
    grey = np.asarray(image.convert("L"), float)[..., None]
    out = np.repeat(0.45 * grey + 0.55 * 255, 3, axis=2)
    for entry in classes:
        out[labels == entry["id"]] = rgb(entry["color"])
    return Image.fromarray(out.round().astype(np.uint8))


def outline_panel(image, features, classes, box, width):
    """The image with the outline of every feature in its class's color."""
    out = image.resize((image.width * SUPERSAMPLE, image.height * SUPERSAMPLE), Image.Resampling.BICUBIC)
    draw, colors = ImageDraw.Draw(out), {c["id"]: rgb(c["color"]) for c in classes}
    scale = out.width / (box[2] - box[0])
    for class_id, rings in features:
        for ring in rings:
            pixels = [((x - box[0]) * scale, (box[3] - y) * scale) for x, y in ring]
            if width > 1:
                draw.line(pixels, fill=PAPER, width=(width + 2) * SUPERSAMPLE, joint="curve")
            draw.line(pixels, fill=colors.get(class_id, INK), width=width * SUPERSAMPLE, joint="curve")
    return out.resize(image.size, Image.Resampling.LANCZOS)


def busiest_square(features, box, side):
    """Middle of the square with the most features of the class that is rarest in it."""
    if not features:
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    centers = np.array([rings[0].mean(axis=0) for _, rings in features])
    ids = np.array([class_id for class_id, _ in features])

    def rank(middle):
        inside = (np.abs(centers - middle) <= side / 2).all(axis=1)
        counts = [int((inside & (ids == class_id)).sum()) for class_id in np.unique(ids)]
        return min(counts), sum(counts)

    columns = np.arange(box[0] + side / 2, max(box[2] - side / 2, box[0] + side / 2 + 1e-6), side / 2)
    rows = np.arange(box[1] + side / 2, max(box[3] - side / 2, box[1] + side / 2 + 1e-6), side / 2)
    return max(((x, y) for x in columns for y in rows), key=rank)


def scale_bar(panel, meters_per_pixel):
    """Writes a bar of a round length into the lower left corner."""
    length = next(m for m in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**4, 2 * 10**4, 5 * 10**4, 10**9) if m / meters_per_pixel >= PANEL / 8)
    draw, right, y = ImageDraw.Draw(panel), 12 + length / meters_per_pixel, panel.height - 14
    draw.rectangle((6, y - 24, right + 6, y + 8), fill=PAPER)
    draw.line((12, y, right, y), fill=INK, width=3)
    said = f"{length} m" if length < 1000 else f"{length // 1000} km"
    draw.text((12, y - 22), said, fill=INK, font=ImageFont.load_default(15))


def row_of_panels(run, scene, features, box, line_width):
    size = (PANEL, round(PANEL * (box[3] - box[1]) / (box[2] - box[0])))
    image = read_window(scene, box, size, "-b", 1, "-b", 2, "-b", 3, "-r", "cubic").convert("RGB")
    labels = run.artifact("labels", ".tif")
    ids = np.asarray(read_window(labels, box, size, "-r", "mode")) if labels else np.full(size[::-1], 255)
    panels = [image, label_panel(image, ids, run.classes)]
    panels.append(outline_panel(image, features, run.classes, box, line_width))
    scale_bar(panels[0], (box[2] - box[0]) / PANEL)
    return panels


def head_lines(run, credit):
    model, scores = run.model, run.model.get("scores", {})
    yield 24, INK, f"{model['title']}, version {model['version']}"
    shown = [f"{name.replace('_', ' ')} {s['value']:.2f}" for name, s in sorted(scores.items()) if s["split"] == "validation"]
    if shown:
        yield 16, INK, f"on the validation split: {', '.join(shown)}"
    yield 15, FAINT, "  ".join(filter(None, [credit, "Every outline is a proposal of a model; nobody has verified it."]))


def legend(draw, y, run):
    counts, x, font = run.manifest["counts"]["features_per_class"], MARGIN, ImageFont.load_default(17)
    unit = " features" if len(run.classes) < 6 else ""
    for entry in run.classes:
        text = f"{entry['name']}: {counts.get(entry['name'], 0)}{unit}"
        draw.rectangle((x, y, x + 22, y + 18), fill=rgb(entry["color"]), outline=FAINT)
        draw.text((x + 30, y), text, fill=INK, font=font)
        x += 30 + int(draw.textlength(text, font=font)) + 36


def compose(run, rows, credit):
    lines = list(head_lines(run, credit))
    top = MARGIN + sum(round(size * 1.45) for size, *_ in lines) + 34
    height = top + sum(row[0].height + GAP for row in rows) + 44
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    draw, y = ImageDraw.Draw(sheet), MARGIN
    for size, color, text in lines:
        draw.text((MARGIN, y), text, fill=color, font=ImageFont.load_default(size))
        y += round(size * 1.45)
    for i, title in enumerate(("image", "label raster", "features")):
        draw.text((MARGIN + i * (PANEL + GAP), top - 26), title, fill=INK, font=ImageFont.load_default(18))
    for row in rows:
        for i, panel in enumerate(row):
            sheet.paste(panel, (MARGIN + i * (PANEL + GAP), top))
        top += row[0].height + GAP
    legend(draw, top + 4, run)
    return sheet


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("--scene", required=True)
    parser.add_argument("--png", required=True)
    parser.add_argument("--model", help="folder of the model package; by default the one of the run")
    parser.add_argument("--detail", type=float, default=50.0, help="side of the detail in meters")
    parser.add_argument("--at", help="middle of the detail, X,Y in the scene's CRS")
    parser.add_argument("--credit", default="")
    parser.add_argument("--line", type=float, help="easting of a vertical line to draw over the whole scene")
    return parser.parse_args()


def main():
    args = arguments()
    run = Run(args.output, args.model)
    info = json.loads(tool("gdalinfo", "-json", args.scene))
    (left, top), (right, bottom) = info["cornerCoordinates"]["upperLeft"], info["cornerCoordinates"]["lowerRight"]
    box, features = (left, bottom, right, top), run.features(info["coordinateSystem"]["wkt"])
    rows = [row_of_panels(run, args.scene, features, box, 1)]
    if args.detail > 0:
        x, y = map(float, args.at.split(",")) if args.at else busiest_square(features, box, args.detail)
        half = args.detail / 2
        detail = (x - half, y - half, x + half, y + half)
        scale = PANEL / (right - left)
        frame = [(detail[0] - left) * scale, (top - detail[3]) * scale, (detail[2] - left) * scale, (top - detail[1]) * scale]
        for panel in rows[0]:
            ImageDraw.Draw(panel).rectangle(frame, outline=PAPER, width=2)
            if args.line is not None:
                x = (args.line - left) * scale
                ImageDraw.Draw(panel).line((x, 0, x, panel.height), fill=PAPER, width=2)
        rows.append(row_of_panels(run, args.scene, features, detail, 2))
    compose(run, rows, args.credit).save(args.png, optimize=True)


if __name__ == "__main__":
    main()
