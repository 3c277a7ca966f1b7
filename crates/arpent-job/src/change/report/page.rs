//! The pages, section by section.

use std::path::Path;

use arpent_base::{DoingWhat as _, Language, Result};
use arpent_publish::{ROLE_REPORT, StagedArtifact};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::Report;
use super::parts::Section;
use super::words::Words;
use super::{figures, head, reading, shown};

impl Report<'_> {
    /// Writes both pages to the folder with the tables.
    pub(crate) fn write(&self, folder: &Path) -> Result<Vec<StagedArtifact>> {
        [Language::En, Language::Fr]
            .into_iter()
            .map(|language| self.write_one(Words(language), folder))
            .collect()
    }

    fn write_one(&self, words: Words, folder: &Path) -> Result<StagedArtifact> {
        let mut sections = vec![
            head::compared(self, words),
            head::registration(self, words),
            head::nothing_changed(self, words),
            figures::kinds(self, words),
            figures::flows(self, words, folder)?,
            figures::balance(self, words, folder)?,
        ];
        sections.extend(figures::soils(self, words, folder)?);
        sections.extend([
            shown::section(self, words),
            figures::left_out(self, words),
            reading::limits(self, words),
            reading::contest(self, words),
            reading::provenance(self, words),
        ]);
        let path = folder.join(words.file());
        std::fs::write(&path, page(self, words, &sections).into_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(StagedArtifact::new(&path, ROLE_REPORT)?)
    }
}

fn page(report: &Report<'_>, words: Words, sections: &[Section]) -> Markup {
    let [before, after] = [0, 1].map(|date: usize| words.date(&report.inputs.dates[date]));
    let kind = words.say("Change report", "Rapport de changement");
    let (other, name) = match words.0 {
        Language::En => (Words(Language::Fr), "Français"),
        Language::Fr => (Words(Language::En), "English"),
    };
    html! {
        (DOCTYPE)
        html lang=(words.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                title { (kind) " – " (before) " → " (after) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.kind { (kind) " · " a href=(other.file()) hreflang=(other.code()) lang=(other.code()) { (name) } }
                    h1 { (before) " → " (after) }
                    p.subtitle { code { (report.run_id) } }
                }
                nav aria-label=(words.say("Contents", "Sommaire")) { ul { @for section in sections {
                    li { a href={ "#" (section.id) } { (section.heading) } }
                } } }
                main {
                    (head::summary(report, words))
                    @for section in sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                            h2 id={ (section.id) "-heading" } { (section.heading) }
                            (section.body)
                        }
                    }
                }
                footer { p { (words.say(
                    "This page loads nothing but the pictures beside it and has no script.",
                    "Cette page ne charge que les images placées à côté d'elle et n'a pas de script.",
                )) } }
            }
        }
    }
}
