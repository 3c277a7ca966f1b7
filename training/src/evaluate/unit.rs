//! The counting unit: a pixel, a picture, an object.

use arpent_base::PositiveShare;
use arpent_datasets::IGNORE;
use arpent_raster::{CONFIDENCE_NODATA, Class};

use crate::config::Config;

/// The counting unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// A pixel.
    Pixel,
    /// A picture, by its majority class.
    Picture,
    /// An object that labels were made of, by the majority class in the ellipse of this part of its half-sizes.
    Object(f64),
}

impl Unit {
    /// The unit of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        match config.evaluate.vote.map(PositiveShare::get) {
            Some(part) => Self::Object(part),
            None if config.is_scene() => Self::Picture,
            None => Self::Pixel,
        }
    }

    /// Its name, in the plural.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pixel => "pixels",
            Self::Picture => "pictures",
            Self::Object(_) => "objects",
        }
    }

    /// What is counted, in words.
    pub(super) const fn describe(self) -> &'static str {
        match self {
            Self::Pixel => "pixels of whole pictures",
            Self::Picture => "pictures as a whole",
            Self::Object(_) => "objects by the majority of the pixels in their middle",
        }
    }
}

/// The majority class of an object's pixels, from positions of classes with their confidence: one of the classes without features if more than
/// half of the pixels are of those, else the one with most pixels among the classes with features. Of equal ones, the first. The
/// confidence is the mean over the pixels of that class.
pub(super) fn majority(pixels: impl Iterator<Item = (u8, u8)>, classes: &[Class]) -> (u8, u8) {
    let mut counts = vec![[0u64; 2]; classes.len()];
    for (class, confidence) in pixels.filter(|(_, confidence)| *confidence != CONFIDENCE_NODATA) {
        let Some([count, sum]) = counts.get_mut(usize::from(class)) else { continue };
        *count += 1;
        *sum += u64::from(confidence);
    }
    let of = |features: bool| (0..classes.len()).filter(move |i| classes[*i].features == features);
    let total = |features: bool| of(features).map(|i| counts[i][0]).sum::<u64>();
    let wins = total(false) <= total(true);
    let best = of(wins).max_by_key(|i| (counts[*i][0], std::cmp::Reverse(*i)));
    match best.map(|i| (i, counts[i])) {
        Some((i, [count, sum])) if count > 0 => {
            (u8::try_from(i).unwrap_or(IGNORE), u8::try_from(sum / count).unwrap_or(CONFIDENCE_NODATA))
        }
        _ => (IGNORE, CONFIDENCE_NODATA),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_pixels_decide() {
        let class = |(id, features)| Class {
            id,
            name: format!("class{id}"),
            name_fr: None,
            code: None,
            color: arpent_raster::Color([0; 3]),
            features,
        };
        let classes = [(0, false), (1, true), (2, true)].map(class);
        let vote = |labels: &[u8]| majority(labels.iter().map(|l| (*l, 100 + *l % 100)), &classes);
        assert_eq!(vote(&[0, 0, 0, 1, 2]), (0, 100));
        assert_eq!(vote(&[0, 0, 1, 2, 2]), (2, 102));
        // Half of the pixels are not most of them, and of two equal classes the first is taken.
        assert_eq!(vote(&[0, 0, 1, 2]), (1, 101));
        assert_eq!(vote(&[IGNORE, IGNORE, 2]), (2, 102));
        assert_eq!(majority([(1, CONFIDENCE_NODATA)].into_iter(), &classes), (IGNORE, CONFIDENCE_NODATA));
    }
}
