//! Warnings, printed on stderr and written to the manifest.

use arpent_base::redacted;
use arpent_gdal::LayerCounts;
use arpent_publish::Warning;
use arpent_shell::lines::count;
use arpent_shell::message;

/// Warns on stderr.
pub fn warn(warning: &Warning) {
    message::warn(&warning.subject, &warning.message, warning.hint.as_deref());
}

/// Warnings about the geometries of a layer. `things` is the noun for its features: reference features, zones.
pub(crate) fn layer_warnings(subject: &str, source: &str, things: &str, counts: LayerCounts) -> Vec<Warning> {
    let counted = [
        ("geometries-repaired", counts.repaired, "had a geometry that is not valid: repaired"),
        (
            "parts-left-out",
            counts.parts_left_out,
            "contain points or lines in addition to polygons: those were skipped",
        ),
        ("without-geometry", counts.empty, "have no geometry"),
    ];
    doubts(subject, source, things, counts.read, counted).collect()
}

/// Warnings about some of `all` features of a layer, from code, number of features and message; none for a number of 0.
pub(crate) fn doubts<const N: usize>(
    subject: &str,
    source: &str,
    things: &str,
    all: u64,
    counted: [(&str, u64, &str); N],
) -> impl Iterator<Item = Warning> {
    let present = counted.into_iter().filter(|(_, number, _)| *number > 0);
    present.map(move |(code, number, what)| {
        let message = format!("{} of {} {things} of {} {what}", count(number), count(all), redacted(source));
        Warning::new(code, subject, message)
    })
}
