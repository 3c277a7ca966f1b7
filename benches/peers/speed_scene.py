"""A scene of N times the area, made of adjacent copies of another (tiled, DEFLATE; or a VRT that refers to it).

python benches/peers/speed_scene.py SCENE.tif TIMES FILE.tif|FILE.vrt
"""

import math
import os
import sys

import numpy as np
import rasterio
from rasterio.windows import Window

BLOCK = 512


def refer(source, times, path):
    side = math.isqrt(times)
    with rasterio.open(source) as scene:
        width, height, transform, crs = scene.width, scene.height, scene.transform, scene.crs
        colors = [color.name.capitalize() for color in scene.colorinterp]
    places = [(column * width, row * height) for row in range(side) for column in range(side)]
    bands = []
    for band, color in enumerate(colors, 1):
        sources = "".join(
            f"<SimpleSource><SourceFilename>{os.path.abspath(source)}</SourceFilename><SourceBand>{band}</SourceBand>"
            f'<SourceProperties RasterXSize="{width}" RasterYSize="{height}" DataType="Byte" BlockXSize="{BLOCK}" '
            f'BlockYSize="{BLOCK}"/><SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
            f'<DstRect xOff="{x}" yOff="{y}" xSize="{width}" ySize="{height}"/></SimpleSource>'
            for x, y in places
        )
        bands.append(
            f'<VRTRasterBand dataType="Byte" band="{band}" blockXSize="{BLOCK}" blockYSize="{BLOCK}">'
            f"<ColorInterp>{color}</ColorInterp>{sources}</VRTRasterBand>"
        )
    numbers = ", ".join(str(number) for number in transform.to_gdal())
    head = f'<VRTDataset rasterXSize="{side * width}" rasterYSize="{side * height}"><SRS>{crs.to_string()}</SRS>'
    with open(path, "w") as file:
        file.write(f"{head}<GeoTransform>{numbers}</GeoTransform>{''.join(bands)}</VRTDataset>")


def enlarge(source, times, path):
    side = math.isqrt(times)
    if side * side != times:
        raise SystemExit(f"{times} is not a square number")
    with rasterio.open(source) as scene:
        values, profile = scene.read(), scene.profile
    height, width = values.shape[1] * side, values.shape[2] * side
    profile.update(driver="GTiff", height=height, width=width, tiled=True, blockxsize=BLOCK, blockysize=BLOCK)
    profile.update(
        compress="DEFLATE", predictor=2, interleave="pixel", BIGTIFF="IF_SAFER", num_threads="ALL_CPUS"
    )
    with rasterio.open(path, "w", **profile) as out:
        for top in range(0, height, BLOCK):
            rows = np.arange(top, min(top + BLOCK, height)) % values.shape[1]
            strip = np.tile(values[:, rows], (1, 1, side))
            out.write(strip, window=Window(0, top, width, len(rows)))


if __name__ == "__main__":
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    make = refer if sys.argv[3].endswith(".vrt") else enlarge
    make(sys.argv[1], int(sys.argv[2]), sys.argv[3])
