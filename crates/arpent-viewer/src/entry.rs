//! The page at the address of an output. It reads the manifest and leads to the page of the current attempt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const SCRIPT: &str = include_str!("entry/entry.js");
const STYLE: &str = include_str!("entry/entry.css");

/// What an entry page contains, and no other page: by it an older entry is known.
pub const ENTRY_MARK: &str = "arpent-entry/1";

/// What the page says in one of its states, in English and French.
struct Said {
    state: &'static str,
    texts: [&'static str; 2],
}

/// The state before the script runs, and those that it ends in.
const SAID: [Said; 5] = [
    Said { state: "opening", texts: ["The page of this output opens.", "La page de ce résultat s'ouvre."] },
    Said {
        state: "none",
        texts: [
            "No output is published here, or it may not be read.",
            "Aucun résultat n'est publié ici, ou sa lecture n'est pas autorisée.",
        ],
    },
    Said {
        state: "failed",
        texts: [
            "The manifest of the output could not be read. Try again later.",
            "Le manifeste du résultat n'a pas pu être lu. Réessayez plus tard.",
        ],
    },
    Said {
        state: "file",
        texts: [
            "This page was opened as a file: browsers do not let it read the files beside it. Put the folder on a web host, or run \
             arpent view FOLDER. Without both: open the folder below, and index.html in the folder in it whose name \
             begins with a date.",
            "Cette page a été ouverte comme fichier\u{a0}: les navigateurs ne la laissent pas lire les fichiers voisins. Déposez le \
             dossier sur un hébergement web, ou lancez arpent view DOSSIER. Sinon\u{a0}: ouvrez le dossier ci-dessous, puis \
             index.html dans le sous-dossier dont le nom commence par une date.",
        ],
    },
    Said {
        state: "files",
        texts: ["This output has no page. Its files:", "Ce résultat n'a pas de page. Ses fichiers\u{a0}:"],
    },
];

/// The page, as HTML: the same for every output.
pub fn entry() -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(ENTRY_MARK);
                link rel="icon" href="data:,";
                title { "Arpent" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Arpent" }
                    noscript { (in_both([
                        "Without JavaScript: the folder of the files is attempt in the manifest.",
                        "Sans JavaScript\u{a0}: le dossier des fichiers est attempt dans le manifeste.",
                    ])) }
                    div role="status" {
                        @for (at, said) in SAID.iter().enumerate() {
                            div data-state=(said.state) hidden[at > 0] { (in_both(said.texts)) }
                        }
                    }
                    ul id="files" {}
                    p { a href="manifest.json" { "manifest.json" } " · " a href="./" { "./" } }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn in_both([en, fr]: [&str; 2]) -> Markup {
    html! { p { (en) } p lang="fr" { (fr) } }
}

/// What the page may load and run: its own script and style by their hashes, and requests to its own origin.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_that_of_the_script_and_style_in_the_page() {
        let page = entry();
        let between = |start: &str, end: &str| {
            let (_, rest) = page.split_once(start).unwrap();
            rest.split_once(end).unwrap().0.to_owned()
        };
        let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"");
        for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let hash = STANDARD.encode(Sha256::digest(between(start, end)));
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{start}");
        }
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert!(!policy.contains("http") && page.contains(ENTRY_MARK));
    }

    #[test]
    fn without_a_script_the_manifest_is_a_link_and_one_state_is_shown() {
        let page = entry();
        assert!(page.contains("<a href=\"manifest.json\">") && page.contains("<noscript>"));
        assert_eq!(page.matches("data-state=").count() - page.matches("data-state=\"").count(), 0);
        assert_eq!(page.matches("\" hidden>").count(), SAID.len() - 1);
        assert_eq!(SAID.iter().filter(|said| SCRIPT.contains(&format!("\"{}\"", said.state))).count(), 4);
    }
}
