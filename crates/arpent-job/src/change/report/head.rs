//! What was compared, how the dates lie on each other, and what shows where nothing changed.

use arpent_change::register::CellState;
use maud::{Markup, html};

use super::data::Report;
use super::parts::control;
use crate::config::ImageMethod;
use crate::report::{NONE, Section, Words, area, decided_notice, facts, field, proposal};

/// The figures at the top.
pub(super) fn summary(report: &Report<'_>, words: Words) -> Markup {
    let tile = |name: String, value: Markup| html! { li { span.name { (name) } span.value { (value) } } };
    html! {
        @match &report.material.manifest.counts.decided {
            Some(of) => (decided_notice(of, true, words)),
            None => (proposal(words, [
                "All events are proposals that no person has verified.",
                "Tous les événements sont des propositions qu'aucune personne n'a vérifiées.",
            ])),
        }
        ul.tiles {
            (tile(words.say("Changed area", "Surface changée"), area(words, report.changed_m2())))
            (tile(words.say("Control: false change kept", "Contrôle : faux changements retenus"), html! {
                @if let Some(of_nothing) = report.control() {
                    (words.area(of_nothing.kept_m2_per_km2)) "\u{202f}m²/km²"
                } @else { (words.say("not known", "inconnu")) }
            }))
            (tile(words.say("Events", "Événements"), html! { (words.integer(report.events())) }))
            (tile(words.say("Observed at both dates", "Observé aux deux dates"), html! {
                (report.shares().map_or_else(|| NONE.to_owned(), |[both, ..]| words.percent(both)))
            }))
        }
        (control(report, words))
    }
}

/// Inputs, dates, grid, observed share.
pub(super) fn compared(report: &Report<'_>, words: Words) -> Section {
    let of = &report.facts;
    let what = match (of.maps, &of.images) {
        (true, Some(_)) => words.say("maps and images of both dates", "cartes et images des deux dates"),
        (true, None) => words.say("maps of both dates, without images", "cartes des deux dates, sans images"),
        _ => words.say(
            "images of both dates, without maps: where something changed, not what became what",
            "images des deux dates, sans cartes : où quelque chose a changé, et non ce qui est devenu quoi",
        ),
    };
    let shares = report.shares().map(|shares| {
        let names = [
            words.say("both dates", "deux dates"),
            words.say("earlier date only", "première date seulement"),
            words.say("later date only", "seconde date seulement"),
            words.say("neither", "aucune"),
        ];
        let parts = names.iter().zip(shares).map(|(name, share)| format!("{name} {}", words.percent(share)));
        parts.collect::<Vec<_>>().join(" · ")
    });
    let mut all = vec![
        (words.say("Compared", "Comparé"), html! { (what) }),
        (words.say("Earlier date", "Première date"), html! { (words.date(&of.dates[0])) }),
        (words.say("Later date", "Seconde date"), html! { (words.date(&of.dates[1])) }),
        (
            words.say("Grid", "Grille"),
            html! { (report.overview.as_ref().map_or_else(|| NONE.to_owned(), |map| map.grid(words))) },
        ),
        (
            words.say("Extent", "Emprise"),
            html! { (report.overview.as_ref().map_or_else(|| NONE.to_owned(), |map| map.extent(words))) },
        ),
        (words.say("Observed", "Observé"), html! { (shares.unwrap_or_else(|| NONE.to_owned())) }),
        (
            words.say("Observed area", "Surface observée"),
            html! { @match of.observed {
                Some(observed) => (area(words, observed.both_m2)),
                None => (NONE),
            } },
        ),
    ];
    if let Some(images) = &of.images {
        let method = match images.method {
            ImageMethod::Irmad => {
                words.say("multivariate alteration detection (IR-MAD)", "détection multivariée (IR-MAD)")
            }
            ImageMethod::Cva => words.say("change-vector analysis", "analyse des vecteurs de changement"),
        };
        all.push((
            words.say("Images", "Images"),
            html! { (method) ", " (words.say("bands", "bandes")) " " (images.bands.join(", ")) "; "
                (words.percent(images.share_above)) " " (words.say("of pixels above the threshold", "des pixels au-dessus du seuil")) },
        ));
    }
    let body = html! {
        (facts(&all))
        div.wide role="region" tabindex="0" aria-label=(words.say("Inputs", "Entrées")) { table {
            caption { (words.say("Inputs", "Entrées")) }
            thead { tr {
                th scope="col" { (words.say("Date", "Date")) }
                th scope="col" { (words.say("Name", "Nom")) }
                th scope="col" { (words.say("Acquired", "Acquis")) }
            } }
            tbody { @for input in &report.material.manifest.inputs { tr {
                td { (match input.date.as_deref() {
                    Some("before") => words.say("earlier", "première"),
                    Some("after") => words.say("later", "seconde"),
                    _ => NONE.to_owned(),
                }) }
                th scope="row" { (input.id) }
                td { (input.acquired.as_deref().map_or_else(|| NONE.to_owned(), |date| words.date(date))) }
            } } }
        } }
    };
    Section { id: "compared", heading: words.say("What was compared", "Ce qui a été comparé"), body }
}

/// The shift between the images.
pub(super) fn registration(report: &Report<'_>, words: Words) -> Section {
    let rules = report.facts.rules;
    let assumed = report.assumed_px();
    let is_off = report.material.configured(&["registration", "mode"]).is_some_and(|mode| mode == "off");
    let px = |value: f64| format!("{}\u{202f}px", words.number(value, 2));
    let body = html! {
        @if let Some(of) = &report.facts.registration {
            @let summary = of.summary;
            (facts(&[
                (words.say("Median shift", "Décalage médian"), html! { (px(summary.median_length)) " ("
                    (words.say("east ", "est ")) (px(summary.median_dx)) ", " (words.say("south ", "sud ")) (px(summary.median_dy)) ")" }),
                (words.say("Spread around it", "Dispersion autour"), html! { (px(summary.residual_mad)) ", "
                    (words.say("90 % of cells within ", "90\u{202f}% des cellules à moins de ")) (px(summary.residual_q90)) }),
                (words.say("Good cells", "Bonnes cellules"), html! { (words.integer(summary.good as u64)) " "
                    (words.say("of", "sur")) " " (words.integer(summary.cells as u64)) }),
                (words.say("Cells", "Cellules"), html! { (words.integer(of.cell_px as u64)) "\u{202f}px, "
                    (words.say("band", "bande")) " " (of.band) }),
            ]))
            @if let Some(correction) = &of.correction {
                p { (words.say(
                    "The later date was moved before it was compared. Corrected shift: ",
                    "La date la plus récente a été recalée avant la comparaison. Décalage corrigé : ",
                )) (words.say("east ", "est ")) (px(correction.shift_px[0])) ", "
                    (words.say("south ", "sud ")) (px(correction.shift_px[1])) " ("
                    (words.integer(correction.cells as u64)) " " (words.say("cells", "cellules")) "). "
                    (words.say("The figures above are what is left.", "Les chiffres ci-dessus sont ce qui reste.")) }
            }
            (map(&report.cells, words))
        } @else if report.facts.images.is_none() {
            p { (words.say(
                "Not measured: there are no images of both dates.",
                "Non mesuré : il n'y a pas d'images des deux dates.",
            )) " " (is_assumed(assumed, words)) }
        } @else if is_off {
            p { (words.say("Not measured: it is switched off.", "Non mesuré : la mesure est désactivée.")) " "
                (is_assumed(assumed, words)) }
        } @else {
            p { (words.say(
                "Not measurable: fewer than 20 cells show a shift.",
                "Non mesurable : moins de 20 cellules montrent un décalage.",
            )) " " (is_assumed(assumed, words)) }
        }
        p { (words.say(
            "A change is kept only if it is wider than ",
            "Un changement n'est retenu que s'il est plus large que ",
        )) (px(rules.width_px)) (words.say(
            ": twice what the shift explains.",
            " : le double de ce que le décalage explique.",
        )) }
    };
    Section {
        id: "registration",
        heading: words.say("Shift between the dates", "Décalage entre les dates"),
        body,
    }
}

fn is_assumed(px: f64, words: Words) -> String {
    let px = words.number(px, 2);
    words.say(
        &format!("A shift of {px}\u{202f}px is assumed."),
        &format!("Un décalage de {px}\u{202f}px est supposé."),
    )
}

fn map(cells: &[arpent_change::register::Cell], words: Words) -> Markup {
    let label = words.say(
        "Map of the shift: an arrow for each good cell, a dot for the others",
        "Carte du décalage : une flèche par bonne cellule, un point pour les autres",
    );
    let bad = cells.iter().filter(|cell| cell.state != CellState::Good).count() as u64;
    html! {
        @if let Some((svg, longest)) = field(words, &label, cells) {
            figure {
                (svg)
                figcaption {
                    (label) ". " (words.say("The longest arrow is ", "La plus longue flèche vaut "))
                    (words.number(longest, 2)) "\u{202f}px; "
                    (words.say("cells without a reliable shift: ", "cellules sans décalage fiable : ")) (words.integer(bad)) ". "
                    (words.say("All cells are in ", "Toutes les cellules sont dans ")) code { "shift.csv" } "."
                }
            }
        }
    }
}

/// What the pair shows where nothing changed.
pub(super) fn nothing_changed(report: &Report<'_>, words: Words) -> Section {
    let body = html! {
        p.prose { (words.say(
            "The earlier map was compared with itself, shifted by what was measured (or assumed) between the dates. All of that is false change. \
             The control covers the shift alone: errors of the maps and seasons are not in it.",
            "La première carte a été comparée à elle-même, décalée de ce qui a été mesuré (ou supposé) entre les dates. Tout ce qui y apparaît est un faux \
             changement. Le contrôle ne porte que sur le décalage : les erreurs des cartes et les saisons n'y sont pas.",
        )) }
        @if !report.facts.maps {
            p.absent { (words.say(
                "Images alone have no classes at the earlier date, so there is no control.",
                "Des images seules n'ont pas de classes à la première date : il n'y a pas de contrôle.",
            )) }
        } @else if let Some((of, figures)) = report.control().and_then(|of| Some((of, of.of_pixels.as_ref()?))) {
            (facts(&[
                (words.say("Shift", "Décalage"), html! { (of.shift_px[0]) " × " (of.shift_px[1]) " px" }),
                (words.say("Pixels that differ", "Pixels qui diffèrent"), html! { (words.percent(figures.changed_share)) " "
                    (words.say("of the area, before the rules", "de la surface, avant les règles")) }),
                (words.say("Kept by the rules", "Retenu par les règles"), html! {
                    data value=(of.kept_m2_per_km2) { (words.area(of.kept_m2_per_km2)) } (words.say("\u{202f}m² per km², ", "\u{202f}m² par km², "))
                    (words.number(of.kept_areas_per_km2, 2)) (words.say(" areas per km²", " zones par km²")) }),
            ]))
        } @else {
            p.absent { (words.say(
                "The shift is less than a pixel can show, or nothing was observed twice: there is no control.",
                "Le décalage est plus petit que ce qu'un pixel peut montrer, ou rien n'a été observé deux fois : il n'y a pas de contrôle.",
            )) }
        }
        @if let Some(stable) = &report.facts.stable {
            p { (words.say("On ground known not to have changed (", "Sur les terrains réputés inchangés ("))
                (area(words, stable.observed_m2)) (words.say("), the classes of ", "), les classes de "))
                (area(words, stable.differ_m2)) (words.say(" differ, and ", " diffèrent, et "))
                (area(words, stable.kept_m2)) (words.say(" are in events: all of it is false change.", " sont dans des événements : ce sont de faux changements.")) }
        }
    };
    Section { id: "control", heading: words.say("Where nothing changed", "Là où rien n'a changé"), body }
}
