//! Dates of acquisition that the user sets.

use std::collections::BTreeSet;

use arpent_gdal::SceneSource;
use arpent_publish::Warning;
use arpent_raster::SceneInfo;

use super::overlap::days;
use super::scene::UsableScene;
use crate::config::{DatePattern, InputOptions, normalized_date};

/// Sets the dates of the configuration: one for all scenes, or one in the name of each file. They replace
/// the dates of STAC items and files. Returns warnings.
pub(super) fn state(sources: &mut [SceneSource], options: &InputOptions) -> Option<Warning> {
    if let Some(date) = options.acquired.as_deref().and_then(normalized_date) {
        for scene in sources.iter_mut() {
            scene.acquired = Some(date.clone());
        }
        return None;
    }
    let written = options.acquired_from.as_deref()?;
    let pattern = DatePattern::parse(written).ok()?;
    let (mut without, mut first) = (0_usize, None);
    for scene in sources.iter_mut() {
        if let Some(date) = pattern.date(arpent_gdal::file_name(&scene.uri)) {
            scene.acquired = Some(date);
        } else {
            without += 1;
            first.get_or_insert_with(|| scene.id.clone());
        }
    }
    let first = first?;
    let message = format!(
        "{without} of {} scenes have a file name that `{written}` does not match, the first is `{first}`: their date is what the file \
         itself or its STAC item says, or not known",
        sources.len()
    );
    Some(Warning::new("no-date-in-name", "input.acquired_from", message))
}

/// Normalizes the date of a STAC item or a file. One that cannot be parsed is unknown, with a warning.
pub fn check(info: &mut SceneInfo) -> Option<Warning> {
    let said = info.acquired.take()?;
    info.acquired = normalized_date(&said);
    if info.acquired.is_some() {
        return None;
    }
    let message = format!(
        "its STAC item or its metadata say that it was taken at `{said}`, which is no date, no time with its zone, and no interval that ends \
         after it begins: its date is not known"
    );
    let hint = "set the date with --acquired, or with `acquired` or `acquired_from` under [input]";
    Some(Warning::new("date-not-readable", &info.id, message).with_hint(hint))
}

/// Warnings about the scenes of two dates: files that are named for both, and dates in the reverse order.
pub(super) fn of_two_dates(before: &[UsableScene], after: &[UsableScene]) -> Vec<Warning> {
    let mut all = Vec::new();
    let files: BTreeSet<&str> = before.iter().map(|scene| scene.source.gdal_path.as_str()).collect();
    let both = after.iter().filter(|scene| files.contains(scene.source.gdal_path.as_str()));
    let both: Vec<&str> = both.map(|scene| scene.info.id.as_str()).collect();
    if let Some(first) = both.first() {
        let message = format!(
            "{} of {} scenes are named for both dates, the first is `{first}`: no change is found if a scene is compared with itself",
            both.len(),
            after.len()
        );
        all.push(Warning::new("same-scene-twice", "before", message));
    }
    // Of intervals, the start of the earlier scenes and the end of the later ones.
    let first = before.iter().filter_map(days).map(|[start, _]| start).min();
    let last = after.iter().filter_map(days).map(|[_, end]| end).max();
    if let (Some(first), Some(last)) = (first, last)
        && first > last
    {
        let message = format!(
            "the scenes of the earlier date were taken from {first} on, those of the later date until {last}: losses are reported as \
             gains"
        );
        let hint = "name the scenes of the earlier date with --before, the others with --scene";
        all.push(Warning::new("dates-swapped", "before", message).with_hint(hint));
    }
    all
}
