//! The open masks of a map: looked up for rows and for boxes, and counted.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_base::number::{exact, floor, rounded, signed};
use arpent_gdal::Reference;
use arpent_publish::{MaskCounts, MaskedCounts, ReasonCounts, Warning};
use arpent_raster::{Grid, LABEL_NODATA, PixelArea, Window};
use arpent_shell::lines::count;

use super::classes::{OBSERVED, UNKNOWN, is_cloud};
use super::error::MaskError;
use super::layers::{Kind, Layer, MaskLayers, key_of};
use super::raster::RasterMask;
use super::source::KEY;
use crate::reference::burn;

/// The open masks of a map, and their counts.
#[derive(Debug)]
pub(crate) struct Masks<'a> {
    grid: &'a Grid,
    area: PixelArea,
    layers: Vec<OpenMask<'a>>,
    /// Pixels that would have an answer, and their area.
    pixels: u64,
    area_m2: f64,
    /// For each reason.
    reasons: Vec<ReasonCounts>,
}

#[derive(Debug)]
struct OpenMask<'a> {
    layer: &'a Layer,
    found: Found<'a>,
    pixels_masked: u64,
    pixels_unknown: u64,
}

#[derive(Debug)]
enum Found<'a> {
    Areas { reference: Reference, numbers: &'a BTreeMap<String, u8> },
    Raster(RasterMask),
}

impl<'a> Masks<'a> {
    /// Opens masks whose vector layers are read.
    ///
    /// # Errors
    /// When one cannot be opened; [`MaskError::NotMade`].
    pub(crate) fn open(of: &'a MaskLayers, grid: &'a Grid) -> Result<Self> {
        let open = |layer: &'a Layer| -> Result<OpenMask<'a>> {
            let found = match &layer.kind {
                Kind::Areas { numbers, index: Some(indexed), .. } => {
                    Found::Areas { reference: indexed.index.open()?, numbers }
                }
                Kind::Raster { facts, numbers } => Found::Raster(RasterMask::open(&facts.address, numbers)?),
                Kind::Areas { .. } | Kind::ToMake => {
                    return Err(MaskError::NotMade { mask: layer.shown.clone() }.into());
                }
            };
            Ok(OpenMask { layer, found, pixels_masked: 0, pixels_unknown: 0 })
        };
        let reason = |(value, reason): (u8, &String)| ReasonCounts {
            reason: reason.clone(),
            value,
            ..ReasonCounts::default()
        };
        Ok(Self {
            grid,
            area: PixelArea::new(grid),
            layers: of.layers.iter().map(open).collect::<Result<_>>()?,
            pixels: 0,
            area_m2: 0.0,
            reasons: (OBSERVED + 1..).zip(&of.reasons).map(reason).collect(),
        })
    }

    /// Whether there is no mask.
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Why the pixels of full rows, which come from north to south, are masked: the number of the reason,
    /// [`OBSERVED`], or [`LABEL_NODATA`] where a pixel has no answer anyway, by `has_answer`. Counts them.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub(crate) fn of_rows(&mut self, window: &Window, has_answer: &[bool]) -> Result<Vec<u8>> {
        let mut all: Vec<u8> =
            has_answer.iter().map(|has| if *has { OBSERVED } else { LABEL_NODATA }).collect();
        for mask in &mut self.layers {
            let own = mask.found.reasons(self.grid, window)?;
            for ((all, own), _) in all.iter_mut().zip(&own).zip(has_answer).filter(|(_, has)| **has) {
                match *own {
                    OBSERVED => {}
                    UNKNOWN => mask.pixels_unknown += 1,
                    reason => {
                        mask.pixels_masked += 1;
                        if *all == OBSERVED {
                            *all = reason;
                        }
                    }
                }
            }
        }
        for (row, reasons) in (window.row..).zip(all.chunks_exact(window.width)) {
            let mut counts = [0u64; 256];
            for reason in reasons {
                counts[usize::from(*reason)] += 1;
            }
            let pixel_m2 = self.area.of_row(row);
            let with_answer =
                signed(window.width) - i64::try_from(counts[usize::from(LABEL_NODATA)]).unwrap_or(0);
            self.pixels += with_answer.unsigned_abs();
            self.area_m2 += exact(with_answer) * pixel_m2;
            for reason in &mut self.reasons {
                let pixels = counts[usize::from(reason.value)];
                reason.pixels += pixels;
                reason.area_m2 += exact(pixels) * pixel_m2;
            }
        }
        Ok(all)
    }

    /// Whether the center of a box (first column, first row, end column, end row, in pixels) is masked; counts it.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub(crate) fn hides(&mut self, [c0, r0, c1, r1]: [f64; 4]) -> Result<bool> {
        let (col, row) = (floor::<i64>(f64::midpoint(c0, c1)), floor::<i64>(f64::midpoint(r0, r1)));
        let pixel = Window::new(col, row, 1, 1);
        for mask in &self.layers {
            let number = mask.found.reasons(self.grid, &pixel)?[0];
            if let Some(reason) = self.reasons.iter_mut().find(|reason| reason.value == number) {
                reason.boxes += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was masked; `None` without masks.
    pub(crate) fn counts(&self) -> Option<MaskedCounts> {
        if self.is_empty() {
            return None;
        }
        let of_layer = |mask: &OpenMask<'_>| MaskCounts {
            pixels_masked: mask.pixels_masked,
            pixels_unknown: mask.pixels_unknown,
            ..mask.layer.counts()
        };
        let share = |area_m2: f64| rounded(if self.area_m2 > 0.0 { area_m2 / self.area_m2 } else { 0.0 }, 9);
        let masked_m2 = self.reasons.iter().map(|reason| reason.area_m2).fold(0.0, |sum, m2| sum + m2);
        let reason = |reason: &ReasonCounts| ReasonCounts {
            area_m2: rounded(reason.area_m2, 6),
            share: share(reason.area_m2),
            ..reason.clone()
        };
        Some(MaskedCounts {
            pixels: self.pixels,
            pixels_masked: self.reasons.iter().map(|reason| reason.pixels).sum(),
            masked_m2: rounded(masked_m2, 6),
            masked_share: share(masked_m2),
            boxes_masked: self.reasons.iter().map(|reason| reason.boxes).sum(),
            reasons: self.reasons.iter().map(reason).collect(),
            layers: self.layers.iter().map(of_layer).collect(),
        })
    }
}

impl Found<'_> {
    /// The numbers of the reasons of the pixels of a window. Where features overlap, the lowest number counts: the
    /// order of a layer does not matter.
    fn reasons(&self, grid: &Grid, window: &Window) -> Result<Vec<u8>> {
        match self {
            Self::Raster(raster) => raster.reasons(grid, window),
            Self::Areas { reference, numbers } => {
                let mut found = vec![OBSERVED; window.width * window.height];
                reference.each_in(grid.bbox(window), &mut |feature| -> Result<()> {
                    if let Some(number) = numbers.get(&key_of(&feature.values)) {
                        burn(feature, grid, window, |pixel| {
                            let known = found[pixel];
                            found[pixel] = if known == OBSERVED { *number } else { known.min(*number) };
                        });
                    }
                    Ok(())
                })?;
                Ok(found)
            }
        }
    }
}

impl MaskLayers {
    /// Warnings about what was masked: nothing, everything, or what a mask does not say.
    pub(crate) fn warnings_of(&self, counts: &MaskedCounts) -> Vec<Warning> {
        let mut all = Vec::new();
        for (layer, counted) in self.layers.iter().zip(&counts.layers) {
            all.extend(layer.warnings());
            let source = &layer.shown;
            if counted.pixels_masked == 0 && counts.pixels > 0 {
                let message = match &layer.kind {
                    Kind::Areas { .. } if counted.near == 0 => {
                        format!(
                            "none of the {} features of {source} that mask lies on the map",
                            count(counted.features)
                        )
                    }
                    Kind::Areas { .. } => {
                        format!("no pixel with an answer lies in a feature of {source} that masks")
                    }
                    _ => format!("no pixel with an answer has a class of {source} that masks"),
                };
                let hint = "if the scenes are not clear: check that it is the mask of these scenes, its CRS, and the classes or values that mask";
                all.push(Warning::new("nothing-masked", KEY, message).with_hint(hint));
            }
            if counted.pixels_unknown > 0 {
                let share = exact(counted.pixels_unknown) / exact(counts.pixels.max(1));
                let message = format!(
                    "{source} does not cover {:.2} % of the pixels with an answer, or holds nodata there: they are taken as observed",
                    100.0 * share
                );
                let hint =
                    "use a mask that covers the scenes, whose nodata value is not that of clear pixels";
                all.push(Warning::new("mask-unknown", KEY, message).with_hint(hint));
            }
        }
        if counts.pixels_masked == counts.pixels && counts.pixels > 0 {
            let reasons: Vec<&str> = counts.reasons.iter().map(|reason| &*reason.reason).collect();
            let message = format!("every pixel is masked ({}): the map is empty", reasons.join(", "));
            let hint = "if the scenes are not hidden: check the classes or values that mask";
            all.push(Warning::new("everything-masked", KEY, message).with_hint(hint));
        }
        all
    }

    /// The share of clouds, 0 to 1, if a mask has them.
    pub(crate) fn cloud_cover(counts: &MaskedCounts) -> Option<f64> {
        let clouds = counts.reasons.iter().filter(|reason| is_cloud(&reason.reason));
        clouds.map(|reason| reason.share).reduce(|sum, share| sum + share)
    }
}
