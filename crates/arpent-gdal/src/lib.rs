//! The only crate that links GDAL: scenes, mosaics, COG and OGR output, CRS transforms
