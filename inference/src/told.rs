//! What is told of a layer of others, whatever it is read for: on stderr, and in the manifest.

use arpent_gdal::LayerCounts;
use arpent_publish::{Warning, redacted};

use crate::print::count;

/// What was done to the geometries of a layer. `things` is what its features are called: objects, zones.
pub(crate) fn layer_warnings(subject: &str, source: &str, things: &str, counts: LayerCounts) -> Vec<Warning> {
    [
        ("geometries-repaired", counts.repaired, "had a geometry that is not valid: repaired"),
        (
            "parts-left-out",
            counts.parts_left_out,
            "hold points or lines beside polygons: those were left out",
        ),
        ("without-geometry", counts.empty, "have no geometry"),
    ]
    .into_iter()
    .filter(|(_, number, _)| *number > 0)
    .map(|(code, number, what)| some(code, subject, source, things, (number, counts.read), what))
    .collect()
}

/// A doubt about some of all features of a layer.
pub(crate) fn some(
    code: &str,
    subject: &str,
    source: &str,
    things: &str,
    (number, all): (u64, u64),
    what: &str,
) -> Warning {
    let (number, all) = (count(number), count(all));
    Warning::new(code, subject, format!("{number} of {all} {things} of {} {what}", redacted(source)))
}
