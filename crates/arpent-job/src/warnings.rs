//! Warnings: on stderr, and in the manifest.

use arpent_base::redacted;
use arpent_gdal::LayerCounts;
use arpent_publish::Warning;
use arpent_shell::lines::count;
use arpent_shell::message;

/// Warns on stderr.
pub fn warn(warning: &Warning) {
    message::warn(&warning.subject, &warning.message, warning.hint.as_deref());
}

/// What was done to the geometries of a layer. `things` is what its features are called: objects, zones.
pub(crate) fn layer_warnings(subject: &str, source: &str, things: &str, counts: LayerCounts) -> Vec<Warning> {
    let told = [
        ("geometries-repaired", counts.repaired, "had a geometry that is not valid: repaired"),
        (
            "parts-left-out",
            counts.parts_left_out,
            "hold points or lines beside polygons: those were left out",
        ),
        ("without-geometry", counts.empty, "have no geometry"),
    ];
    doubts(subject, source, things, counts.read, told).collect()
}

/// Doubts about some of `all` features of a layer, each with its kind, their number and what is told of them; none where there are none.
pub(crate) fn doubts<const N: usize>(
    subject: &str,
    source: &str,
    things: &str,
    all: u64,
    told: [(&str, u64, &str); N],
) -> impl Iterator<Item = Warning> {
    let told = told.into_iter().filter(|(_, number, _)| *number > 0);
    told.map(move |(code, number, what)| {
        let message = format!("{} of {} {things} of {} {what}", count(number), count(all), redacted(source));
        Warning::new(code, subject, message)
    })
}
