//! Areas of interest and layers through GDAL: every window gives the same answer at the same pixel, every ring is closed.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use arpent_gdal::{
    GdalError, LayerGeometry, LayerSource, describe_crs, read_aoi, read_features,
};
use arpent_raster::{Crs, Grid, Window};
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<(PathBuf, Arc<Crs>)> = LazyLock::new(|| {
    arpent_gdal::init(arpent_gdal::InitOptions::default()).expect("GDAL starts");
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    (folder.join("aoi.geojson"), Arc::new(describe_crs("EPSG:2154").expect("Lambert-93 is known")))
});

fuzz_target!(|bytes: &[u8]| {
    let (path, crs) = &*PLACE;
    std::fs::write(path, bytes).expect("a writable folder");
    let uri = path.to_string_lossy();
    let grid = Grid { crs: Arc::clone(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: 1000.0, gsd_y: 1000.0 };
    if let Ok(area) = read_aoi(&uri, &grid, &Window::new(0, 0, 1, 1)) {
        let all = area.window();
        let window = Window::new(all.col, all.row, all.width.clamp(1, 40), all.height.clamp(2, 40));
        let mask = area.mask(window);
        assert_eq!(area.intersects(&window), mask.contains(&true));
        let (top, rest) = (
            Window { height: 1, ..window },
            Window { row: window.row + 1, height: window.height - 1, ..window },
        );
        assert_eq!([area.mask(top), area.mask(rest)].concat(), mask);
    }
    let source = LayerSource::new(&uri, crs);
    let _ = read_features(&source, &mut |feature| {
        if let LayerGeometry::Polygons(polygons) = feature.geometry {
            assert!(polygons.iter().flatten().all(|ring| ring.len() > 3 && ring.first() == ring.last()));
        }
        Ok::<_, GdalError>(())
    });
});
