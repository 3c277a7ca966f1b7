//! Crowns of sites that were held out.

mod counts;
mod vote;

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_base::Result;
use arpent_datasets::{Crown, Split};
use arpent_model::{Predictor, Score};
use counts::Counts;
use vote::{found, vote};

use super::judge::{Judge, Published, Shown};
use super::numbers::score;
use crate::data::crowns::Loaded;

/// The held-out crowns as what a model is judged by.
#[derive(Debug)]
pub(crate) struct Votes<'a>(pub(crate) &'a Loaded);

impl Judge for Votes<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["balanced_accuracy", "live_recall", "dead_recall", "dead_precision"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        let (all, _) = self.votes(predictor)?;
        Ok(all.named().map(|(name, value)| (name.to_owned(), value)).into())
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let (all, sites) = self.votes(predictor)?;
        let found = self.0.scene.as_ref().map(|(picture, boxes)| {
            Ok::<_, arpent_base::Failure>((found(predictor, picture, boxes)?, boxes.len()))
        });
        let found = found.transpose()?;
        Ok(Published {
            scores: published_scores(&all, found),
            territories: sites.keys().map(|site| format!("NEON site {site}, USA")).collect(),
            card: card(&all, &sites, found),
            confidence: String::new(),
            detail: serde_json::json!({ "all": all, "sites": sites, "found": found }),
            shown: Shown::default(),
        })
    }
}

impl Votes<'_> {
    fn votes(&self, predictor: &Predictor) -> Result<(Counts, BTreeMap<String, Counts>)> {
        crowns(predictor, &self.0.of(Split::Validation).collect::<Vec<_>>())
    }
}

const MEASURES: [&str; 4] = [
    "mean of live_recall and dead_recall, crown crops of held-out NEON sites; by majority of the tree \
     pixels in the crop's central ellipse, a crown mapped mostly as ground counts as wrong",
    "live crowns mapped as live",
    "dead crowns mapped as dead",
    "of crowns mapped as dead, those that are; at the set's own live/dead mix",
];

fn published_scores(all: &Counts, found: Option<(f64, usize)>) -> BTreeMap<String, Score> {
    let named = all.named().into_iter().zip(MEASURES);
    let mut scores: BTreeMap<String, Score> = named
        .map(|((name, value), measure)| (name.to_owned(), score(value, "validation", measure)))
        .collect();
    if let Some((found, boxes)) = found {
        let split = "east of the demo scene (not trained on; its west and another part of the site were)";
        let measure = format!("share of {boxes} boxed trees of the demo scene mapped as tree, live or dead");
        scores.insert("demo_trees_found".into(), score(found, split, &measure));
    }
    scores
}

fn card(all: &Counts, sites: &BTreeMap<String, Counts>, found: Option<(f64, usize)>) -> String {
    let mut table = String::from(
        "| held-out site | live crowns | seen live | dead crowns | seen dead | balanced accuracy |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut row = |name: &str, c: &Counts| {
        let live = c.live_as_live + c.live_as_dead + c.live_missed;
        let dead = c.dead_as_live + c.dead_as_dead + c.dead_missed;
        let balanced = match (live, dead) {
            (0, _) | (_, 0) => "-".to_owned(),
            _ => format!("{:.3}", c.balanced_accuracy()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {name} | {live} | {} | {dead} | {} | {balanced} |",
            c.live_as_live, c.dead_as_dead
        );
    };
    for (site, counts) in sites {
        row(site, counts);
    }
    row("all", all);
    if let Some((found, boxes)) = found {
        let _ = writeln!(
            table,
            "\nOn the east of the demo scene (Yellowstone; not trained on, but its western 960 of 2299 columns were), \
             {:.1} % of {boxes} boxed trees are mapped mostly as tree, live or dead.",
            100.0 * found
        );
    }
    table
}

/// Votes on crowns, over all sites (first) and site by site.
fn crowns(predictor: &Predictor, crowns: &[&Crown]) -> Result<(Counts, BTreeMap<String, Counts>)> {
    let mut all = Counts::default();
    let mut sites: BTreeMap<String, Counts> = BTreeMap::new();
    for crown in crowns {
        let seen = vote(predictor, &crown.picture)?;
        all.add(crown.health, seen);
        sites.entry(crown.site.clone()).or_default().add(crown.health, seen);
    }
    Ok((all, sites))
}
