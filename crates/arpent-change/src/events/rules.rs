//! Which changes count, and which objects are the same.

use arpent_base::number::exact;
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, Nomenclature};
use arpent_vector::square_meters;

use super::error::EventError;
use super::measure::Measured;
use super::runs::Run;

/// When the images of two dates differ in an area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageVote {
    /// Score of a pixel from which its images differ, in steps of `CONFIDENCE_SCALE`.
    pub score: u8,
    /// Share of an area's pixels with a score that must differ, 0 to 1.
    pub share: f64,
}

/// What is known of the pixels of a row beside their classes at both dates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// How much the images differ, in steps of `CONFIDENCE_SCALE`; 255 where that is not known.
    pub image: Option<&'a [u8]>,
    /// Classes of a date before the earlier one; 255 where it was not observed.
    pub earlier: Option<&'a [u8]>,
    /// Confidences of the maps of both dates, in steps of `CONFIDENCE_SCALE`; 255 where there is none.
    pub confidence: [Option<&'a [u8]>; 2],
}

impl Evidence<'_> {
    /// Number of values of each of its rows.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.image
            .into_iter()
            .chain(self.earlier)
            .chain(self.confidence.into_iter().flatten())
            .map(<[u8]>::len)
    }
}

/// Rules for areas of change and for objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The group of objects of each class; `None` for classes that are ground, of which no objects are made.
    pub groups: [Option<u8>; 256],
    /// An area counts if it contains a square of pixels whose side is larger than this, pixels: twice the shift that
    /// was measured between the dates. 0 for any.
    pub width_px: f64,
    /// Smallest area, square meters.
    pub min_area_m2: f64,
    /// What the images must show; `None` if there are none.
    pub image: Option<ImageVote>,
    /// Smallest mean confidence of the map of either date in an area, 0 to 1; `None` for any.
    pub min_confidence: Option<f64>,
    /// Objects of two dates are not linked by an overlap of this share of the smaller one or less.
    pub min_overlap: f64,
}

/// Why an area whose classes differ is not a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is not wider than what the shift between the dates explains.
    Narrow,
    /// It is smaller than the smallest area.
    Small,
    /// The images do not differ.
    ImagesAgree,
    /// The mean confidence of the map of a date is too low.
    LowConfidence,
}

impl Doubt {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Small => "small",
            Self::ImagesAgree => "images_agree",
            Self::LowConfidence => "low_confidence",
        }
    }
}

impl Rules {
    /// Default share of the smaller object that an overlap must exceed.
    pub const MIN_OVERLAP: f64 = 0.1;

    /// Every class that makes features is a group of its own; other classes are ground. Any area counts.
    pub fn of_classes(classes: &Nomenclature) -> Self {
        let mut groups = [None; 256];
        for class in classes.classes().iter().filter(|class| class.features) {
            groups[usize::from(class.id)] = Some(class.id);
        }
        Self {
            groups,
            width_px: 0.0,
            min_area_m2: 0.0,
            image: None,
            min_confidence: None,
            min_overlap: Self::MIN_OVERLAP,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`EventError::BadOption`].
    pub fn check(&self) -> Result<(), EventError> {
        let share = self.image.map_or(0.0, |image| image.share);
        for (option, value, limit) in [
            ("width_px", self.width_px, f64::MAX),
            ("min_area_m2", self.min_area_m2, f64::MAX),
            ("min_overlap", self.min_overlap, 1.0),
            ("image.share", share, 1.0),
            ("min_confidence", self.min_confidence.unwrap_or_default(), 1.0),
        ] {
            if !(0.0..=limit).contains(&value) {
                let expected = if limit > 1.0 { "a number of 0 or more" } else { "a number from 0 to 1" };
                return Err(EventError::BadOption { option, value, expected });
            }
        }
        Ok(())
    }

    /// Whether objects are made of a class.
    pub(super) fn is_object(&self) -> [bool; 256] {
        std::array::from_fn(|id| id != usize::from(LABEL_NODATA) && self.groups[id].is_some())
    }

    /// Adds what else is known of the pixels of a run.
    pub(super) fn add_evidence(&self, evidence: Evidence<'_>, run: &Run, measured: &mut Measured) {
        if let Some(earlier) = evidence.earlier {
            let known = earlier[run.columns()].iter().filter(|class| **class != LABEL_NODATA);
            measured.earlier.0 += known.clone().count() as u64;
            measured.earlier.1 += known.filter(|class| **class == run.after).count() as u64;
        }
        for (sum, values) in measured.confidence.iter_mut().zip(evidence.confidence) {
            let Some(values) = values else { continue };
            for value in values[run.columns()].iter().filter(|value| **value != CONFIDENCE_NODATA) {
                sum.0 += u64::from(*value);
                sum.1 += 1;
            }
        }
        let Some(image) = evidence.image else { return };
        let scores = &image[run.columns()];
        let limit = self.image.map_or(CONFIDENCE_NODATA, |vote| vote.score);
        for score in scores.iter().filter(|score| **score != CONFIDENCE_NODATA) {
            measured.image.0 += u64::from(*score);
            measured.image.1 += 1;
            measured.image_differs += u64::from(*score >= limit);
        }
    }

    /// Why an area is not a change; `None` if it is. Where no image score exists, the images do not decide; where a map
    /// has no confidence, it does not.
    pub(super) fn doubt(&self, measured: &Measured) -> Option<Doubt> {
        if f64::from(measured.width_px) <= self.width_px {
            return Some(Doubt::Narrow);
        }
        if square_meters(measured.area_q64) < self.min_area_m2 {
            return Some(Doubt::Small);
        }
        if let Some(vote) = self.image.filter(|_| measured.image.1 > 0)
            && exact(measured.image_differs) < vote.share * exact(measured.image.1)
        {
            return Some(Doubt::ImagesAgree);
        }
        let least = self.min_confidence?;
        let is_low = measured.confidence().into_iter().flatten().any(|mean| mean < least);
        is_low.then_some(Doubt::LowConfidence)
    }
}
