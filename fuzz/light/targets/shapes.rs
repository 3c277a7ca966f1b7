//! Areas of interest from any polygons (well-known binary): the same pixel gets the same answer in every window.
#![no_main]

use std::sync::{Arc, LazyLock};

use arpent_gdal::describe_crs;
use arpent_gdal::inside::area_of_wkb;
use arpent_raster::{Grid, Window};
use libfuzzer_sys::fuzz_target;

static GRID: LazyLock<Grid> = LazyLock::new(|| {
    let crs = Arc::new(describe_crs("EPSG:2154").expect("Lambert-93 is known"));
    Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 0.5, gsd_y: 0.5 }
});

fuzz_target!(|bytes: &[u8]| {
    let Some(area) = area_of_wkb(bytes, &GRID) else { return };
    let all = area.window();
    // At both ends: numbers are largest there.
    for (col, row) in
        [(all.col, all.row), (all.col_end().saturating_sub(30), all.row_end().saturating_sub(30))]
    {
        let window = Window::new(col.saturating_sub(1), row.saturating_sub(1), 32, 32);
        let mask = area.mask(window);
        assert_eq!(area.intersects(&window), mask.contains(&true), "{window:?}");
        for (part, offset) in [((7, 5), (11, 13)), ((1, 1), (0, 31)), ((32, 1), (0, 8))] {
            let inner = Window::new(
                window.col.saturating_add(offset.0),
                window.row.saturating_add(offset.1),
                part.0,
                part.1,
            );
            let Some((c, r)) = window.offset_of(&inner) else { continue };
            let cut = (0..inner.height).flat_map(|i| &mask[(r + i) * 32 + c..][..inner.width]);
            assert!(area.mask(inner).iter().eq(cut), "{inner:?}");
        }
    }
});
