//! Counts of zones with problems, and warnings about them.

use arpent_gdal::LayerCounts;
use arpent_publish::{Warning, ZoneCounts};
use arpent_vector::ZoneResult;

use crate::warnings::{doubts, layer_warnings};

/// Subject of warnings about zones.
const SUBJECT: &str = "zones";

/// Counts the problems of a zone. A millionth of a zone is rounding.
pub(super) fn note(counts: &mut ZoneCounts, result: &ZoneResult) {
    if result.area_m2 <= 0.0 {
        return;
    }
    counts.outside += u64::from(result.inside_m2 <= 0.0);
    let partly = result.inside_m2 > 0.0 && result.inside_m2 < result.area_m2 * (1.0 - 1e-6);
    counts.partly_outside += u64::from(partly);
    counts.without_data += u64::from(result.inside_m2 > 0.0 && result.valid_area_m2 <= 0.0);
}

/// Warnings about the zones of a file.
pub(super) fn warnings(zones: &str, counts: &ZoneCounts) -> Vec<Warning> {
    let (all, repaired, empty) = (counts.zones, counts.repaired, counts.empty);
    let read = LayerCounts { read: all, repaired, empty, parts_left_out: counts.parts_left_out };
    let mut all_warnings = layer_warnings(SUBJECT, zones, SUBJECT, read);
    let of_places = [
        ("zones-outside", counts.outside, "lie outside of the map: in the result, without shares"),
        (
            "zones-partly-outside",
            counts.partly_outside,
            "lie partly outside of the map: shares are of the part inside",
        ),
        (
            "zones-without-data",
            counts.without_data,
            "lie where the map has no data: in the result, without shares",
        ),
        ("ids-repeated", counts.repeated_ids, "repeat the id of an earlier zone: each has a row of its own"),
        ("ids-empty", counts.without_id, "have an empty id field: each has a row without an id"),
    ];
    all_warnings.extend(doubts(SUBJECT, zones, SUBJECT, all, of_places));
    all_warnings
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
            values: vec![],
        };
        for result in
            [of(0.0, 0.0, 0.0), of(4.0, 0.0, 0.0), of(4.0, 2.0, 1.0), of(4.0, 4.0, 0.0), of(4.0, 4.0, 4.0)]
        {
            note(&mut counts, &result);
        }
        assert_eq!((counts.outside, counts.partly_outside, counts.without_data), (1, 1, 1));
        counts.zones = 5;
        let told = warnings("a.gpkg", &counts);
        assert_eq!(told.len(), 3);
        assert_eq!(
            told[0].message,
            "1 of 5 zones of a.gpkg lie outside of the map: in the result, without shares"
        );
    }
}
