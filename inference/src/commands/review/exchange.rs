//! `arpent review import` and `arpent review export`: files that other programs read and write.

use std::path::{Path, PathBuf};

use arpent_base::{Language, Result};
use arpent_job::{AigleOptions, AiglePerson, GeoPackageOptions, ReviewPerson};
use arpent_review::Person;
use arpent_shell::exit::PARTIAL;
use arpent_shell::message::warn;
use arpent_shell::print::{Format, print};

use arpent_cli::{LanguageArg, ReviewExportArgs, ReviewImportArgs};

use crate::report;

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
            print(&report, report::of_aigle_import(&report).text(), format)?;
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
        print(&report, report::of_geopackage_import(&report).text(), format)?;
    }
    for file in &tables {
        let report = arpent_job::review_import(output, review, file, person)?;
        print(&report, report::of_csv_import(&report).text(), format)?;
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
        print(&report, report::of_csv_export(&report).text(), format)?;
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
        imagery: of.imagery,
        language: of.language.map(|language| match language {
            LanguageArg::En => Language::En,
            LanguageArg::Fr => Language::Fr,
        }),
    })?;
    print(&report, report::of_geopackage_export(&report).text(), format)?;
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
        tiles: of.tiles,
    })?;
    print(&report, report::of_aigle_export(&report).text(), format)?;
    Ok(if report.imported == report.rows { 0 } else { PARTIAL })
}
