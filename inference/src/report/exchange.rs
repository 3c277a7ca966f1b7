//! Decisions that were exchanged with other programs.

use arpent_job::{
    AigleExport, AigleImport, Consequence, ExportReport, GeoPackageExport, GeoPackageImport, ImportReport,
};
use arpent_shell::lines::{Lines, count};

/// A delivery to AIGLE: which rows it would refuse or skip, and what was written.
pub(crate) fn of_aigle_export(report: &AigleExport) -> Lines {
    let mut lines = Lines::default();
    for broken in &report.broken {
        let (subject, rows) = match broken.consequence {
            Consequence::ImportStops => ("STOPS", count(broken.rows)),
            Consequence::BatchRefused => ("REFUSED", count(broken.rows)),
            Consequence::RowSkipped => ("skipped", count(broken.rows)),
            Consequence::Note => ("note", String::new()),
        };
        let rows = if rows.is_empty() || broken.feature.is_none() {
            String::new()
        } else {
            format!("{rows} rows: ")
        };
        let feature = broken.feature.as_ref().map_or(String::new(), |feature| format!(" (first: {feature})"));
        lines.add(subject, format!("{rows}{}{feature}", broken.rule));
    }
    lines.add("batch", report.batch_id.to_string());
    lines.add("features", format!("{}, {} of several polygons", count(report.features), count(report.split)));
    if let Some(undecided) = report.undecided {
        lines.more(format!("{} are undecided and not delivered", count(undecided)));
    }
    lines.add("rows", format!("{}, of which AIGLE imports {}", count(report.rows), count(report.imported)));
    if let Some(tiles) = report.tiles {
        lines.add("tiles", count(tiles));
    }
    for file in &report.files {
        lines.add("file", file);
    }
    lines
}

/// What AIGLE decided, read back.
pub(crate) fn of_aigle_import(report: &AigleImport) -> Lines {
    let (known, empty, others) = (count(report.known), count(report.empty), count(report.other_batches));
    let rest = format!("{known} known, {empty} not verified, {others} of other batches");
    of_rows(&report.review, report.rows, &report.decisions, &rest)
}

/// Decisions of a CSV file.
pub(crate) fn of_csv_import(report: &ImportReport) -> Lines {
    let rest = format!("{} known, {} without a verdict", count(report.known), count(report.empty));
    of_rows(&report.review, report.rows, &report.decisions, &rest)
}

/// Decisions of GeoPackages.
pub(crate) fn of_geopackage_import(report: &GeoPackageImport) -> Lines {
    let rest = format!("{} known, {} left out", count(report.known), count(report.left_out));
    of_rows(&report.review, report.rows, &report.decisions, &rest)
}

/// A CSV file of decisions.
pub(crate) fn of_csv_export(report: &ExportReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("file", &report.file).add("decisions", count(report.decisions));
    lines
}

/// A GeoPackage for QGIS.
pub(crate) fn of_geopackage_export(report: &GeoPackageExport) -> Lines {
    let mut lines = Lines::default();
    lines.add("file", &report.file).add("review", &report.review);
    lines.add("features", count(report.features)).add("decisions", count(report.decisions));
    if let Some(tiles) = report.tiles {
        lines.add("tiles", count(tiles));
    }
    lines
}

/// What became of rows that were imported.
fn of_rows(review: &str, rows: u64, decisions: &[String], rest: &str) -> Lines {
    let new = count(arpent_base::number::wide(decisions.len()));
    let mut lines = Lines::default();
    lines.add("review", review).add("rows", format!("{}: {new} new decisions, {rest}", count(rows)));
    lines
}
