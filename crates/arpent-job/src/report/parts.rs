//! Parts that the sections of all reports share.

use arpent_gdal::file_name;
use arpent_publish::Warning;
use arpent_raster::Nomenclature;
use maud::{Markup, html};

use super::words::{NONE, Words};

/// A part of the page with an entry in its contents.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) heading: String,
    pub(crate) body: Markup,
}

/// An area of a table, by its text in the file: the exact value for programs, few digits for readers.
pub(crate) fn cell(words: Words, text: &str) -> Markup {
    if let Ok(m2) = text.parse::<f64>() {
        html! { data value=(text) { (words.area(m2)) } }
    } else {
        html! { (NONE) }
    }
}

/// An area with its unit.
pub(crate) fn area(words: Words, m2: f64) -> Markup {
    html! { data value=(m2) { (words.area(m2)) } "\u{202f}m²" }
}

/// A class with its color.
pub(crate) fn class(words: Words, classes: &Nomenclature, id: u8) -> Markup {
    let color = classes.by_id(id).map(|class| class.color);
    html! {
        @if let Some(color) = color { span.swatch style={ "background:" (color) } aria-hidden="true" {} }
        (words.class(classes, id))
    }
}

/// Facts with their names.
pub(crate) fn facts(facts: &[(String, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } } }
}

/// A table that may be wider than the page, with a caption.
pub(crate) fn table(caption: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        div.wide role="region" tabindex="0" aria-label=(caption) {
            table.numbers { caption { (caption) } thead { (head) } tbody { (body) } }
        }
    }
}

/// A notice: the first sentence of a report, which says what it is.
pub(crate) fn proposal(words: Words, [en, fr]: [&str; 2]) -> Markup {
    html! { p.notice.refused { strong { (words.say(en, fr)) } } }
}

/// Warnings, which are English, without the folders of files.
pub(crate) fn warnings(words: Words, warnings: &[Warning]) -> Markup {
    html! {
        @if warnings.is_empty() {
            p { (words.say("No warning.", "Aucun avertissement.")) }
        } @else {
            ul lang="en" { @for warning in warnings.iter().map(shown) { li {
                (warning.subject) ": " (warning.message) "."
                @if let Some(hint) = &warning.hint { " " span.note { "hint: " (hint) } }
            } } }
        }
    }
}

/// A warning that names files without their folders: where they lay on the machine that made the map is no matter for the
/// public, and differs between a run and its workers.
pub(crate) fn shown(warning: &Warning) -> Warning {
    Warning {
        code: warning.code.clone(),
        subject: without_folders(&warning.subject),
        message: without_folders(&warning.message),
        hint: warning.hint.as_deref().map(without_folders),
    }
}

/// A text whose paths and addresses of files are their last parts.
pub(crate) fn without_folders(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "`'\"(),".contains(c);
    let short = |piece: &str| {
        let word = piece.trim_end_matches(|c| is_end(c) || ".:;".contains(c));
        let name = file_name(word);
        // A file has an ending: `live/dead` is no path.
        let is_file = word.contains('/') && (word.starts_with('/') || name.contains('.'));
        if is_file { format!("{name}{}", &piece[word.len()..]) } else { piece.to_owned() }
    };
    text.split_inclusive(is_end).map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn warnings_name_files_without_their_folders() {
        let given = arpent_publish::Warning {
            code: "nothing-masked".to_owned(),
            subject: "/home/alice/masks/clouds.gpkg".to_owned(),
            message: "masks/clouds.gpkg: hides nothing of live/dead trees, s3://bucket/a.tif does".to_owned(),
            hint: Some("try `ogrinfo /home/alice/masks/clouds.gpkg`, or 3 m/px.".to_owned()),
        };
        let shown = shown(&given);
        assert_eq!(shown.subject, "clouds.gpkg");
        assert_eq!(shown.message, "clouds.gpkg: hides nothing of live/dead trees, a.tif does");
        assert_eq!(shown.hint.as_deref(), Some("try `ogrinfo clouds.gpkg`, or 3 m/px."));
    }
}
