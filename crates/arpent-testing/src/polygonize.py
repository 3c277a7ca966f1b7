"""Polygons of label rasters by GDAL. For each raster, stdin has a line `WIDTH HEIGHT CONNECTIVITY` and its bytes; stdout gets the number of
polygons and a line for each: its value and its rings of corners, `VALUE;X,Y X,Y ...;X,Y ...`."""

import sys

from osgeo import gdal, ogr

gdal.UseExceptions()
for line in iter(sys.stdin.buffer.readline, b""):
    width, height, connectivity = map(int, line.split())
    raster = gdal.GetDriverByName("MEM").Create("", width, height, 1, gdal.GDT_Byte)
    raster.GetRasterBand(1).WriteRaster(0, 0, width, height, sys.stdin.buffer.read(width * height))
    # Merged into the MEM driver by GDAL 3.11.
    source = (ogr.GetDriverByName("Memory") or ogr.GetDriverByName("MEM")).CreateDataSource("")
    layer = source.CreateLayer("regions", geom_type=ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
    gdal.Polygonize(raster.GetRasterBand(1), None, layer, 0, ["8CONNECTED=8"] if connectivity == 8 else [])
    print(layer.GetFeatureCount())
    for feature in layer:
        rings = [ring.GetPoints() for ring in feature.GetGeometryRef()]
        rings = [" ".join(f"{round(x)},{round(y)}" for x, y, *_ in ring) for ring in rings]
        print(feature.GetField(0), *rings, sep=";")
    sys.stdout.flush()
