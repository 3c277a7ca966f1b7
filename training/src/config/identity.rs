//! The identity of a training: the whole configuration, except for the paths of data and output, measures that do not
//! choose the epoch, and descriptions of the package.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::signed;

use super::tables::Fit;

/// Name of the score of thin objects.
pub(crate) const TOLERANCE_F1: &str = "tolerance_f1";

/// Keys that change no weight: a finished training is packaged again with others by `--resume`.
const DESCRIPTIVE: [&str; 10] =
    ["title", "limits", "version", "weights", "license", "tried_on", "failed_on", "name_fr", "code", "color"];

/// The configuration as TOML without comments, `output` and `data`, with the changes of the command line.
pub(super) fn identity(text: &str, fit: &Fit, from: Option<&Path>) -> String {
    let mut table: toml::Table = text.parse().expect("the text was parsed before: it is TOML");
    if let Some(from) = from {
        let path = toml::Value::String(from.to_string_lossy().into_owned());
        table.insert("init".into(), toml::Value::Table(toml::Table::from_iter([("path".to_owned(), path)])));
    }
    table.remove("output");
    table.remove("data");
    let evaluate = table.remove("evaluate");
    // The one measure of `evaluate` that may choose the epoch.
    if fit.score.as_deref() == Some(TOLERANCE_F1)
        && let Some(tolerance) = evaluate.as_ref().and_then(|e| e.get("tolerance_px"))
    {
        let kept = toml::Table::from_iter([("tolerance_px".to_owned(), tolerance.clone())]);
        table.insert("evaluate".into(), toml::Value::Table(kept));
    }
    if let Some(toml::Value::Table(written)) = table.get_mut("fit") {
        let whole = |v: usize| toml::Value::Integer(signed(v));
        written.insert("seed".into(), toml::Value::Integer(fit.seed.cast_signed()));
        written.insert("epochs".into(), whole(fit.epochs.get()));
        written.insert("threads".into(), whole(fit.threads.get()));
        written.remove("device");
    }
    table.to_string()
}

/// How two identities differ, key by key; empty when they do not.
pub(crate) fn difference(before: &str, now: &str) -> String {
    let (before, now) = (flat(before), flat(now));
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let absent = "absent".to_owned();
    let value = |map: &BTreeMap<String, String>, key: &String| map.get(key).unwrap_or(&absent).clone();
    let is_descriptive = |key: &str| {
        let (table, last) = key.rsplit_once('.').unwrap_or(("", key));
        (table == "model" || table.starts_with("classes[")) && DESCRIPTIVE.contains(&last)
    };
    let keys = keys.into_iter().filter(|key| !is_descriptive(key));
    let changed = keys.filter(|key| before.get(*key) != now.get(*key));
    let lines = changed.map(|key| format!("{key} was {}, is {}", value(&before, key), value(&now, key)));
    lines.collect::<Vec<_>>().join("; ")
}

fn flat(identity: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flatten("", &toml::Value::Table(identity.parse().unwrap_or_default()), &mut all);
    all
}

fn flatten(path: &str, value: &toml::Value, all: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            let dot = if path.is_empty() { "" } else { "." };
            table.iter().for_each(|(key, value)| flatten(&format!("{path}{dot}{key}"), value, all));
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(&format!("{path}[{i}]"), value, all));
        }
        other => {
            all.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_belongs_to_it_only_where_it_chooses_the_epoch() {
        let text = "task = \"a\"\n[evaluate]\ntolerance_px = 2\nprevalence = 0.1\n";
        let mut fit: Fit = toml::from_str(
            "seed = 1\nepochs = 1\nsteps_per_epoch = 1\nbatch = 1\nchip_px = 16\nlearning_rate = 1e-3",
        )
        .unwrap();
        assert_eq!(identity(text, &fit, None), "task = \"a\"\n");
        let from = identity(text, &fit, Some(Path::new("first")));
        assert_eq!(difference(&identity(text, &fit, None), &from), "init.path was absent, is \"first\"");
        fit.score = Some("tolerance_f1".into());
        assert_eq!(identity(text, &fit, None), "task = \"a\"\n\n[evaluate]\ntolerance_px = 2\n");
    }

    #[test]
    fn differences_are_named_by_key() {
        let before = "task = \"a\"\n[fit]\nrate = 1.0\n[[sets]]\npath = \"x\"\n";
        let now = "task = \"a\"\n[fit]\nrate = 2.0\nbatch = 3\n[[sets]]\npath = \"x\"\n";
        assert_eq!(difference(before, now), "fit.batch was absent, is 3; fit.rate was 1.0, is 2.0");
        assert_eq!(difference(now, &format!("# a remark\n{now}")), "");
        let text = |title: &str, name: &str| {
            format!("[model]\ntitle = \"{title}\"\n[[classes]]\nname = \"{name}\"\ncode = \"{title}\"\n")
        };
        assert_eq!(difference(&text("a", "roof"), &text("b", "roof")), "");
        assert_ne!(difference(&text("a", "roof"), &text("a", "wall")), "");
    }
}
