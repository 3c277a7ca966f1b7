//! `arpent model probe`: what the margin of a model is worth, measured on scenes.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_job::{Config, Job, MarginOptions, margins, pool, with_margin};
use arpent_shell::print::{Format, print};

use arpent_cli::ProbeArgs;

use crate::report::{self, MARGINS_SECTION};

/// Runs the command.
///
/// # Errors
/// A package or scenes that cannot be used; no margin that is enough, when it is to be written.
pub(crate) fn main(args: &ProbeArgs, format: Format) -> Result<u8> {
    let is_a_run = args.package.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let mut config = if is_a_run { Config::load(&args.package)? } else { Config::of_model(&args.package)? };
    if !args.scene.is_empty() {
        config.scenes.clone_from(&args.scene);
    }
    let folder = config.model.clone();
    let job = Job::resolve(config, true)?;
    let options = MarginOptions { pixels: args.pixels, disagreement: args.disagreement };
    let report = pool(&job.config)?.install(|| margins(&job, options))?;
    if args.write {
        let mut package = with_margin(&job.model, &report)?;
        package.save(&job.weights, &folder)?;
        write_section(&folder.join("card.md"), &report::margins_section(&report))?;
    }
    print(&report, report::of_margins(&report, args.write).text(), format)?;
    Ok(0)
}

/// Replaces the section of a card, or adds it at the end.
fn write_section(card: &Path, section: &str) -> Result<()> {
    let old = if card.exists() {
        std::fs::read_to_string(card).context(format!("cannot read {}", card.display()))?
    } else {
        String::new()
    };
    std::fs::write(card, with_section(&old, section)).context(format!("cannot write {}", card.display()))
}

fn with_section(card: &str, section: &str) -> String {
    let (before, rest) = card.split_once(MARGINS_SECTION).unwrap_or((card, ""));
    let after = rest.find("\n## ").map_or("", |at| &rest[at + 1..]);
    let gap = if after.is_empty() { "" } else { "\n" };
    format!("{}\n\n{section}{gap}{after}", before.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_card_is_replaced_and_the_others_stay() {
        let once = with_section("# A model\n\nText.\n", "## Margin\n\none\n");
        assert_eq!(once, "# A model\n\nText.\n\n## Margin\n\none\n");
        let more = format!("{once}\n## License\n\nCC0\n");
        let twice = with_section(&more, "## Margin\n\ntwo\n");
        assert_eq!(twice, "# A model\n\nText.\n\n## Margin\n\ntwo\n\n## License\n\nCC0\n");
    }
}
