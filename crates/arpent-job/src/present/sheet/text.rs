//! A text to paste into the form of data.gouv.fr, field by field.

use std::fmt::Write as _;

use super::facts::{Sheet, day, meters};

/// The text, in Markdown.
pub(super) fn text(sheet: &Sheet) -> String {
    let mut text = String::from(
        "# Fiche pour data.gouv.fr\n\nUn titre par champ du formulaire «\u{a0}Publier un jeu de données\u{a0}»\u{a0}; la description accepte le Markdown.\n",
    );
    let mut field = |name: &str, value: &str| {
        let _ = write!(text, "\n## {name}\n\n{value}\n");
    };
    field("Titre", &plain(&sheet.title));
    let mut description = sheet.summary.iter().map(|paragraph| plain(paragraph)).collect::<Vec<_>>();
    description.push(format!(
        "Résolution\u{a0}: {} par pixel. Système de coordonnées\u{a0}: {}.",
        meters(sheet.gsd_m),
        plain(&sheet.crs)
    ));
    description.push(format!("Généalogie\u{a0}: {}", plain(&sheet.lineage)));
    field("Description", &description.join("\n\n"));
    let missing = "À compléter (`organization`, `contact` et `license` de `[publish]`)";
    field("Organisation", &sheet.organization.as_deref().map_or_else(|| missing.to_owned(), plain));
    field("Point de contact", &sheet.contact.as_deref().map_or_else(|| missing.to_owned(), plain));
    let license = sheet.license.as_ref().map(|license| match (license.spdx, &license.url) {
        (Some(spdx), _) if spdx != license.text => format!("{} ({spdx})", plain(&license.text)),
        _ => plain(&license.text),
    });
    field("Licence", license.as_deref().unwrap_or(missing));
    field("Mots-clés", &sheet.keywords.iter().map(|word| tag(word)).collect::<Vec<_>>().join(", "));
    field("Fréquence de mise à jour", "Ponctuelle");
    let period = match &sheet.period {
        Some([first, last]) => format!("Du {} au {}", day(first), day(last)),
        None => "Inconnue\u{a0}: les images n'ont pas de date".to_owned(),
    };
    field("Couverture temporelle", &period);
    let [west, south, east, north] = sheet.bbox;
    field(
        "Couverture spatiale",
        &format!("Ouest {west:.6}, sud {south:.6}, est {east:.6}, nord {north:.6} (WGS 84, degrés)"),
    );
    let mut files = String::from("| Fichier | Format | Contenu |\n|---|---|---|");
    for file in &sheet.files {
        let _ = write!(files, "\n| {} | {} | {} |", file.name, file.format.0, file.what);
    }
    field("Fichiers", &files);
    text
}

/// A text whose characters mean themselves in Markdown, in one line.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

/// A keyword as data.gouv.fr writes it: small letters, with hyphens.
fn tag(word: &str) -> String {
    let without = |c: char| match c {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'â' => 'a',
        'î' | 'ï' => 'i',
        'ô' => 'o',
        'û' | 'ù' => 'u',
        'ç' => 'c',
        c if c.is_alphanumeric() => c,
        _ => '-',
    };
    word.to_lowercase().chars().map(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_no_markup_and_keywords_are_tags() {
        assert_eq!(plain("a_b\n# <c> [d](e)"), "a\\_b \\# \\<c\\> \\[d\\](e)");
        assert_eq!(tag("Détection de changements"), "detection-de-changements");
    }
}
