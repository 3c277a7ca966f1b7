//! The frame of a report: one file in English and French, that loads nothing and has no script.
//!
//! Both languages are in the file; a reader chooses by a radio button, which hides the other one by its style. Without
//! styles both are there, one after the other.

use arpent_base::{Language, Result};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::parts::Section;
use super::pictures::Pictures;
use super::words::Words;

/// A report in one language.
pub(crate) struct Article {
    /// What kind of report it is.
    pub(crate) kind: String,
    /// Its title.
    pub(crate) title: String,
    /// Below the title.
    pub(crate) subtitle: Markup,
    /// Before the first section: what it is, and the figures that matter most.
    pub(crate) summary: Markup,
    /// The sections.
    pub(crate) sections: Vec<Section>,
}

/// The page of a report, whose first language is given.
///
/// # Errors
/// Those of `article`.
pub(crate) fn page(
    first: Language,
    pictures: &Pictures,
    article: &dyn Fn(Words) -> Result<Article>,
) -> Result<String> {
    let second = if first == Language::En { Language::Fr } else { Language::En };
    let languages = [Words(first), Words(second)];
    let [of_first, of_second] = [article(languages[0])?, article(languages[1])?];
    let title = format!("{} – {}", of_first.title, of_first.kind);
    let page = html! {
        (DOCTYPE)
        html lang=(languages[0].code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                meta name="generator" content={ "arpent " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header.languages { (choice(languages)) }
                main {
                    (shown(languages[0], &of_first))
                    (shown(languages[1], &of_second))
                }
                (pictures.store())
            }
        }
    };
    Ok(page.into_string())
}

fn choice(languages: [Words; 2]) -> Markup {
    html! {
        fieldset {
            legend { span lang="fr" { "Langue" } " / " span lang="en" { "Language" } }
            @for (number, words) in languages.into_iter().enumerate() {
                label lang=(words.code()) {
                    input type="radio" name="language" id={ "language-" (words.code()) } value=(words.code()) checked[number == 0];
                    (words.say("English", "Français"))
                }
            }
        }
    }
}

fn shown(words: Words, article: &Article) -> Markup {
    let code = words.code();
    let id = |section: &Section| format!("{}-{code}", section.id);
    html! {
        article class=(code) lang=(code) {
            div.head {
                p.kind { (article.kind) }
                h1 { (article.title) }
                p.subtitle { (article.subtitle) }
            }
            (article.summary)
            nav aria-label=(words.say("Contents", "Sommaire")) { ul { @for section in &article.sections {
                li { a href={ "#" (id(section)) } { (section.heading) } }
            } } }
            @for section in &article.sections {
                section id=(id(section)) aria-labelledby={ (id(section)) "-heading" } {
                    h2 id={ (id(section)) "-heading" } { (section.heading) }
                    (section.body)
                }
            }
            p.foot { (words.say(
                "This page is one file, loads nothing and has no script. Print it, or save it as PDF, in the language that is shown.",
                "Cette page tient en un seul fichier, ne charge rien et n'a pas de script. On peut l'imprimer, ou l'enregistrer en PDF, dans la langue affichée.",
            )) }
        }
    }
}
