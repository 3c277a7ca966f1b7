//! What the model is, how it was made and from what; its limits; its configuration.

use arpent_model::{Energy, TrainingSource};
use maud::{Markup, html};

use super::data::{DataFacts, Sharing, SplitFacts, TrainingReport};
use super::page::{Section, absent, wide};
use super::{number, scores};

/// "Overview".
pub(super) fn section(report: &TrainingReport) -> Section {
    let body = html! {
        (scores::tiles(report.scores.as_ref()))
        (sharing(report.model.sharing.as_ref()))
        (facts(report))
        h3 { "Data sets" }
        (sources(&report.data.sources))
        h3 { "Splits" }
        (splits(&report.data))
        @if !report.data.told.is_empty() {
            h3 { "Remarks" }
            ul { @for told in &report.data.told { li { (told) } } }
        }
    };
    Section { id: "overview", heading: "Overview", body }
}

fn sharing(sharing: Option<&Sharing>) -> Markup {
    html! {
        @match sharing {
            None => p.notice { strong { "May the weights be redistributed? " } "Not recorded: ask the owners first." },
            Some(Sharing { allowed, because }) => p.notice.allowed[*allowed].refused[!*allowed] {
                strong { "The weights may " (if *allowed { "" } else { "not " }) "be redistributed" } " because " (because)
                @if !because.ends_with('.') { "." }
            },
        }
    }
}

fn facts(report: &TrainingReport) -> Markup {
    let (model, run) = (&report.model, &report.run);
    let parameters = model.parameters.map(number::integer);
    let cost = model.gflop_per_mpx.map(|v| format!("{} GFLOP per Mpx", number::significant(v, 3)));
    let rows = [
        ("Parameters", parameters),
        ("Cost of prediction", cost),
        ("Device", run.device.clone()),
        ("Duration", run.duration_s.map(number::duration)),
        ("Energy", run.energy.as_ref().map(energy)),
        ("Seed", run.seed.map(|seed| seed.to_string())),
        ("Software", run.software.clone()),
    ];
    html! {
        dl.facts { @for (name, value) in &rows { div {
            dt { (name) }
            dd { @match value { Some(value) => (value), None => span.absent { "not recorded" } } }
        } } }
    }
}

fn energy(energy: &Energy) -> String {
    format!("{} ({})", number::energy(energy.training_wh), energy.method)
}

fn sources(sources: &[TrainingSource]) -> Markup {
    if sources.is_empty() {
        return absent("The data sets were not recorded.");
    }
    wide(&html! {
        table {
            thead { tr { th scope="col" { "Data set" } th scope="col" { "License" } th scope="col" { "Source" } } }
            tbody { @for source in sources { tr {
                th scope="row" { (source.name) } td { (source.license) } td.source { (source.source) }
            } } }
        }
    })
}

fn splits(data: &DataFacts) -> Markup {
    if data.splits.is_empty() {
        return absent("The splits were not recorded.");
    }
    let group = data.group_kind.as_deref().unwrap_or("group");
    let pixels = data.splits.iter().any(|split| split.pixels.is_some());
    wide(&html! { table.numbers {
        thead { tr {
            th scope="col" { "Split" } th scope="col" { "Items" } th scope="col" { "Groups (" (number::plural(group)) ")" }
            @if pixels { th scope="col" { "Labeled pixels" } }
        } }
        tbody { @for SplitFacts { name, items, groups, pixels: count } in &data.splits { tr {
            th scope="row" { (name) } td { (number::integer(*items)) } td { (number::integer(*groups)) }
            @if pixels { td { (count.map_or_else(|| number::NONE.into(), number::integer)) } }
        } } }
    } })
}

/// "Limits".
pub(super) fn limits(limits: &[String]) -> Section {
    let body = html! {
        @if limits.is_empty() { (absent("No limits were recorded. That does not mean that there are none.")) }
        @for paragraph in limits { p.prose { (paragraph) } }
    };
    Section { id: "limits", heading: "Limits", body }
}

/// "Configuration".
pub(super) fn configuration(report: &TrainingReport) -> Section {
    let body = html! {
        @match &report.config_toml {
            None => (absent("The configuration was not recorded.")),
            Some(text) => details { summary { "The effective configuration (TOML)" } pre { code { (text) } } },
        }
    };
    Section { id: "configuration", heading: "Configuration", body }
}
