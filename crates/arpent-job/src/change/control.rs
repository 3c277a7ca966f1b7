//! The control: what a date shows against itself, shifted by what was measured.

use arpent_base::Result;
use arpent_base::number::{offset, signed};
use arpent_change::control::{ControlFigures, FalseChange, shifted};
use arpent_change::events::{Evidence, Rules, Sieve, SieveCounts};
use arpent_gdal::Aoi;
use arpent_raster::{LABEL_NODATA, Raster, Window};
use serde::{Deserialize, Serialize};

/// What a pair of dates would show if nothing had changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ControlFacts {
    /// Columns and rows by which the earlier map was shifted against itself, whole pixels.
    pub(crate) shift_px: [i64; 2],
    /// Changes of class before the rules: what a comparison of pixels alone would show.
    pub(crate) of_pixels: Option<ControlFigures>,
    /// Areas that the rules keep although nothing changed, square meters per square kilometer.
    pub(crate) kept_m2_per_km2: f64,
    /// Number of them per square kilometer.
    pub(crate) kept_areas_per_km2: f64,
}

/// What was found on ground that is known not to have changed: all of it is false change.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "keys of the manifest have units")]
pub(crate) struct StableFacts {
    /// Ground that both dates observed, square meters.
    pub(crate) observed_m2: f64,
    /// Ground whose class differs, before anything was left out.
    pub(crate) differ_m2: f64,
    /// Ground in events.
    pub(crate) kept_m2: f64,
}

impl StableFacts {
    /// Ground in events, square meters per square kilometer.
    pub(crate) fn kept_m2_per_km2(&self) -> Option<f64> {
        (self.observed_m2 > 0.0).then(|| 1e6 * self.kept_m2 / self.observed_m2)
    }
}

/// Pixels of a mask of polygons that is made at a time: each part looks at all polygons.
const MASK_PX: usize = 1 << 22;

/// Whether pixels are inside of polygons, row by row from north to south.
struct RowMask<'a> {
    aoi: &'a Aoi,
    extent: Window,
    rows: usize,
    strip: Option<Raster<bool>>,
}

impl<'a> RowMask<'a> {
    fn new(aoi: &'a Aoi, extent: Window) -> Self {
        Self { aoi, extent, rows: (MASK_PX / extent.width.max(1)).max(1), strip: None }
    }

    /// The pixels of a row of the extent; `None` where no polygon is near.
    fn row(&mut self, row: i64) -> Option<&[bool]> {
        Window { row, height: 1, ..self.extent }.intersect(&self.aoi.window())?;
        let has_row = |mask: &Raster<bool>| (mask.window().row..mask.window().row_end()).contains(&row);
        if !self.strip.as_ref().is_some_and(has_row) {
            let end = self.extent.row_end().min(row + signed(self.rows));
            let window = Window::between(self.extent.col, row, self.extent.col_end(), end);
            self.strip = Some(self.aoi.mask(window));
        }
        let mask = self.strip.as_ref()?;
        Some(mask.row(offset(row - mask.window().row)))
    }
}

/// Counts what is found on ground that is known not to have changed.
pub(crate) struct Stable<'a> {
    /// Masks of the rows that are found, and of those that are kept, which come later.
    found: RowMask<'a>,
    kept: RowMask<'a>,
    facts: StableFacts,
}

impl<'a> Stable<'a> {
    pub(crate) fn new(aoi: &'a Aoi, extent: Window) -> Self {
        let [found, kept] = [(); 2].map(|()| RowMask::new(aoi, extent));
        Self { found, kept, facts: StableFacts::default() }
    }

    /// Counts a row before anything was left out.
    pub(crate) fn push_found(&mut self, row: i64, before: &[u8], after: &[u8], pixel_area_m2: f64) {
        let [both, differ] = count(self.found.row(row), before, after);
        self.facts.observed_m2 += both * pixel_area_m2;
        self.facts.differ_m2 += differ * pixel_area_m2;
    }

    /// Counts a row of what is kept.
    pub(crate) fn push_kept(&mut self, row: i64, before: &[u8], after: &[u8], pixel_area_m2: f64) {
        let [_, differ] = count(self.kept.row(row), before, after);
        self.facts.kept_m2 += differ * pixel_area_m2;
    }

    pub(crate) fn facts(&self) -> StableFacts {
        self.facts
    }
}

/// Pixels of a row that both dates observed, and those that differ, inside of the polygons.
fn count(inside: Option<&[bool]>, before: &[u8], after: &[u8]) -> [f64; 2] {
    let pairs = before.iter().zip(after).zip(inside.unwrap_or_default());
    let pairs = pairs.filter(|(_, inside)| **inside).map(|(pair, _)| pair);
    let both = pairs.filter(|(a, b)| **a != LABEL_NODATA && **b != LABEL_NODATA);
    let [mut all, mut differ] = [0u64; 2];
    for (a, b) in both {
        all += 1;
        differ += u64::from(a != b);
    }
    [all, differ].map(arpent_base::number::exact)
}

/// Compares the rows of a map with those of the same map, shifted.
pub(crate) struct Control {
    shift: [i64; 2],
    above: Vec<Vec<u8>>,
    raw: FalseChange,
    sieve: Sieve,
    row: u64,
}

impl Control {
    /// With a shift of so many pixels, rounded away from 0: a part of a pixel moves some pixels by a whole one.
    pub(crate) fn new(extent: Window, rules: &Rules, shift_px: [f64; 2]) -> Result<Self> {
        let away = |px: f64| -> i64 {
            let whole: i64 = arpent_base::number::ceil(px.abs() - 0.05);
            if px < 0.0 { -whole } else { whole }
        };
        // Images have no vote, nor have confidences: they are the same.
        let rules = Rules { image: None, min_confidence: None, ..rules.clone() };
        let sieve = Sieve::new(extent, rules)?;
        // A shift to the north is one to the south with the other map first.
        let [dx, dy] = shift_px.map(away);
        let shift = if dy < 0 { [-dx, -dy] } else { [dx, dy] };
        Ok(Self { shift, above: Vec::new(), raw: FalseChange::default(), sieve, row: 0 })
    }

    pub(crate) fn push_row(&mut self, classes: &[u8], pixel_area_m2: f64) -> Result<()> {
        let [dx, dy] = self.shift;
        let rows = arpent_base::number::index(dy.unsigned_abs());
        self.above.push(classes.to_vec());
        let other = if self.above.len() > rows {
            shifted(&self.above[self.above.len() - 1 - rows], isize::try_from(dx)?)
        } else {
            vec![LABEL_NODATA; classes.len()]
        };
        if self.above.len() > rows {
            self.above.remove(0);
        }
        self.raw.add_row(self.row, classes, &other, pixel_area_m2)?;
        let mut ignore = |_: arpent_change::events::SievedRow<'_>| Ok::<_, arpent_base::Failure>(());
        self.sieve.push_row(classes, &other, Evidence::default(), pixel_area_m2, &mut ignore)?;
        self.row += 1;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ControlFacts> {
        let mut ignore = |_: arpent_change::events::SievedRow<'_>| Ok::<_, arpent_base::Failure>(());
        let SieveCounts { kept, .. } = self.sieve.finish(&mut ignore)?;
        let of_pixels = self.raw.figures();
        let km2 = of_pixels.as_ref().map_or(0.0, |figures| figures.valid_m2 / 1e6);
        let per_km2 = |value: f64| if km2 > 0.0 { value / km2 } else { 0.0 };
        Ok(ControlFacts {
            shift_px: self.shift,
            kept_m2_per_km2: per_km2(kept.area_m2),
            kept_areas_per_km2: per_km2(arpent_base::number::exact(kept.areas)),
            of_pixels,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arpent_gdal::{area_of_wkb, describe_crs};
    use arpent_raster::Grid;
    use proptest::prelude::*;

    use super::*;

    /// Two slanted polygons, one with a hole.
    fn polygons(grid: &Grid) -> Aoi {
        let ring =
            |points: &[[f64; 2]]| points.iter().map(|[x, y]| [600_000.0 + x, 6_600_000.0 - y]).collect();
        let geometry = arpent_gdal::LayerGeometry::Polygons(vec![
            vec![
                ring(&[[3.0, 4.0], [90.0, 11.0], [70.0, 66.0], [3.0, 4.0]]),
                ring(&[[50.0, 20.0], [60.0, 20.0], [60.0, 30.0], [50.0, 20.0]]),
            ],
            vec![ring(&[[10.0, 80.0], [30.0, 70.0], [40.0, 99.5], [10.0, 80.0]])],
        ]);
        area_of_wkb(&geometry.to_wkb().unwrap(), grid).unwrap()
    }

    proptest! {
        #[test]
        fn a_mask_of_many_rows_is_that_of_each(rows in 1usize..200, first in 0i64..120, skipped in 0i64..50) {
            let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
            let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 1.0, gsd_y: 1.0 };
            let aoi = polygons(&grid);
            let extent = Window::new(600_000 - 5, -6_600_000 - 3, 110, 130);
            let mut mask = RowMask { rows, ..RowMask::new(&aoi, extent) };
            let mut inside = 0;
            for row in (extent.row..extent.row_end()).filter(|row| !(first..first + skipped).contains(&(row - extent.row))) {
                let alone = aoi.mask(Window { row, height: 1, ..extent });
                let found = mask.row(row).map_or_else(|| vec![false; extent.width], <[bool]>::to_vec);
                inside += found.iter().filter(|inside| **inside).count();
                prop_assert_eq!(&found[..], alone.data());
            }
            prop_assert!(skipped > 0 || inside > 1000, "{} pixels", inside);
        }
    }
}
