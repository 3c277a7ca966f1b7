//! Synthetic features for this crate's tests.

use std::sync::Arc;

use arpent_raster::{Crs, CrsKind, Grid};
use arpent_vector::Feature;
use geo_types::{LineString, Polygon};

use crate::run::RunInfo;

pub(crate) const GSD: f64 = 0.2;

pub(crate) fn crs() -> Crs {
    Crs {
        name: "EPSG:2154".into(),
        epsg: Some(2154),
        wkt: String::new(),
        projjson:
            r#"{"type":"ProjectedCRS","name":"RGF93 v1 / Lambert-93","id":{"authority":"EPSG","code":2154}}"#
                .into(),
        kind: CrsKind::Projected { meters_per_unit: 1.0 },
        semi_major_m: 6_378_137.0,
        inverse_flattening: 298.257_222_101,
    }
}

pub(crate) fn grid() -> Grid {
    Grid { crs: Arc::new(crs()), origin_x: 0.0, origin_y: 0.0, gsd_x: GSD, gsd_y: GSD }
}

pub(crate) fn run() -> RunInfo {
    RunInfo::new("run-1", "flair-unet", "ab".repeat(32))
}

/// A square of `size` units with its lower left corner at (x, y), and a hole when large enough.
pub(crate) fn feature(number: u64, class_id: u8, x: f64, y: f64, size: f64) -> Feature {
    let ring = |d: f64, clockwise: bool| {
        let (x0, y0, x1, y1) = (x + d, y + d, x + size - d, y + size - d);
        let mut points = vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
        if clockwise {
            points.reverse();
        }
        LineString::from(points)
    };
    let holes = if size > 2.0 { vec![ring(1.0, true)] } else { vec![] };
    Feature {
        id: format!("{number:032x}"),
        class_id,
        class_name: format!("class {class_id}"),
        score: Some(0.75),
        area_m2: size * size,
        pixels_area_m2: Some(size * size),
        scene_ids: vec!["a".into(), "b".into()],
        acquired: number.is_multiple_of(2).then(|| "2021-07-01".into()),
        attributes: vec![],
        polygons: Polygon::new(ring(0.0, false), holes).into(),
    }
}
