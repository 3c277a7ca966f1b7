//! Validity of a scene's pixels: settings of the configuration, and warnings.

use std::collections::BTreeSet;
use std::path::Path;

use arpent_base::short_hash;
use arpent_gdal::{CollarFound, Look};
use arpent_publish::Warning;
use arpent_raster::{BandInfo, Declared, SceneInfo};

use super::scene::describe_bands;
use crate::config::{AlphaOption, AlphaRole, CollarOption, InputOptions, NodataOption, NodataValue};
use crate::error::JobError;

/// Scenes of a date that are searched for a collar, spread evenly over the list. Each search reads a few blocks.
const MOST_LOOKED_AT: usize = 32;

/// Number of different values from which on an alpha band is not a mask: a mask has 0, its largest value, and a few at
/// soft borders.
const MANY_VALUES: usize = 8;

/// Applies the declarations of the configuration to the metadata of a scene. `bands` (from 1) are read as
/// data, whatever the scene declares.
pub(crate) fn declare(
    info: &mut SceneInfo,
    bands: &[usize],
    options: &InputOptions,
    scratch: &Path,
) -> Result<(), JobError> {
    match &options.alpha {
        Some(AlphaOption::Band(number)) => {
            if *number == 0 || *number > info.bands.len() || bands.contains(number) {
                return Err(JobError::AlphaBand {
                    scene: info.uri.clone(),
                    band: *number,
                    available: describe_bands(info),
                });
            }
            for band in &mut info.bands {
                band.is_alpha = band.index == *number;
            }
        }
        Some(AlphaOption::Role(AlphaRole::Data)) => {
            for band in &mut info.bands {
                band.is_alpha = false;
            }
        }
        Some(AlphaOption::Role(AlphaRole::Mask)) | None => {}
    }
    info.bands.iter_mut().filter(|b| bands.contains(&b.index)).for_each(|b| b.is_alpha = false);
    if let Some(nodata) = &options.nodata {
        let values = match nodata {
            NodataOption::All(value) => vec![value.number(); info.bands.len()],
            NodataOption::Bands(values) if values.len() == info.bands.len() => {
                values.iter().map(NodataValue::number).collect()
            }
            NodataOption::Bands(values) => {
                let (scene, given) = (info.uri.clone(), values.len());
                return Err(JobError::NodataBands { scene, given, available: describe_bands(info) });
            }
        };
        info.bands.iter_mut().zip(values).for_each(|(band, value)| band.nodata = value);
        info.validity.nodata_by = Declared::Configuration;
    }
    if options.collar == CollarOption::LeaveOut {
        info.validity.collar = Some(collar_mask(info, scratch));
    }
    Ok(())
}

/// A separate file for the mask of each scene.
fn collar_mask(info: &SceneInfo, scratch: &Path) -> std::path::PathBuf {
    scratch.join(format!("collar-{}.tif", short_hash(format!("{}\0{}", info.id, info.uri).as_bytes())))
}

/// The checks of a scene, by its position in the list.
pub(super) fn looks_for_collar(options: &InputOptions, index: usize, scenes: usize) -> bool {
    options.collar != CollarOption::Keep && index.is_multiple_of(scenes.div_ceil(MOST_LOOKED_AT).max(1))
}

/// Warnings about a scene's validity.
pub(crate) fn warnings(
    info: &SceneInfo,
    bands: &[usize],
    found: &Look,
    options: &InputOptions,
) -> Vec<Warning> {
    let mut all = Vec::new();
    if let (Some((band, values)), None) = (found.alpha, &options.alpha)
        && values > MANY_VALUES
    {
        let message = format!(
            "band {band} is flagged as alpha and holds {values} different values in a sample, as measured bands do: where it \
             is 0, nothing is mapped"
        );
        let hint = "declare it under [input]: alpha = \"data\" or alpha = \"mask\"";
        all.push(Warning::new("alpha-of-many-values", &info.id, message).with_hint(hint));
    }
    let ignored = declared(info, bands);
    if let (Some(by), true, Declared::File | Declared::Item) =
        (decider(info, bands), !ignored.is_empty(), info.validity.nodata_by)
    {
        let message =
            format!("{by} defines which pixels are valid: the declared nodata value {ignored} is ignored");
        let hint = "to mask its pixels too, declare it under [input]: nodata = VALUE";
        all.push(Warning::new("nodata-ignored", &info.id, message).with_hint(hint));
    }
    all.extend(found.collar.map(|collar| of_collar(info, collar, options)));
    all
}

fn of_collar(info: &SceneInfo, collar: CollarFound, options: &InputOptions) -> Warning {
    let color = collar.color.name();
    let share = match collar.share * 100.0 {
        percent if percent < 0.1 => "fewer than 0.1 %".to_owned(),
        percent => format!("about {percent:.1} %"),
    };
    if options.collar == CollarOption::LeaveOut {
        let message = format!(
            "its border is {color} without a break: the collar is masked, {share} of its pixels in a sample"
        );
        return Warning::new("collar-left-out", &info.id, message);
    }
    let message = format!(
        "its border is {color} without a break in places, as collars are that are no picture: {share} of its pixels \
         in a sample are {color}, and are mapped"
    );
    let hint = "under [input], collar = \"leave-out\" masks pixels connected with the border, nodata = VALUE every pixel of \
                a value, and collar = \"keep\" keeps it without a warning";
    Warning::new("collar", &info.id, message).with_hint(hint)
}

/// Alpha band and mask as a text.
fn decider(info: &SceneInfo, bands: &[usize]) -> Option<String> {
    let alpha = info.alpha(bands).map(|band| format!("alpha (band {band})"));
    let mask = info.validity.has_mask.then(|| "the mask".to_owned());
    match (alpha, mask) {
        (Some(alpha), Some(mask)) => Some(format!("{alpha} with {mask}")),
        (one, other) => one.or(other),
    }
}

/// Nodata values of the bands, each once.
fn declared(info: &SceneInfo, bands: &[usize]) -> String {
    let wanted = |b: &&BandInfo| bands.contains(&b.index);
    let values: BTreeSet<String> =
        info.bands.iter().filter(wanted).filter_map(|b| b.nodata).map(|v| v.to_string()).collect();
    values.into_iter().collect::<Vec<_>>().join(", ")
}

/// Sources of a scene's validity as a text: alpha, mask, nodata and their origin.
pub fn describe_validity(info: &SceneInfo, bands: &[usize]) -> String {
    let (by, nodata) = (decider(info, bands), declared(info, bands));
    let mut parts: Vec<String> = by.iter().cloned().collect();
    match info.validity.nodata_by {
        _ if nodata.is_empty() => {}
        Declared::Configuration => parts.push(format!("nodata {nodata} (configuration)")),
        Declared::File if by.is_none() => parts.push(format!("nodata {nodata} (file)")),
        Declared::Item if by.is_none() => parts.push(format!("nodata {nodata} (item)")),
        Declared::File | Declared::Item => {}
    }
    if info.validity.collar.is_some() {
        parts.push("no collar (configuration)".to_owned());
    }
    if parts.is_empty() { "every pixel".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collars_are_looked_for_evenly() {
        let options = InputOptions::default();
        let looked = |scenes: usize| (0..scenes).filter(|i| looks_for_collar(&options, *i, scenes)).count();
        assert_eq!((looked(1), looked(32), looked(33), looked(1000)), (1, 32, 17, 32));
        let keep = InputOptions { collar: CollarOption::Keep, ..options };
        assert!(!looks_for_collar(&keep, 0, 1));
    }
}
