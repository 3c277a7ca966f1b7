//! What happened to zones, counted and told: none is lost silently.

use arpent_publish::ZoneCounts;
use arpent_vector::ZoneResult;

use crate::print::{Lines, count};
use crate::progress::say;

/// Counts what is to be told of a zone. A millionth of a zone is rounding.
pub(super) fn note(counts: &mut ZoneCounts, result: &ZoneResult) {
    if result.area_m2 <= 0.0 {
        return;
    }
    counts.outside += u64::from(result.inside_m2 <= 0.0);
    let partly = result.inside_m2 > 0.0 && result.inside_m2 < result.area_m2 * (1.0 - 1e-6);
    counts.partly_outside += u64::from(partly);
    counts.without_data += u64::from(result.inside_m2 > 0.0 && result.valid_area_m2 <= 0.0);
}

fn told(counts: &ZoneCounts) -> Vec<(u64, &'static str)> {
    let all = [
        (counts.repaired, "had a geometry that is not valid: repaired"),
        (counts.empty, "without geometry: in the result, with areas of 0"),
        (counts.parts_left_out, "with points or lines beside polygons: those were left out"),
        (counts.outside, "outside of the map: in the result, without shares"),
        (counts.partly_outside, "partly outside of the map: shares are of what is inside"),
        (counts.without_data, "where the map has no data: in the result, without shares"),
        (counts.repeated_ids, "with the id of a zone before: each has a row of its own"),
    ];
    all.into_iter().filter(|(number, _)| *number > 0).collect()
}

/// Says it on stderr.
pub(super) fn tell(counts: &ZoneCounts) {
    for (number, what) in told(counts) {
        say(&format!("zones: {} {what}", count(number)));
    }
}

/// What the manifest of zonal results says of zones, in plain words.
pub(crate) fn add_counts(lines: &mut Lines, counts: &ZoneCounts) {
    lines.add("zones", count(counts.zones));
    for (number, what) in told(counts) {
        lines.more(format!("{} {what}", count(number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_counted_by_where_they_lie() {
        let mut counts = ZoneCounts::default();
        let of = |area_m2, inside_m2, valid_area_m2| ZoneResult {
            area_m2,
            inside_m2,
            valid_area_m2,
            classes: vec![],
        };
        for result in
            [of(0.0, 0.0, 0.0), of(4.0, 0.0, 0.0), of(4.0, 2.0, 1.0), of(4.0, 4.0, 0.0), of(4.0, 4.0, 4.0)]
        {
            note(&mut counts, &result);
        }
        assert_eq!((counts.outside, counts.partly_outside, counts.without_data), (1, 1, 1));
        assert_eq!(told(&counts).len(), 3);
    }
}
