"""Reads windows of a raster with rasterio, or with GDAL's own Python where there is no rasterio, in threads.

python benches/peers/s3_windows.py PATH WINDOWS THREADS

PATH as GDAL names it; WINDOWS holds a window a line (column, row, width, height). GDAL's options come from the environment. Prints
JSON: seconds from before the first opening to the last window, the sum of all values.
"""

import json
import sys
import threading
import time

import numpy as np

try:
    import rasterio
    from rasterio.windows import Window

    VERSION = f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}"

    def opened(path):
        dataset = rasterio.open(path)
        return lambda x, y, w, h: dataset.read(window=Window(x, y, w, h))
except ImportError:
    from osgeo import gdal

    gdal.UseExceptions()
    VERSION = f"osgeo.gdal {gdal.__version__}"

    def opened(path):
        dataset = gdal.Open(path)
        return lambda x, y, w, h: dataset.ReadAsArray(x, y, w, h)


def main():
    path, windows, threads = sys.argv[1], np.loadtxt(sys.argv[2], dtype=int).tolist(), int(sys.argv[3])
    places, lock, sums, failures = iter(windows), threading.Lock(), [], []

    def work():
        try:
            read = opened(path)
            while True:
                with lock:
                    window = next(places, None)
                if window is None:
                    break
                sums.append(int(read(*window).sum(dtype=np.uint64)))
        except Exception as error:
            failures.append(error)

    began = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if failures:
        raise failures[0]
    print(json.dumps({"seconds": seconds, "sum": sum(sums), "reader": VERSION}))


if __name__ == "__main__":
    main()
