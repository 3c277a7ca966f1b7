//! `arpent review import` and `arpent review export`: files that other programs read and write.

use std::path::{Path, PathBuf};

use arpent_base::{Language, Result};
use arpent_job::{
    AigleExport, AigleImport, AigleOptions, AiglePerson, Consequence, ExportReport, GeoPackageExport,
    GeoPackageImport, GeoPackageOptions, ImportReport, ReviewPerson,
};
use arpent_review::Person;
use arpent_shell::exit::PARTIAL;
use arpent_shell::lines::{Lines, count};
use arpent_shell::message::warn;
use arpent_shell::print::{Format, print};

use crate::cli::{LanguageArg, ReviewExportArgs, ReviewImportArgs};

/// Name of a GeoPackage in a folder.
const GEOPACKAGE: &str = "review.gpkg";

fn is_geopackage(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gpkg"))
}

/// Runs `arpent review import`.
///
/// # Errors
/// When a file cannot be used, which the error names with its row; of GeoPackages, nothing was written then.
pub(super) fn import(args: &ReviewImportArgs, person: &ReviewPerson, format: Format) -> Result<()> {
    let (output, review) = (&args.of.output, args.of.review.as_deref());
    if let (Some(_), Some(delivery)) = (args.from, &args.delivery) {
        let of = AiglePerson { people: args.people.clone(), person_of: args.person_of.clone() };
        for file in &args.files {
            let report = arpent_job::review_import_aigle(output, review, file, delivery, &of, person)?;
            print(&report, human_from_aigle(&report).text(), format)?;
        }
        return Ok(());
    }
    let (packages, tables): (Vec<PathBuf>, Vec<PathBuf>) =
        args.files.iter().cloned().partition(|file| is_geopackage(file));
    if !packages.is_empty() {
        let report = arpent_job::review_import_geopackages(output, review, &packages, person, &args.without)?;
        for warning in &report.warnings {
            warn("review", warning, None);
        }
        print(&report, human_packages(&report).text(), format)?;
    }
    for file in &tables {
        let report = arpent_job::review_import(output, review, file, person)?;
        print(&report, human_import(&report).text(), format)?;
    }
    Ok(())
}

/// Runs `arpent review export`.
///
/// # Errors
/// When the review cannot be read, or the file is there or cannot be written.
pub(super) fn export(args: &ReviewExportArgs, format: Format) -> Result<u8> {
    if args.to.as_os_str() == "aigle" {
        return export_aigle(args, format);
    }
    let is_format = args.to.as_os_str() == "gpkg";
    if !is_format && !is_geopackage(&args.to) {
        let report = arpent_job::review_export(&args.of.output, args.of.review.as_deref(), &args.to)?;
        print(&report, human_export(&report).text(), format)?;
        return Ok(0);
    }
    let of = &args.geopackage;
    let file = match (&args.place, &args.folder) {
        _ if !is_format => args.to.clone(),
        (Some(file), _) => file.clone(),
        (None, Some(folder)) => folder.join(GEOPACKAGE),
        (None, None) => PathBuf::from(GEOPACKAGE),
    };
    let person = match (&of.person, &of.function, &of.organization) {
        (Some(name), Some(function), Some(organization)) => Some(Person {
            name: name.clone(),
            function: function.clone(),
            organization: organization.clone(),
        }),
        _ => None,
    };
    let report = arpent_job::review_export_geopackage(&GeoPackageOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        file,
        tasks: of.tasks.clone(),
        reviewer: of.reviewer.clone(),
        person,
        language: of.language.map(|language| match language {
            LanguageArg::En => Language::En,
            LanguageArg::Fr => Language::Fr,
        }),
    })?;
    print(&report, human_package(&report).text(), format)?;
    Ok(0)
}

fn export_aigle(args: &ReviewExportArgs, format: Format) -> Result<u8> {
    let of = &args.aigle;
    let folder = args.place.as_ref().or(args.folder.as_ref()).cloned();
    let report = arpent_job::review_export_aigle(&AigleOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        folder: (!of.check).then(|| folder.unwrap_or_else(|| PathBuf::from("aigle"))),
        tiles_url: of.batch_tiles_url.clone(),
        batch_name: of.batch_name.clone(),
        batch_id: of.batch_id,
        year: of.year,
        geozone: of.geozone,
        object_types: of.object_types.clone(),
        known_types: of.known_types.clone(),
        with_verdicts: of.with_verdicts,
    })?;
    print(&report, human_aigle(&report).text(), format)?;
    Ok(if report.imported == report.rows { 0 } else { PARTIAL })
}

fn human_aigle(report: &AigleExport) -> Lines {
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
    lines.add("rows", format!("{}, of which AIGLE imports {}", count(report.rows), count(report.imported)));
    for file in &report.files {
        lines.add("file", file);
    }
    lines
}

fn human_from_aigle(report: &AigleImport) -> Lines {
    let (known, empty, others) = (count(report.known), count(report.empty), count(report.other_batches));
    let rest = format!("{known} known, {empty} not verified, {others} of other batches");
    human_rows(&report.review, report.rows, &report.decisions, &rest)
}

fn human_import(report: &ImportReport) -> Lines {
    let rest = format!("{} known, {} without a verdict", count(report.known), count(report.empty));
    human_rows(&report.review, report.rows, &report.decisions, &rest)
}

fn human_packages(report: &GeoPackageImport) -> Lines {
    let rest = format!("{} known, {} left out", count(report.known), count(report.left_out));
    human_rows(&report.review, report.rows, &report.decisions, &rest)
}

/// What became of rows that were imported.
fn human_rows(review: &str, rows: u64, decisions: &[String], rest: &str) -> Lines {
    let new = count(arpent_base::number::wide(decisions.len()));
    let mut lines = Lines::default();
    lines.add("review", review).add("rows", format!("{}: {new} new decisions, {rest}", count(rows)));
    lines
}

fn human_export(report: &ExportReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("file", &report.file).add("decisions", count(report.decisions));
    lines
}

fn human_package(report: &GeoPackageExport) -> Lines {
    let mut lines = Lines::default();
    lines.add("file", &report.file).add("review", &report.review);
    lines.add("features", count(report.features)).add("decisions", count(report.decisions));
    lines
}
