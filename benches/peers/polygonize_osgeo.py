"""Polygons of a file of labels by the system's GDAL, up to its layer in memory; prints the result as JSON.

    /usr/bin/python3 benches/peers/polygonize_osgeo.py LABELS WIDTH

Needs the system's bindings (`apt-get install python3-gdal`); that GDAL is the one that arpent is linked with.
"""

import json
import sys
import time
from pathlib import Path

from osgeo import gdal, ogr


def main():
    path, width = Path(sys.argv[1]), int(sys.argv[2])
    gdal.UseExceptions()
    labels = path.read_bytes()
    height = len(labels) // width
    raster = gdal.GetDriverByName("MEM").Create("", width, height, 1, gdal.GDT_Byte)
    raster.GetRasterBand(1).WriteRaster(0, 0, width, height, labels)
    source = (ogr.GetDriverByName("Memory") or ogr.GetDriverByName("MEM")).CreateDataSource("")
    layer = source.CreateLayer("regions", geom_type=ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
    began = time.process_time()
    gdal.Polygonize(raster.GetRasterBand(1), None, layer, 0, [])
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "gdal": gdal.__version__, "regions": layer.GetFeatureCount()}))


if __name__ == "__main__":
    main()
