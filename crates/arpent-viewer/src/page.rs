//! The page.

use arpent_base::Language;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::error::FactsError;
use crate::facts::{Facts, Kind, Warning};

/// Name of the page in an output: hosts send it for the address of its folder.
pub const PAGE_NAME: &str = "index.html";

/// Built by `scripts/viewer.sh`.
const SCRIPT: &str = include_str!("../dist/viewer.js");
const STYLE: &str = include_str!("../dist/viewer.css");
/// Licenses of the libraries in the script: the page contains them, so it carries their notices.
const LICENSES: &str = include_str!("../dist/LICENSES.txt");

/// What a page has that a review is done with: the name of its element `meta`.
const REVIEW: &str = "arpent-review";

/// The page of an output, as HTML.
///
/// # Errors
/// [`FactsError`], for facts that no page can be made of.
pub fn page(facts: &Facts) -> Result<String, FactsError> {
    rendered(facts, false)
}

/// The page that a review is done with, from the published one: the same facts and the program of this version, which
/// the host of the review speaks with.
///
/// # Errors
/// [`FactsError::Unreadable`]
pub fn review_page(published: &str) -> Result<String, FactsError> {
    let unreadable = |message: String| FactsError::Unreadable { message };
    let json = published.split_once(FACTS).and_then(|(_, rest)| rest.split_once("</script>"));
    let (json, _) = json.ok_or_else(|| unreadable("it is no page of an output".to_owned()))?;
    let facts = serde_json::from_str(json).map_err(|error| unreadable(error.to_string()))?;
    rendered(&facts, true)
}

/// The start of the facts in a page.
const FACTS: &str = "<script id=\"facts\" type=\"application/json\">";

fn rendered(facts: &Facts, in_review: bool) -> Result<String, FactsError> {
    facts.check()?;
    let say = Words(facts.language);
    let kind = say.of(match facts.kind {
        Kind::Map => ["Map", "Carte"],
        Kind::Change => ["Change map", "Carte des changements"],
        Kind::Zonal => ["Zonal statistics", "Statistiques par zone"],
    });
    let page = html! {
        (DOCTYPE)
        html lang=(say.code()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(facts.software);
                @if in_review { meta name=(REVIEW) content="1"; }
                link rel="icon" href="data:,";
                title { (facts.title) " – " (kind) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                noscript { (without_script(facts, say)) }
                template id="licenses" { pre { (LICENSES) } }
                script id="facts" type="application/json" { (PreEscaped(json(facts))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// What the page may load and run: its own script and style by their hashes, requests to its own origin, the map's worker
/// from the script. Nothing else, and from nowhere else.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src 'self' blob: data:; worker-src blob:; \
         base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// The facts as JSON that no HTML parser ends early: `<` occurs in texts only, where its escape means the same.
fn json(facts: &Facts) -> String {
    serde_json::to_string(facts).expect("facts have texts for keys").replace('<', "\\u003c")
}

/// The texts of the page without scripts.
#[derive(Debug, Clone, Copy)]
struct Words(Language);

impl Words {
    fn code(self) -> &'static str {
        match self.0 {
            Language::En => "en",
            Language::Fr => "fr",
        }
    }

    /// Of the English and the French text.
    fn of(self, [en, fr]: [&'static str; 2]) -> &'static str {
        match self.0 {
            Language::En => en,
            Language::Fr => fr,
        }
    }
}

/// What a reader without scripts sees: what the output is, its classes, its warnings, and its files.
fn without_script(facts: &Facts, say: Words) -> Markup {
    html! {
        main class="panel about" {
            h1 { (facts.title) }
            p { strong { (say.of(if facts.states.is_empty() { [
                "Not verified: a proposal of a model. A named person decides.",
                "Non vérifié\u{a0}: proposition d'un modèle. Une personne nommée décide.",
            ] } else { [
                "Reviewed by named persons. The state of each feature says what is decided and what is still a proposal.",
                "Relu par des personnes nommées. L'état de chaque objet dit ce qui est décidé et ce qui reste une proposition.",
            ] })) } }
            p { (say.of([
                "The map and the table need JavaScript. The files below have the same information.",
                "La carte et le tableau ont besoin de JavaScript. Les fichiers ci-dessous contiennent les mêmes informations.",
            ])) }
            dl.facts.wide {
                @for (name, value) in pairs(facts, say) { dt { (name) } dd { (value) } }
            }
            (counts(facts, say))
            (warnings(&facts.warnings, say))
            h2 { (say.of(["Files", "Fichiers"])) }
            ul { @for file in &facts.files {
                li { a href=(file.href) { (file.href) } " (" (file.role) ", " (file.size) " " (say.of(["bytes", "octets"])) ")" }
            } }
        }
    }
}

fn pairs(facts: &Facts, say: Words) -> Vec<(&'static str, String)> {
    let model = facts.model.as_ref().map(|model| format!("{} {}", model.id, model.version));
    let dates: Vec<&str> = facts.before.iter().chain(&facts.after).map(String::as_str).collect();
    let some = [
        (["Dates", "Dates"], (!dates.is_empty()).then(|| dates.join(" – "))),
        (["Model", "Modèle"], model),
        (["License", "Licence"], facts.license.clone()),
        (["Attribution", "Mentions"], facts.attribution.clone()),
        (["Run", "Traitement"], Some(facts.run_id.clone())),
        (["Software", "Logiciel"], Some(facts.software.clone())),
    ];
    some.into_iter().filter_map(|(name, value)| Some((say.of(name), value?))).collect()
}

fn counts(facts: &Facts, say: Words) -> Markup {
    html! {
        @let legend: Vec<_> = facts.classes.iter().filter(|class| class.legend).collect();
        @if !legend.is_empty() {
            h2 { (say.of(["Classes", "Classes"])) }
            ul { @for class in legend {
                li { (class.name.of(say.0)) @if let Some(count) = class.features { ": " (count) } }
            } }
        }
        @if !facts.states.is_empty() {
            h2 { (say.of(["States of review", "États de validation"])) }
            ul { @for state in &facts.states { li { (state.title.of(say.0)) ": " (state.features) } } }
        }
        @if !facts.kinds.is_empty() {
            h2 { (say.of(["Events", "Événements"])) }
            ul { @for kind in &facts.kinds { li { (kind.name) ": " (kind.features) } } }
        }
    }
}

fn warnings(warnings: &[Warning], say: Words) -> Markup {
    html! {
        @if !warnings.is_empty() {
            h2 { (say.of(["Warnings", "Avertissements"])) }
            ul { @for warning in warnings {
                li {
                    strong { (warning.subject) } " " (warning.message)
                    @if let Some(hint) = &warning.hint { " " em { (hint) } }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use arpent_raster::Color;

    use super::*;
    use crate::facts::{ClassFact, File, KindFact, Lattice, Pictures, StateFact, Texts};

    const HOSTILE: &str = "\"'><script>alert(1)</script><!-- & \u{2028} 🌳 ]]>";

    fn file(href: &str) -> File {
        let (role, media_type) = ("features".to_owned(), "application/vnd.pmtiles".to_owned());
        File { href: href.to_owned(), role, media_type, size: 12 }
    }

    fn facts() -> Facts {
        let bbox = [2.0, 48.0, 2.1, 48.1];
        Facts { extent: bbox, places: Lattice::of_degrees(bbox), ..Facts::default() }
    }

    /// The parts of the page between a start and an end, each once from its start.
    fn between<'p>(page: &'p str, start: &str, end: &str) -> Vec<&'p str> {
        page.split(start).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
    }

    #[test]
    fn names_are_text_wherever_they_stand() {
        let hostile = HOSTILE.to_owned();
        let texts = Texts { en: hostile.clone(), fr: hostile.clone() };
        let class = ClassFact {
            id: 1,
            name: texts,
            code: None,
            color: Color([0; 3]),
            features: Some(2),
            legend: true,
        };
        let warning = Warning {
            code: hostile.clone(),
            subject: hostile.clone(),
            message: hostile.clone(),
            hint: Some(hostile.clone()),
        };
        let facts = Facts {
            title: hostile.clone(),
            run_id: hostile.clone(),
            software: hostile.clone(),
            license: Some(hostile.clone()),
            attribution: Some(hostile.clone()),
            classes: vec![class],
            kinds: vec![KindFact { name: hostile.clone(), features: 1 }],
            states: vec![StateFact {
                name: hostile.clone(),
                title: Texts { en: hostile.clone(), fr: hostile.clone() },
                color: arpent_raster::Color([1, 2, 3]),
                features: 1,
            }],
            warnings: vec![warning],
            ..facts()
        };
        let page = page(&facts).unwrap();
        assert!(!page.contains("<script>alert"), "a name became markup");
        // The page's own two scripts and no more, and no comment.
        assert_eq!(page.matches("<script").count() - SCRIPT.matches("<script").count(), 2);
        assert!(!page.replace(SCRIPT, "").contains("<!--"));
        let json = between(&page, "type=\"application/json\">", "</script>")[0];
        assert_eq!(serde_json::from_str::<Facts>(json).unwrap(), facts);
        let noscript = between(&page, "<noscript>", "</noscript>")[0];
        assert_eq!(noscript.matches("&lt;script&gt;alert(1)").count(), 11);
        assert!(noscript.contains("🌳"));
    }

    #[test]
    fn the_policy_is_that_of_the_script_and_style_in_the_page() {
        let page = page(&facts()).unwrap();
        let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"")[0];
        for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let text = between(&page, start, end)[0];
            let hash = STANDARD.encode(Sha256::digest(text));
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{start}");
        }
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("connect-src 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
    }

    /// A parser would end the element early, or change what is hashed.
    #[test]
    fn what_was_built_can_stand_in_a_page() {
        for (text, end) in [(SCRIPT, "</script"), (STYLE, "</style")] {
            assert!(!text.to_ascii_lowercase().contains(end), "{end}");
            assert!(!text.contains(['\r', '\0', '\u{feff}']));
        }
        assert!(!SCRIPT.contains("<!--"), "the rest of the page would be a comment of the script");
        for library in ["maplibre-gl 6.", "pmtiles 4.", "hyparquet 1.", "fzstd 0."] {
            assert!(LICENSES.contains(library), "{library}");
        }
    }

    #[test]
    fn links_lead_to_files_beside_the_page() {
        for href in ["javascript:alert(1)", "../manifest.json", "//elsewhere/x", "a b", "", ".hidden", "a/b"]
        {
            let bad = Err(FactsError::Href { href: href.to_owned() });
            assert_eq!(page(&Facts { files: vec![file(href)], ..facts() }), bad);
            assert_eq!(page(&Facts { tiles: Some(file(href)), ..facts() }), bad);
            let pictures =
                Pictures { id: "a".to_owned(), before: "a.webp".to_owned(), after: href.to_owned() };
            assert_eq!(page(&Facts { pictures: vec![pictures], ..facts() }), bad);
        }
        let named = page(&Facts { files: vec![file("features.pmtiles")], ..facts() }).unwrap();
        assert!(named.contains("<a href=\"features.pmtiles\">"));
    }

    #[test]
    fn places_are_on_the_globe() {
        let extent = [2.0, 48.0, 2.1, f64::NAN];
        assert!(matches!(page(&Facts { extent, ..facts() }), Err(FactsError::Extent { .. })));
        assert!(page(&Facts { extent: [179.0, -17.0, 181.0, -16.0], ..facts() }).is_ok());
        for places in [
            Lattice { columns: 3, ..facts().places },
            Lattice { points: vec![[f64::INFINITY, 0.0]; 4], ..facts().places },
            Lattice::of_degrees([2.0, 48.0, 2.0, 48.1]),
        ] {
            assert!(matches!(page(&Facts { places, ..facts() }), Err(FactsError::Lattice { .. })));
        }
    }

    #[test]
    fn the_page_of_a_review_has_the_same_facts_and_a_mark() {
        let facts = Facts { title: HOSTILE.to_owned(), ..facts() };
        let published = page(&facts).unwrap();
        let review = review_page(&published).unwrap();
        let mark = "<meta name=\"arpent-review\" content=\"1\">";
        assert!(review.contains(mark) && !published.contains("arpent-review\" content"));
        assert_eq!(review.replace(mark, ""), published);
        for other in [
            "",
            "<html>",
            &published.replace("\"facts\"", "\"f\""),
            &published.replace("\"extent\":", "\"e\":"),
        ] {
            assert!(matches!(review_page(other), Err(FactsError::Unreadable { .. })));
        }
    }

    #[test]
    fn a_page_without_scripts_is_in_its_language() {
        let page = page(&Facts { language: Language::Fr, kind: Kind::Change, ..facts() }).unwrap();
        assert!(page.contains("<html lang=\"fr\">") && page.contains("Carte des changements"));
        assert!(between(&page, "<noscript>", "</noscript>")[0].contains("Non vérifié"));
    }
}
