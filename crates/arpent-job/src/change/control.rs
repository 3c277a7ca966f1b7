//! The control: what a date shows against itself, shifted by what was measured.

use arpent_base::Result;
use arpent_change::control::{ControlFigures, FalseChange, shifted};
use arpent_change::events::{Evidence, Rules, Sieve, SieveCounts};
use arpent_gdal::Aoi;
use arpent_raster::{LABEL_NODATA, Window};
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

/// Counts what is found on ground that is known not to have changed.
pub(crate) struct Stable<'a> {
    aoi: &'a Aoi,
    extent: Window,
    facts: StableFacts,
}

impl<'a> Stable<'a> {
    pub(crate) fn new(aoi: &'a Aoi, extent: Window) -> Self {
        Self { aoi, extent, facts: StableFacts::default() }
    }

    /// Counts a row before anything was left out.
    pub(crate) fn push_found(&mut self, row: i64, before: &[u8], after: &[u8], pixel_area_m2: f64) {
        let [both, differ] = self.count(row, before, after);
        self.facts.observed_m2 += both * pixel_area_m2;
        self.facts.differ_m2 += differ * pixel_area_m2;
    }

    /// Counts a row of what is kept.
    pub(crate) fn push_kept(&mut self, row: i64, before: &[u8], after: &[u8], pixel_area_m2: f64) {
        let [_, differ] = self.count(row, before, after);
        self.facts.kept_m2 += differ * pixel_area_m2;
    }

    pub(crate) fn facts(&self) -> StableFacts {
        self.facts
    }

    /// Pixels of a row that both dates observed, and those that differ, inside of the polygons.
    fn count(&self, row: i64, before: &[u8], after: &[u8]) -> [f64; 2] {
        let window = Window { row, height: 1, ..self.extent };
        if window.intersect(&self.aoi.window()).is_none() {
            return [0.0; 2];
        }
        let inside = self.aoi.mask(window);
        let pairs =
            before.iter().zip(after).zip(inside.data()).filter(|(_, inside)| **inside).map(|(pair, _)| pair);
        let both = pairs.filter(|(a, b)| **a != LABEL_NODATA && **b != LABEL_NODATA);
        let [mut all, mut differ] = [0u64; 2];
        for (a, b) in both {
            all += 1;
            differ += u64::from(a != b);
        }
        [all, differ].map(arpent_base::number::exact)
    }
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
        // Images have no vote: they are the same.
        let rules = Rules { image: None, ..rules.clone() };
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
