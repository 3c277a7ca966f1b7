#!/usr/bin/env python3
"""Draws features as predicted beside the coverage made of them, as a PNG: the whole scene above, a detail below.

    coverage_picture.py PLAIN COVERAGE --scene SCENE --png FILE [--at X,Y] [--detail METRES] [--credit TEXT]

PLAIN is the output of a run without [coverage] and without simplification, COVERAGE that of one with it.
"""

import argparse
import json

from PIL import Image, ImageDraw, ImageFont

from demo_picture import FAINT, GAP, INK, MARGIN, PANEL, PAPER, SUPERSAMPLE, WIDTH, Run, legend, read_window, rgb, scale_bar, tool


def filled_panel(image, features, classes, box, line_width):
    """Features in the colors of their classes over the image, with their outlines in white."""
    size = (image.width * SUPERSAMPLE, image.height * SUPERSAMPLE)
    colors = {c["id"]: rgb(c["color"]) for c in classes}
    scale = size[0] / (box[2] - box[0])
    layer, lines = Image.new("RGB", size, PAPER), Image.new("L", size, 0)
    # Large ones first: those that lie in their holes are drawn over them.
    for class_id, rings in sorted(features, key=lambda f: -abs(area(f[1][0]))):
        for number, ring in enumerate(rings):
            pixels = [((x - box[0]) * scale, (box[3] - y) * scale) for x, y in ring]
            if number == 0:
                ImageDraw.Draw(layer).polygon(pixels, fill=colors.get(class_id, INK))
            ImageDraw.Draw(lines).line(pixels, fill=255, width=line_width * SUPERSAMPLE)
    mixed = Image.blend(image.resize(size, Image.Resampling.BICUBIC), layer, 0.6)
    mixed.paste(PAPER, mask=lines)
    return mixed.resize(image.size, Image.Resampling.LANCZOS)


def area(ring):
    x, y = ring[:, 0], ring[:, 1]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def row(scene, runs, features, box, line_width):
    size = (PANEL, round(PANEL * (box[3] - box[1]) / (box[2] - box[0])))
    image = read_window(scene, box, size, "-b", 1, "-b", 2, "-b", 3, "-r", "cubic").convert("RGB")
    panels = [image.copy()]
    panels += [filled_panel(image, shapes, run.classes, box, line_width) for run, shapes in zip(runs, features, strict=True)]
    scale_bar(panels[0], (box[2] - box[0]) / PANEL)
    return panels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain")
    parser.add_argument("coverage")
    parser.add_argument("--scene", required=True)
    parser.add_argument("--png", required=True)
    parser.add_argument("--detail", type=float, default=60.0, help="side of the detail in meters")
    parser.add_argument("--at", required=True, help="middle of the detail, X,Y in the CRS of the features")
    parser.add_argument("--credit", default="")
    given = parser.parse_args()
    info = json.loads(tool("gdalinfo", "-json", given.scene))
    (left, top), (right, bottom) = info["cornerCoordinates"]["upperLeft"], info["cornerCoordinates"]["lowerRight"]
    runs = [Run(given.plain), Run(given.coverage)]
    features = [run.features(info["coordinateSystem"]["wkt"]) for run in runs]
    (x, y), half = map(float, given.at.split(",")), given.detail / 2
    rows = [
        row(given.scene, runs, features, (left, bottom, right, top), 1),
        row(given.scene, runs, features, (x - half, y - half, x + half, y + half), 1),
    ]
    head = MARGIN + 62
    sheet = Image.new("RGB", (WIDTH, head + sum(panels[0].height + GAP for panels in rows) + 44), PAPER)
    draw = ImageDraw.Draw(sheet)
    said = f"{given.credit}  Every feature is a proposal of a model; nobody has verified it."
    draw.text((MARGIN, MARGIN), said, fill=FAINT, font=ImageFont.load_default(15))
    titles = ["image"] + [f"{title}: {len(shapes):,} features" for title, shapes in zip(("as predicted", "coverage"), features, strict=True)]
    for i, title in enumerate(titles):
        draw.text((MARGIN + i * (PANEL + GAP), head - 26), title, fill=INK, font=ImageFont.load_default(18))
    for panels in rows:
        for i, panel in enumerate(panels):
            sheet.paste(panel, (MARGIN + i * (PANEL + GAP), head))
        head += panels[0].height + GAP
    legend(draw, head + 4, runs[1])
    sheet.save(given.png, optimize=True)


if __name__ == "__main__":
    main()
