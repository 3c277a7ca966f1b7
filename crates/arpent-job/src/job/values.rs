//! Compares the values of a scene, in a small sample before prediction, with those that the model was trained on.
//!
//! A sample only refuses or warns. It never changes a value, so that the prediction of a pixel does not depend on its
//! file.

use arpent_base::{Result, listed_of};
use arpent_gdal::{BandSample, Sample, SceneSource, is_remote_uri, sample};
use arpent_model::{Band, Dequantize, ModelPackage};
use arpent_publish::{BandValues, DeclaredScaling, InputValues, Warning};
use arpent_raster::{ReadAs, Scaling, SceneInfo};

use crate::config::{InputOptions, OutsideOption};
use crate::error::JobError;
use crate::wanted::WantedValues;

/// Scenes of a date that are sampled, spread evenly over the list.
const MOST_SAMPLED: usize = 32;
/// The same of scenes behind a network, where each place is a request.
const MOST_SAMPLED_REMOTE: usize = 8;
/// Places in each direction.
const ACROSS: usize = 4;
/// The same of a scene behind a network.
const ACROSS_REMOTE: usize = 2;

/// Smallest number of valid pixels of a sample.
const FEWEST_PIXELS: usize = 256;

/// Widths of the model's range by which the median may lie beyond it. Snow and clouds are up to 2 to 3 times as bright as land:
/// of a model of land up to 5100 (reflectance 0.51), half of a scene of snow is above 9000.
const MEDIAN_BEYOND: f64 = 1.0;
/// Widths of the range by which the 1st and 99th percentile may lie beyond it: clouds of Sentinel-2 reach 3 to 4 times the
/// brightest land; 12 bits hold 16 times what 8 do, 16 bits 256 times.
const ENDS_BEYOND: f64 = 4.0;
/// Share of the model's highest value below which all values lie when they are of another scale: 4 bits of 8, 8 of 12, 12 of
/// 16, reflectances of bytes.
const FEW_OF_RANGE: f64 = 1.0 / 16.0;
/// Highest value of 8 bits, and of a model from which on 8 bits are another scale.
const BYTES: (f64, f64) = (255.0, 1000.0);
/// Share of its highest value that a band's percentiles 1 to 99 span when it is a whole picture. Dark scenes, water and
/// forest, span less: their highest value is a roof or a boat.
const WHOLE_PICTURE: f64 = 0.5;
/// Share of the training's spread from which on a band is of its scale. Bands of real 8-bit scenes have 0.25 to 1.2 of it.
const SPREAD_OF_SCALE: f64 = 0.25;

/// Standard deviations of the training by which a band's mean may differ. Real scenes of the shipped models differ by up to 1.6.
const MEAN_UNLIKE: f64 = 2.0;
/// Factors of the training's standard deviation between which a band's lies.
const SPREAD_UNLIKE: (f64, f64) = (0.1, 3.0);

/// Correlation of red and green below which a picture is no natural color: of 60 real pictures in natural color the least is
/// 0.86, of 21 in infrared color (near infrared, red, green) 17 are below 0.82; green pictures are so below, deserts not.
const RED_GREEN: f64 = 0.82;
/// Correlation of the next pair, which in infrared color is red and green.
const NEXT_PAIR: f64 = 0.85;

/// What scenes of one date are compared with.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) model: &'a ModelPackage,
    /// Its bands of the date.
    pub(super) bands: &'a [Band],
    pub(super) options: &'a InputOptions,
}

/// Whether a scene is sampled, by its position in the list.
pub(super) fn is_sampled(source: &SceneSource, index: usize, scenes: usize) -> bool {
    let most = if is_remote_uri(&source.uri) { MOST_SAMPLED_REMOTE } else { MOST_SAMPLED };
    index.is_multiple_of(scenes.div_ceil(most).max(1))
}

impl Expected<'_> {
    /// Decides how the stored values of each band in use are interpreted.
    ///
    /// # Errors
    /// [`JobError::UnclearValues`].
    pub(super) fn read_as(self, info: &mut SceneInfo, numbers: &[usize]) -> Result<Vec<Warning>, JobError> {
        // Of declarations that are not applied, an offset is reported before a scale: it shifts the values.
        let mut not_applied: Option<(usize, Scaling)> = None;
        for (wanted, number) in self.bands.iter().zip(numbers) {
            let Some(band) = info.bands.iter_mut().find(|b| b.index == *number) else { continue };
            let Some(scaling) = &mut band.scaling else { continue };
            let of_unit = wanted.unit.as_deref().map(ReadAs::of_unit);
            // A package that dequantizes takes stored values.
            let of_package = of_unit.or(wanted.dequantize.map(|_| ReadAs::Raw));
            scaling.read_as = match (self.options.values, of_package) {
                (Some(ReadAs::Physical | ReadAs::Harmonized), _) if wanted.dequantize.is_some() => {
                    return Err(JobError::DequantizedTwice {
                        scene: info.uri.clone(),
                        band: *number,
                        by: scaling.by.clone(),
                        declared: scaling.describe(),
                        model: self.model.id.clone(),
                    });
                }
                (Some(chosen), _) => chosen,
                (None, Some(of_package)) => of_package,
                (None, None) => {
                    return Err(JobError::UnclearValues {
                        scene: info.uri.clone(),
                        band: *number,
                        by: scaling.by.clone(),
                        scale: scaling.scale,
                        offset: scaling.offset,
                        model: self.model.id.clone(),
                    });
                }
            };
            let is_news =
                not_applied.as_ref().is_none_or(|(_, first)| first.offset == 0.0 && scaling.offset != 0.0);
            if self.options.values.is_none() && scaling.read_as == ReadAs::Raw && is_news {
                not_applied = Some((*number, scaling.clone()));
            }
        }
        let is_declared = info.bands.iter().any(|b| numbers.contains(&b.index) && b.scaling.is_some());
        if let (Some(asked @ (ReadAs::Physical | ReadAs::Harmonized)), false) =
            (self.options.values, is_declared)
        {
            let asked = if asked == ReadAs::Physical { "physical" } else { "harmonized" };
            let message = format!(
                "values = \"{asked}\" has nothing to apply: neither a STAC item, nor the file, nor a processing baseline says what its \
                 stored values mean; they are read as they are"
            );
            let hint = "declare it in the file: gdal_translate -a_scale SCALE -a_offset OFFSET IN.tif OUT.tif; or remove `values` if stored values are \
                        those of the model";
            return Ok(vec![Warning::new("values-not-declared", &info.id, message).with_hint(hint)]);
        }
        let quantized = self.bands.iter().find_map(|band| band.dequantize);
        let told = |(number, scaling)| unapplied(info, number, &scaling, quantized.as_ref());
        Ok(not_applied.map(told).into_iter().collect())
    }

    /// Compares a sample of a scene with the model, if it is sampled; adds to `warnings`.
    ///
    /// # Errors
    /// [`JobError::OutsideValues`]; errors of reading the scene.
    pub(super) fn compare(
        self,
        info: &SceneInfo,
        numbers: &[usize],
        sampled: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<InputValues>> {
        if !sampled {
            return Ok(None);
        }
        let across = if is_remote_uri(&info.uri) { ACROSS_REMOTE } else { ACROSS };
        let convert = |band: usize, value: f32| self.bands.get(band).map_or(value, |b| b.value(value));
        let found = sample(info, numbers, across, &convert)?;
        let mut values = self.record(info, numbers, &found);
        if found.pixels < FEWEST_PIXELS {
            return Ok(Some(values));
        }
        "as in training".clone_into(&mut values.verdict);
        if let Some(problem) = self.outside(&found) {
            let [low, high] = self.model.value_range;
            let error = JobError::OutsideValues {
                scene: info.uri.clone(),
                problem,
                pixels: found.pixels,
                measured: self.measured(&found),
                model: self.model.id.clone(),
                low,
                high,
                declared: has_unused_scaling(info, numbers),
                wanted: Box::new(WantedValues::of(self.model)),
            };
            if self.options.outside_values == OutsideOption::Refuse {
                return Err(error.into());
            }
            "outside of the model's range".clone_into(&mut values.verdict);
            let message =
                format!("{problem}: {}; the model was trained on {low} to {high}", self.measured(&found));
            warnings.push(Warning::new("outside-values", &info.id, message));
            return Ok(Some(values));
        }
        let before = warnings.len();
        warnings.extend(self.beyond(info, &found));
        warnings.extend(self.unlike(info, &found));
        warnings.extend(self.infrared(info, &found));
        if warnings.len() > before {
            "unlike training".clone_into(&mut values.verdict);
        }
        Ok(Some(values))
    }

    fn record(self, info: &SceneInfo, numbers: &[usize], found: &Sample) -> InputValues {
        let scaling_of = |number: usize| info.bands.iter().find(|b| b.index == number)?.scaling.as_ref();
        let read_as = numbers.iter().find_map(|n| scaling_of(*n)).map_or(ReadAs::Raw, |s| s.read_as);
        let pairs = self.bands.iter().zip(numbers).zip(&found.bands);
        let band = |((wanted, number), of): ((&Band, &usize), &BandSample)| BandValues {
            name: wanted.name.clone(),
            band: *number,
            p1: shown(of.p1),
            p50: shown(of.p50),
            p99: shown(of.p99),
            mean: shown(of.mean),
            std: shown(of.std),
            declared: scaling_of(*number).map(|s| DeclaredScaling {
                scale: s.scale,
                offset: s.offset,
                by: s.by.clone(),
            }),
        };
        InputValues {
            read_as: match read_as {
                ReadAs::Raw => "raw",
                ReadAs::Physical => "physical",
                ReadAs::Harmonized => "harmonized",
            }
            .to_owned(),
            pixels: found.pixels as u64,
            verdict: "not compared".to_owned(),
            bands: pairs.map(band).collect(),
        }
    }

    /// Percentiles 1, 50 and 99 of each band, printed.
    fn measured(self, found: &Sample) -> String {
        let one = |(wanted, of): (&Band, &BandSample)| {
            format!("{} is {} to {} (median {})", wanted.name, shown(of.p1), shown(of.p99), shown(of.p50))
        };
        listed_of(&self.bands.iter().zip(&found.bands).map(one).collect::<Vec<_>>(), "bands")
    }

    /// Whether values are of another scale than the model's.
    fn outside(self, found: &Sample) -> Option<&'static str> {
        let [low, high] = self.model.value_range.map(f64::from);
        let width = high - low;
        let is_above =
            |b: &BandSample| b.p50 > high + MEDIAN_BEYOND * width || b.p99 > high + ENDS_BEYOND * width;
        let is_below =
            |b: &BandSample| b.p50 < low - MEDIAN_BEYOND * width || b.p1 < low - ENDS_BEYOND * width;
        if found.bands.iter().any(is_above) {
            return Some("its values lie far above those that the model was trained on");
        }
        if found.bands.iter().any(is_below) {
            return Some("its values lie far below those that the model was trained on");
        }
        // Ranges with a sign (decibels, indices) have no zero to shrink to.
        if low < -0.1 * high || high <= 0.0 {
            return None;
        }
        let highest = found.bands.iter().map(|b| b.max).fold(f64::NEG_INFINITY, f64::max);
        let lowest = found.bands.iter().map(|b| b.min).fold(f64::INFINITY, f64::min);
        let (top_of_bytes, range_of_more) = BYTES;
        let is_little = highest <= high * FEW_OF_RANGE || (highest <= top_of_bytes && high >= range_of_more);
        let is_whole = found.bands.iter().any(|b| b.p99 - b.p1 >= WHOLE_PICTURE * highest);
        let is_of_scale = |(band, [_, of]): (&Band, &[f64; 2])| {
            learned(band).is_some_and(|(_, std)| *of >= SPREAD_OF_SCALE * std)
        };
        let of_scale = self.bands.iter().zip(&found.converted).any(is_of_scale);
        let is_small = is_little && is_whole && highest > 0.0 && lowest >= -highest && !of_scale;
        is_small.then_some("its values fill a small part of the range that the model was trained on, as values of another scale do")
    }

    /// A warning about values outside of the range, though of its scale.
    fn beyond(self, info: &SceneInfo, found: &Sample) -> Option<Warning> {
        let [low, high] = self.model.value_range.map(f64::from);
        let margin = 0.05 * (high - low);
        found.bands.iter().any(|b| b.p99 > high + margin || b.p1 < low - margin).then(|| {
            let message = format!(
                "values lie outside of the range that the model was trained on, {low} to {high}: {}",
                self.measured(found)
            );
            Warning::new("values-out-of-range", &info.id, message)
        })
    }

    /// A warning about bands whose mean or spread differs from the training.
    fn unlike(self, info: &SceneInfo, found: &Sample) -> Option<Warning> {
        let one = |(band, [of_mean, of_std]): (&Band, &[f64; 2])| {
            let (mean, std) = learned(band)?;
            let (least, most) = SPREAD_UNLIKE;
            let is_far = (of_mean - mean).abs() > MEAN_UNLIKE * std;
            let is_other = !(least * std..=most * std).contains(of_std);
            (is_far || is_other).then(|| {
                format!(
                    "{} has mean {} and spread {} (training: {} and {})",
                    band.name,
                    shown(*of_mean),
                    shown(*of_std),
                    shown(mean),
                    shown(std)
                )
            })
        };
        let unlike: Vec<String> = self.bands.iter().zip(&found.converted).filter_map(one).collect();
        (!unlike.is_empty()).then(|| {
            let message =
                format!("its bands differ from those of the training: {}", listed_of(&unlike, "bands"));
            let hint =
                "compare the scene with images of the training set, and check a sample of the map by eye";
            Warning::new("values-unlike-training", &info.id, message).with_hint(hint)
        })
    }

    /// Near infrared, red and green that are read as red, green and blue.
    fn infrared(self, info: &SceneInfo, found: &Sample) -> Option<Warning> {
        let names: Vec<&str> = self.bands.iter().map(Band::common_name).collect();
        let at = names.windows(3).position(|n| n == ["red", "green", "blue"])?;
        let (first, second) = ((*found.correlations.get(at)?)?, (*found.correlations.get(at + 1)?)?);
        (first < RED_GREEN && second > NEXT_PAIR).then(|| {
            let message = format!(
                "it may be infrared color (near infrared, red, green): the band that is read as red correlates with the next by \
                 {first:.2}, that with the third by {second:.2}, which is unlike natural color (0.86 and more)"
            );
            let hint = "if it is, name its bands under [input], for example bands = { nir = 1, red = 2, green = 3 }, with a model that \
                        wants them; a model of red, green and blue is not for it";
            Warning::new("looks-infrared", &info.id, message).with_hint(hint)
        })
    }
}

/// A warning about a declared scale or offset that is not applied, for a model of stored values.
fn unapplied(info: &SceneInfo, number: usize, scaling: &Scaling, quantized: Option<&Dequantize>) -> Warning {
    if let Some(quantized) = quantized {
        let message = format!(
            "{} declares {} for stored values (band {number}), which is not applied: the model takes {} itself",
            scaling.by,
            scaling.describe(),
            quantized.describe()
        );
        let hint = "if the stored values are those of the training scenes, values = \"raw\" under [input] confirms it";
        return Warning::new("scale-not-applied", &info.id, message).with_hint(hint);
    }
    let message = format!(
        "{} declares {} for stored values (band {number}); the model was trained on stored values, and the scale is not applied",
        scaling.by,
        scaling.describe()
    );
    if scaling.offset == 0.0 {
        let hint = "values = \"raw\" under [input] confirms that the model was trained on such stored values";
        return Warning::new("scale-not-applied", &info.id, message).with_hint(hint);
    }
    let hint = "if the model was trained on scenes without this offset (Sentinel-2 before baseline 04.00), set values = \
                \"harmonized\" under [input]; values = \"raw\" confirms that it was trained on scenes with it";
    Warning::new("offset-not-applied", &info.id, message).with_hint(hint)
}

/// Mean and standard deviation of a band in the training; `None` if the network takes raw values.
#[allow(clippy::float_cmp, reason = "the values that stand for none")]
fn learned(band: &Band) -> Option<(f64, f64)> {
    let is_none = (band.mean, band.std) == (0.0, 1.0);
    (!is_none).then_some((f64::from(band.mean), f64::from(band.std)))
}

/// Rounds to six digits, for display.
fn shown(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Whether a band in use declares a scale or offset that is not applied.
fn has_unused_scaling(info: &SceneInfo, numbers: &[usize]) -> bool {
    let wanted = info.bands.iter().filter(|band| numbers.contains(&band.index));
    wanted.filter_map(|band| band.scaling.as_ref()).any(|scaling| scaling.read_as != ReadAs::Physical)
}

#[cfg(test)]
mod tests {
    use arpent_model::{Architecture, HandSet};

    use super::*;

    fn model(range: [f32; 2], mean_std: (f32, f32)) -> ModelPackage {
        let settings = HandSet { value_range: range, ..HandSet::segmentation(&["red", "green", "blue"], 2) };
        let mut model = settings.package(Architecture::Linear { in_channels: 3, out_channels: 2, kernel: 1 });
        model.bands.iter_mut().for_each(|b| (b.mean, b.std) = mean_std);
        model
    }

    /// A band whose values spread evenly between two.
    fn even(low: f64, high: f64) -> BandSample {
        let at = |share: f64| low + share * (high - low);
        let (mean, std) = (at(0.5), (high - low) / 12f64.sqrt());
        BandSample { min: low, p1: at(0.01), p50: at(0.5), p99: at(0.99), max: high, mean, std }
    }

    fn is_outside(range: [f32; 2], mean_std: (f32, f32), of: BandSample) -> bool {
        let model = model(range, mean_std);
        let options = InputOptions::default();
        let expected = Expected { model: &model, bands: &model.bands, options: &options };
        let converted = vec![[of.mean, of.std]; 3];
        let found =
            Sample { pixels: 10_000, bands: vec![of; 3], converted, correlations: vec![Some(0.95); 2] };
        expected.outside(&found).is_some()
    }

    #[test]
    fn values_of_another_scale_are_outside() {
        let (none, bytes, words) = ((0.0, 1.0), (130.0, 55.0), (1000.0, 450.0));
        for (range, learned, of) in [
            ([0.0, 5100.0], none, even(0.0, 255.0)),
            ([0.0, 5100.0], words, even(0.0, 255.0)),
            ([0.0, 10_000.0], words, even(20.0, 240.0)),
            ([0.0, 255.0], none, even(0.0, 63_750.0)),
            ([0.0, 255.0], bytes, even(0.0, 63_750.0)),
            ([0.0, 255.0], none, even(0.0, 1.0)),
            ([0.0, 255.0], bytes, even(0.02, 0.6)),
            ([0.0, 255.0], bytes, even(0.0, 4095.0)),
            ([0.0, 1.0], none, even(0.0, 255.0)),
            ([0.0, 1.0], none, even(200.0, 4000.0)),
            ([0.0, 5100.0], none, even(0.0, 0.6)),
            ([0.0, 65_535.0], none, even(0.0, 4095.0)),
            ([-25.0, 5.0], none, even(0.0, 255.0)),
            ([0.0, 255.0], bytes, even(-9999.0, 200.0)),
        ] {
            assert!(is_outside(range, learned, of), "{range:?} {of:?}");
        }
    }

    #[test]
    fn legitimate_scenes_are_inside() {
        let (none, bytes, words) = ((0.0, 1.0), (130.0, 55.0), (1000.0, 450.0));
        for (range, learned, of, what) in [
            ([0.0, 255.0], bytes, even(5.0, 40.0), "a forest in shadow"),
            ([0.0, 255.0], none, even(2.0, 20.0), "water"),
            ([0.0, 255.0], bytes, even(230.0, 255.0), "snow"),
            ([0.0, 5100.0], words, even(7000.0, 9800.0), "snow above the range"),
            ([0.0, 5100.0], words, even(180.0, 330.0), "clear water"),
            ([0.0, 4095.0], none, even(100.0, 3900.0), "12 bits in words"),
            ([0.0, 65_535.0], (1400.0, 600.0), even(100.0, 3900.0), "12 bits of a model that learned them"),
            ([0.0, 255.0], bytes, even(0.0, 0.0), "black"),
            ([-25.0, 5.0], none, even(-22.0, -3.0), "decibels"),
            ([-1.0, 1.0], none, even(-0.01, 0.01), "indices"),
        ] {
            assert!(!is_outside(range, learned, of), "{what}");
        }
    }

    #[test]
    fn scenes_are_sampled_evenly() {
        let sampled = |uri: &str, scenes: usize| {
            (0..scenes).filter(|i| is_sampled(&SceneSource::new(uri), *i, scenes)).count()
        };
        assert_eq!((sampled("a.tif", 1), sampled("a.tif", 374)), (1, 32));
        assert_eq!(sampled("https://h/a.tif", 374), 8);
    }
}
