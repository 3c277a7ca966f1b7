//! `arpent catalog`: a static STAC catalog of the outputs below an address.

use arpent_base::Result;
use arpent_publish::{CatalogReport, Target};
use arpent_shell::lines::Lines;
use arpent_shell::message::notice;
use arpent_shell::print::{Format, print};

use arpent_cli::CatalogArgs;

/// Outputs of a kind that are named; of more, their number is.
const MOST_NAMED: usize = 10;

/// Runs the command.
///
/// # Errors
/// When there is no complete output, an output cannot be read, or the catalog cannot be written.
pub(crate) fn main(args: &CatalogArgs, format: Format) -> Result<u8> {
    let report = Target::parse(&args.url)?.catalog(args.title.as_deref())?;
    let left_out = [
        (&report.begun, "without a manifest: an interrupted or running job"),
        (&report.without_item, "without a STAC item, such as zonal statistics"),
        (&report.repeated, "with the run of another output, which is in the catalog"),
        (&report.unnamed, "with a name that no link can have; not looked into"),
    ];
    for (folders, why) in left_out {
        if !folders.is_empty() {
            notice(&format!("left out: {} {why} ({})", folders.len(), named(folders)));
        }
    }
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

fn named(folders: &[String]) -> String {
    let name = |folder: &String| if folder.is_empty() { "./".to_owned() } else { folder.clone() };
    let mut names: Vec<String> = folders.iter().take(MOST_NAMED).map(name).collect();
    if folders.len() > MOST_NAMED {
        names.push("...".to_owned());
    }
    names.join(", ")
}

fn human(report: &CatalogReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("catalog", &report.catalog);
    for collection in &report.collections {
        lines.add(
            "collection",
            format!("{}: {} items, {}", collection.id, collection.items, collection.title),
        );
    }
    lines.add("items", report.items.to_string());
    let unchanged = (report.collections.len() + 1).saturating_sub(report.written);
    lines.add(
        "documents",
        format!("{} written, {unchanged} unchanged, {} deleted", report.written, report.deleted),
    );
    lines
}
