//! The raster of measured values, row by row, with its statistics.

use std::path::Path;

use arpent_base::Result;
use arpent_base::number::approximate;
use arpent_gdal::{BandStatistics, StripWriter, ValueBand};
use arpent_model::MeasuredValue;
use arpent_publish::MeasuredCounts;
use arpent_raster::{Grid, Raster, Window};
use arpent_tiling::Strip;

use super::classes::ValueClasses;

/// Writes the measured values of strips, and counts them.
#[derive(Debug)]
pub(crate) struct MeasuredRows<'a> {
    raster: StripWriter<f32>,
    values: &'a [MeasuredValue],
    classes: Option<&'a ValueClasses>,
    totals: Vec<Totals>,
    /// Pixels of the raster.
    pixels: f64,
}

/// Sums of a value, in the order of the pixels: the same for any strips.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    pixels: u64,
    not_finite: u64,
    min: f64,
    max: f64,
    mean: f64,
    /// Sum of squared distances from the mean (Welford, 1962).
    squares: f64,
}

impl Totals {
    fn add(&mut self, value: f64) {
        if self.pixels == 0 {
            (self.min, self.max) = (value, value);
        }
        self.pixels += 1;
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        let from = value - self.mean;
        self.mean += from / approximate(self.pixels);
        self.squares += from * (value - self.mean);
    }

    fn std(&self) -> f64 {
        (self.squares / approximate(self.pixels.max(1))).max(0.0).sqrt()
    }
}

impl<'a> MeasuredRows<'a> {
    /// A raster of these values; its temporary file goes to `scratch`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) fn new(
        values: &'a [MeasuredValue],
        classes: Option<&'a ValueClasses>,
        (window, grid): (Window, &Grid),
        scratch: &Path,
    ) -> Result<Self> {
        let band = |value: &MeasuredValue| ValueBand { name: value.name.clone(), unit: value.unit.clone() };
        let bands: Vec<_> = values.iter().map(band).collect();
        let raster = StripWriter::create_values(&scratch.join("values.part.tif"), window, grid, &bands)?;
        let (totals, pixels) = (vec![Totals::default(); values.len()], approximate(window.pixels()));
        Ok(Self { raster, values, classes, totals, pixels })
    }

    /// Sets the labels of a strip: the classes of a value, or 0 where there is a value.
    pub(crate) fn label(&self, strip: &mut Strip) {
        let Strip { labels, values, .. } = strip;
        if let Some(classes) = self.classes {
            let of = values.get(classes.value).map_or(&[][..], Raster::data);
            labels.data_mut().iter_mut().zip(of).for_each(|(label, value)| *label = classes.class_of(*value));
            return;
        }
        for value in values.iter() {
            let has = |value: &f32| value.is_finite();
            let found = labels.data_mut().iter_mut().zip(value.data()).filter(|(_, value)| has(value));
            found.for_each(|(label, _)| *label = 0);
        }
    }

    /// Writes the next strip, and counts its values; those that are no finite numbers become nodata.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn take(&mut self, strip: &mut Strip) -> Result<()> {
        for (totals, raster) in self.totals.iter_mut().zip(&mut strip.values) {
            for value in raster.data_mut() {
                if value.is_finite() {
                    totals.add(f64::from(*value));
                } else if !value.is_nan() {
                    totals.not_finite += 1;
                    *value = f32::NAN;
                }
            }
        }
        let rows: Vec<&[f32]> = strip.values.iter().map(Raster::data).collect();
        Ok(self.raster.write_bands(strip.labels.window().row, &rows)?)
    }

    /// The complete raster, and the counts of its bands.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self) -> Result<(StripWriter<f32>, Vec<MeasuredCounts>)> {
        let statistics = |totals: &Totals| {
            (totals.pixels > 0).then(|| BandStatistics {
                min: totals.min,
                max: totals.max,
                mean: totals.mean,
                std: totals.std(),
                valid_percent: 100.0 * approximate(totals.pixels) / self.pixels,
            })
        };
        let all: Vec<_> = self.totals.iter().map(statistics).collect();
        self.raster.set_statistics(&all)?;
        let counts = self.values.iter().zip(&self.totals).zip(&all).map(|((value, totals), found)| {
            let of_map = found.filter(|of| of.min < of.max).map(|of| [of.min, of.max]);
            MeasuredCounts {
                name: value.name.clone(),
                name_fr: value.name_fr.clone(),
                unit: value.unit.clone(),
                pixels: totals.pixels,
                not_finite: totals.not_finite,
                min: found.map(|of| of.min),
                max: found.map(|of| of.max),
                mean: found.map(|of| of.mean),
                std: found.map(|of| of.std),
                shown: value.range.map(|range| range.map(f64::from)).or(of_map),
            }
        });
        let counts = counts.collect();
        Ok((self.raster, counts))
    }
}

/// Removes the values of the pixels that `hidden` names by their place in the strip: outside of the area, or masked.
pub(crate) fn hide(strip: &mut Strip, hidden: impl Fn(usize) -> bool) {
    for raster in &mut strip.values {
        let values = raster.data_mut().iter_mut().enumerate();
        values.filter(|(at, _)| hidden(*at)).for_each(|(_, value)| *value = f32::NAN);
    }
}

/// Whether the network gave something for each pixel, finite or not: windows that masks hide whole are not predicted, and what
/// is counted as masked does not depend on that.
pub(crate) fn has_output(strip: &Strip) -> Vec<bool> {
    let mut found = vec![false; strip.labels.data().len()];
    for raster in &strip.values {
        found.iter_mut().zip(raster.data()).for_each(|(found, value)| *found |= !value.is_nan());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_no_finite_number_is_an_output() {
        let window = Window::new(0, 0, 3, 1);
        let raster = |values: Vec<f32>| Raster::new(window, values).unwrap();
        let values = vec![raster(vec![f32::NAN, 1.0, f32::NAN]), raster(vec![f32::INFINITY, 2.0, f32::NAN])];
        let labels = Raster::new(window, vec![255u8; 3]).unwrap();
        let strip = Strip { index: 0, confidence: labels.clone(), labels, values };
        assert_eq!(has_output(&strip), [true, true, false]);
    }

    #[test]
    fn statistics_are_those_of_the_values() {
        let mut totals = Totals::default();
        for value in [3.0, -1.0, 4.0, 2.0] {
            totals.add(value);
        }
        assert_eq!((totals.pixels, totals.min, totals.max), (4, -1.0, 4.0));
        assert!((totals.mean - 2.0).abs() < 1e-12 && (totals.std() - 3.5f64.sqrt()).abs() < 1e-12);
        let far: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        let mut totals = Totals::default();
        for value in far {
            totals.add(value);
        }
        assert!((totals.std() - 0.5).abs() < 1e-6, "{totals:?}");
    }
}
