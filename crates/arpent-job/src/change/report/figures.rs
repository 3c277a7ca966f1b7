//! Tables of areas: kinds of events, flows, stocks, artificial soils.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::Result;
use arpent_change::balance::{Layers, balance_columns};
use arpent_change::events::EventKind;
use maud::{Markup, html};

use super::data::Report;
use super::parts::control;
use super::tables::{self, FlowRow, Rows, SoilRow, StockRow, ZONES};
use crate::report::{Bar, NONE, Section, Words, area, bars, cell, class, table, warnings};

/// Classes of a matrix at most; of more, the largest flows are listed.
const CLASSES: usize = 24;
/// Flows of that list at most.
const FLOWS: usize = 100;

/// Columns of the table of artificial soils.
const SOILS: [&str; 10] = [
    "observed_m2",
    "artif_old_m2",
    "artif_new_m2",
    "flux_artif",
    "flux_desartif",
    "flux_artif_net",
    "sealed_old_m2",
    "sealed_new_m2",
    "undecided_old_m2",
    "undecided_new_m2",
];

/// Events by kind.
pub(super) fn kinds(report: &Report<'_>, words: Words) -> Section {
    let count = |kind: EventKind| report.facts.events.get(&kind).copied().unwrap_or_default();
    let found: Vec<EventKind> = EventKind::ALL.into_iter().filter(|kind| count(*kind).events > 0).collect();
    let shown: Vec<Bar> = found
        .iter()
        .map(|kind| Bar {
            name: words.kind(*kind),
            value: count(*kind).changed_m2,
            text: format!("{}\u{202f}m²", words.area(count(*kind).changed_m2)),
        })
        .collect();
    let caption = words.say("Events by kind", "Événements par nature");
    let head = html! { tr {
        th scope="col" { (words.say("Kind", "Nature")) }
        th scope="col" { (words.say("Events", "Événements")) }
        th scope="col" { (words.say("Changed (m²)", "Changé (m²)")) }
        th.words scope="col" { (words.say("Meaning", "Sens")) }
    } };
    let rows = html! {
        @for kind in EventKind::ALL { tr data-kind=(kind.name()) {
            th scope="row" { (words.kind(kind)) }
            td { (words.integer(count(kind).events)) }
            td { (cell(words, &count(kind).changed_m2.to_string())) }
            td.words { (words.meaning(kind)) }
        } }
        tr.sum {
            th scope="row" { (words.say("All", "Tous")) }
            td { (words.integer(report.events())) }
            td { (cell(words, &report.changed_m2().to_string())) }
            td.words {}
        }
    };
    let label = words.say("Changed area by kind of event", "Surface changée par nature d'événement");
    let map = words.say("Map of the events", "Carte des événements");
    let body = html! {
        @if let Some(overview) = &report.overview { figure {
            (overview.shown(words, &map))
            @let is_decided = report.is_decided();
            figcaption { (map) ". " @if is_decided { (words.say("North is up. A dot for each event; the rasters are those of the proposal. ",
                "Le nord est en haut. Un point par événement ; les rasters sont ceux de la proposition. ")) }
                @else { (words.say("North is up. A dot for each event, over the classes of the later date in pale colors. ",
                "Le nord est en haut. Un point par événement, sur les classes de la seconde date en couleurs pâles. ")) }
                (overview.extent(words)) "." }
            @if !is_decided {
                ul.legend { @for of in report.facts.classes.classes() { li { (class(words, &report.facts.classes, of.id)) } } }
            }
        } }
        (table(&caption, &head, &rows))
        @if !shown.is_empty() { figure { (bars(&label, &shown)) figcaption { (label) } } }
        p.note { @if report.is_decided() { (words.say(
            "Invalidated events are not among them. Every changed square meter is counted in one event, also where a person corrected its outline.",
            "Les événements invalidés n'y figurent pas. Chaque mètre carré changé est compté dans un seul événement, même là où une personne a corrigé son contour.",
        )) } @else { (words.say(
            "Every changed square meter is counted in one event, so the sum is the changed area.",
            "Chaque mètre carré changé est compté dans un seul événement : la somme est la surface changée.",
        )) } }
        @if let Some(flickers) = report.facts.flickers { p { (words.say(
            &format!("{} of them had their later class already before the earlier date: one of three dates is probably wrong there.", words.integer(flickers)),
            &format!("{} d'entre eux avaient déjà leur classe finale avant la première date : l'une des trois dates y est sans doute fausse.", words.integer(flickers)),
        )) } }
        (control(report, words))
    };
    Section { id: "events", heading: words.say("Events", "Événements"), body }
}

/// What became what.
pub(super) fn flows(report: &Report<'_>, words: Words) -> Result<Section> {
    let rows: Rows<FlowRow> = tables::read(report.material.path(tables::FLOWS))?;
    let sides = [|row: &FlowRow| row.class_id_old, |row: &FlowRow| row.class_id_new];
    let [old, new] = sides.map(|side| rows.whole.iter().map(side).collect::<BTreeSet<u8>>());
    let caption = words.say(
        "Area from class (rows) to class (columns), m²",
        "Surface de classe (lignes) à classe (colonnes), m²",
    );
    let body = html! {
        @if old.len().max(new.len()) <= CLASSES { (matrix(report, words, &rows.whole, &old, &new, &caption)) }
        @else { (list(report, words, &rows.whole)) }
        p.note { (words.say("What stays in its class stands on the diagonal. Zones are in ", "Ce qui reste dans sa classe est sur la diagonale. Les zones sont dans "))
            code { "flows.csv" } "." }
        (control(report, words))
    };
    Ok(Section { id: "flows", heading: words.say("What became what", "Ce qui est devenu quoi"), body })
}

fn matrix(
    report: &Report<'_>,
    words: Words,
    rows: &[FlowRow],
    old: &BTreeSet<u8>,
    new: &BTreeSet<u8>,
    caption: &str,
) -> Markup {
    let classes = &report.facts.classes;
    let areas: BTreeMap<(u8, u8), &str> =
        rows.iter().map(|row| ((row.class_id_old, row.class_id_new), row.area_m2.as_str())).collect();
    let head = html! { tr {
        th scope="col" { (words.say("Before ↓ after →", "Avant ↓ après →")) }
        @for id in new { th scope="col" { (class(words, classes, *id)) } }
    } };
    let body = html! { @for from in old { tr {
        th scope="row" { (class(words, classes, *from)) }
        @for to in new {
            td.same[from == to] { @match areas.get(&(*from, *to)) {
                Some(area) => (cell(words, area)),
                None => (NONE),
            } }
        }
    } } };
    table(caption, &head, &body)
}

fn list(report: &Report<'_>, words: Words, rows: &[FlowRow]) -> Markup {
    let classes = &report.facts.classes;
    let m2 = |row: &FlowRow| row.area_m2.parse::<f64>().unwrap_or(0.0);
    let mut changes: Vec<&FlowRow> = rows.iter().filter(|row| row.class_id_old != row.class_id_new).collect();
    changes.sort_by(|a, b| {
        let ids = |row: &FlowRow| (row.class_id_old, row.class_id_new);
        m2(b).total_cmp(&m2(a)).then_with(|| ids(a).cmp(&ids(b)))
    });
    let caption = words.say("The largest flows between classes", "Les plus grands flux entre classes");
    let head = html! { tr {
        th scope="col" { (words.say("Before", "Avant")) }
        th.words scope="col" { (words.say("After", "Après")) }
        th scope="col" { (words.say("Area (m²)", "Surface (m²)")) }
    } };
    let body = html! { @for row in changes.iter().take(FLOWS) { tr {
        th scope="row" { (class(words, classes, row.class_id_old)) }
        td.words { (class(words, classes, row.class_id_new)) }
        td { (cell(words, &row.area_m2)) }
    } } };
    table(&caption, &head, &body)
}

/// The classes at both dates, for the whole and for zones.
pub(super) fn balance(report: &Report<'_>, words: Words) -> Result<Section> {
    let rows: Rows<StockRow> = tables::read(report.material.path(tables::STOCKS))?;
    let whole = words.say(
        "Classes at both dates, all that was compared",
        "Classes aux deux dates, tout ce qui a été comparé",
    );
    let zones = words.say("Classes at both dates, by zone", "Classes aux deux dates, par zone");
    let body = html! {
        (stocks(report, words, &rows.whole, &whole, false))
        @if rows.count > 0 { (stocks(report, words, &rows.zones, &zones, true)) (more(words, rows.count, "stocks.csv")) }
        (control(report, words))
    };
    Ok(Section { id: "balance", heading: words.say("Balance", "Bilan"), body })
}

fn stocks(report: &Report<'_>, words: Words, rows: &[StockRow], caption: &str, is_of_zones: bool) -> Markup {
    let classes = &report.facts.classes;
    let head = html! { tr {
        @if is_of_zones {
            th scope="col" { (words.say("Zone", "Zone")) }
            th.words scope="col" { (words.say("Level", "Niveau")) }
        }
        th.words scope="col" { (words.say("Class", "Classe")) }
        @for name in [
            words.say("Before (m²)", "Avant (m²)"),
            words.say("After (m²)", "Après (m²)"),
            words.say("Gained (m²)", "Gagné (m²)"),
            words.say("Lost (m²)", "Perdu (m²)"),
            words.say("Net (m²)", "Solde (m²)"),
        ] { th scope="col" { (name) } }
    } };
    let body = html! { @for row in rows { tr {
        @if is_of_zones {
            th scope="row" { (row.zone_id) }
            td.words { (row.zone_type) }
            td.words { (class(words, classes, row.class_id)) }
        } @else { th scope="row" { (class(words, classes, row.class_id)) } }
        @for figure in [&row.old_m2, &row.new_m2, &row.gained_m2, &row.lost_m2, &row.net_m2] {
            td { (cell(words, figure)) }
        }
    } } };
    table(caption, &head, &body)
}

/// What a table with more zones leaves out.
fn more(words: Words, count: usize, file: &str) -> Markup {
    html! { @if count > ZONES { p.note {
        (words.say(
            &format!("The first {} of {} zones. All are in ", words.integer(ZONES as u64), words.integer(count as u64)),
            &format!("Les {} premières zones sur {}. Toutes sont dans ", words.integer(ZONES as u64), words.integer(count as u64)),
        ))
        code { (file) } "."
    } } }
}

/// Artificial soils, if they were computed.
pub(super) fn soils(report: &Report<'_>, words: Words) -> Result<Option<Section>> {
    let Some(facts) = &report.facts.artificialisation else { return Ok(None) };
    let rows: Rows<SoilRow> = tables::read(report.material.path(tables::SOILS))?;
    let caption = words.say("Artificial and sealed soils, m²", "Sols artificialisés et imperméables, m²");
    let columns = balance_columns();
    let columns: Vec<_> =
        SOILS.iter().filter_map(|name| columns.iter().find(|column| column.name == *name)).collect();
    let head = html! { tr {
        th scope="col" { (words.say("Zone", "Zone")) }
        th.words scope="col" { (words.say("Level", "Niveau")) }
        @for column in &columns { th scope="col" { (column.title.of(words.0)) } }
    } };
    let body = html! { @for row in rows.whole.iter().chain(&rows.zones) { tr {
        th scope="row" { (row.cell("zone_id")) }
        td.words { (row.cell("zone_type")) }
        @for column in &columns {
            td { (cell(words, row.cell(&column.name))) }
        }
    } } };
    let unknown: Vec<String> = facts.unknown_classes.iter().map(|class| class.name.clone()).collect();
    let body = html! {
        p.notice.refused { @if facts.layers == Some(Layers::CoverAndUse) { strong { (words.say(
            "By land cover and land use. This is not the consumption of natural, agricultural and forest land that is counted until 2031.",
            "Selon la couverture et l'usage du sol. Ce n'est pas la consommation d'espaces naturels, agricoles et forestiers (ENAF), qui est \
             comptée jusqu'en 2031.",
        )) } } @else { strong { (words.say(
            "This is the part of the rule that land cover alone decides. It is not the consumption of natural, agricultural and forest land \
             that is counted until 2031.",
            "C'est la seule part de la règle que la couverture du sol décide. Ce n'est pas la consommation d'espaces naturels, agricoles et \
             forestiers (ENAF), qui est comptée jusqu'en 2031.",
        )) } " " (words.say(
            "Without the land use, herbaceous soils of artificial uses are missing.",
            "Sans l'usage du sol, les sols à couverture herbacée d'usage artificialisé manquent.",
        )) } }
        (table(&caption, &head, &body))
        (more(words, rows.count, "artificialisation.csv"))
        @if !unknown.is_empty() { p { (words.say("Classes without a code of the rule, without an answer: ", "Classes sans code de la règle, sans réponse : "))
            (unknown.join(", ")) } }
        p.note { (words.say(
            "Annex to article R. 101-1 of the code de l'urbanisme (decree 2023-1096), thresholds of 2,500 and 50 m². Undecided: regions below a \
             threshold that touch the edge; they count as without thresholds. ",
            "Annexe à l'article R. 101-1 du code de l'urbanisme (décret 2023-1096), seuils de 2\u{202f}500 et 50 m². Indécis : régions sous un seuil \
             qui touchent le bord ; elles comptent comme sans seuils. ",
        )) code { "artificialisation.csv" } }
        (control(report, words))
    };
    Ok(Some(Section { id: "soils", heading: words.say("Artificial soils", "Sols artificialisés"), body }))
}

/// What was left out, and why.
pub(super) fn left_out(report: &Report<'_>, words: Words) -> Section {
    let caption = words.say(
        "Areas that were left out, by the first reason that applies",
        "Zones écartées, par la première raison qui s'applique",
    );
    let head = html! { tr {
        th scope="col" { (words.say("Reason", "Raison")) }
        th scope="col" { (words.say("Areas", "Zones")) }
        th scope="col" { (words.say("Area (m²)", "Surface (m²)")) }
    } };
    let body = html! {
        @for left_out in &report.facts.left_out { tr {
            th scope="row" { (left_out.doubt().map_or_else(|| left_out.reason().to_owned(), |doubt| words.doubt(doubt))) }
            td { (words.integer(left_out.areas.areas)) }
            td { (cell(words, &left_out.areas.area_m2.to_string())) }
        } }
        @if let Some(kept) = report.facts.kept { tr.sum {
            th scope="row" { (words.say("Kept", "Retenu")) }
            td { (words.integer(kept.areas)) }
            td { (cell(words, &kept.area_m2.to_string())) }
        } }
    };
    let body = html! {
        (table(&caption, &head, &body))
        p { (words.say("Pixels whose classes differ, before these rules: ", "Pixels dont les classes diffèrent, avant ces règles : "))
            (area(words, report.facts.pixels_that_differ_m2)) "." }
        (control(report, words))
        h3 { (words.say("Warnings", "Avertissements")) }
        (warnings(words, &report.material.manifest.warnings))
    };
    Section { id: "left-out", heading: words.say("What was left out", "Ce qui a été écarté"), body }
}
