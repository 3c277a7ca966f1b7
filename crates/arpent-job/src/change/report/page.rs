//! The page, section by section.

use arpent_base::Result;
use maud::html;

use super::data::Report;
use super::{figures, head, reading, shown};
use crate::report::{Article, Material, Pictures, Words, computation, decided_section, page};

/// The report of a comparison as HTML.
///
/// # Errors
/// When a file of the output cannot be read.
pub(crate) fn of_change(material: &Material<'_>) -> Result<String> {
    let mut pictures = Pictures::default();
    let report = Report::read(material, &mut pictures)?;
    let article = |words: Words| {
        let [before, after] = [0, 1].map(|date: usize| words.date(&report.facts.dates[date]));
        let mut sections = vec![head::compared(&report, words)];
        let decided = material.manifest.counts.decided.as_ref();
        sections.extend(decided.map(|of| decided_section(of, true, words)));
        sections.extend([
            head::registration(&report, words),
            head::nothing_changed(&report, words),
            figures::kinds(&report, words),
        ]);
        if decided.is_none() {
            // They follow from the pixels of both dates, which a decided version does not have.
            sections.extend([figures::flows(&report, words)?, figures::balance(&report, words)?]);
            sections.extend(figures::soils(&report, words)?);
        }
        sections.extend([
            shown::section(&report, words),
            figures::left_out(&report, words),
            reading::limits(&report, words),
            reading::contest(&report, words),
            reading::provenance(&report, words),
            computation(material, words),
        ]);
        Ok(Article {
            kind: if decided.is_some() {
                words.say("Report of decided changes", "Rapport de changements décidés")
            } else {
                words.say("Change report", "Rapport de changement")
            },
            title: material.imprint.title.clone().unwrap_or_else(|| format!("{before} → {after}")),
            subtitle: html! { (before) " → " (after) " · " code { (material.manifest.run_id) } },
            summary: head::summary(&report, words),
            sections,
        })
    };
    page(material.language, &pictures, &article)
}
