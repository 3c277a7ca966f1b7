//! `arpent review publish`: a version of a map in which the decisions of persons stand.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use arpent_base::{DoingWhat as _, Result, hash_of_json, redacted};
use arpent_publish::{Decided, Manifest, PublishError, Target, Warning};
use arpent_review::{FindingKind, Log};
use arpent_shell::lines::count;
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use serde::Serialize;
use serde_json::json;

use super::decided::{Decider, Decisions, ReviewNames, Tally};
use super::error::ReviewJobError;
use super::proposal::Proposal;
use super::store::{OpenReview, now};
use super::version::{Version, Written};
use crate::address::is_same_place;
use crate::map::{check_output, published_already};
use crate::present::write_entry;
use crate::reports::material;
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;
use crate::warnings::warn;

/// What is asked of a decided map.
#[derive(Debug, Clone)]
pub struct ReviewPublishOptions {
    /// The map that was proposed.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// Where the decided map is published.
    pub to: String,
    /// What it says of who decided.
    pub names: ReviewNames,
    /// Whether what is there is replaced.
    pub overwrite: bool,
}

/// Result of `arpent review publish`, as printed.
#[derive(Debug, Serialize)]
pub struct ReviewPublishReport {
    /// Where it was published.
    pub output: String,
    /// Whether it was there already: the same map, decisions and options.
    pub already: bool,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Publishes a decided version of a map.
///
/// Features are read once for their ids and once for the version; memory grows with the decisions, not with the features.
/// Equal maps, decisions and options give equal files.
///
/// # Errors
/// When the review is of another map, does not verify or has no decisions, or when a file cannot be read or written; nothing was
/// published then.
pub fn review_publish(options: &ReviewPublishOptions) -> Result<ReviewPublishReport> {
    set_up_gdal(None)?;
    let opened = OpenReview::open(&options.output, options.review.as_deref())?;
    opened.check_map()?;
    check_place(&options.output, &options.to)?;
    let output = opened.map.target.url().to_owned();
    let mut log = opened.log()?;
    if log.decisions() == 0 {
        return Err(ReviewJobError::NoDecisions { output, name: opened.review.name.clone() }.into());
    }
    let id = run_id(&opened, &mut log, options.names);
    let target = Target::parse(&options.to)?;
    if let Some(manifest) = published_already(&target, &id)? {
        write_entry(&target, &manifest);
        return Ok(ReviewPublishReport { output: options.to.clone(), already: true, manifest });
    }
    check_output(&options.to, options.overwrite)?;
    let scratch = Scratch::new(None)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    let manifest = make(&opened, &mut log, options, (&id, &target), folder.path());
    let manifest = manifest.map_err(|error| scratch.judged(error))?;
    Ok(ReviewPublishReport { output: options.to.clone(), already: false, manifest })
}

/// `decided-` and 16 hex digits: the same map, decisions and options have the same id.
fn run_id(opened: &OpenReview, log: &mut Log, names: ReviewNames) -> String {
    let described = json!({
        "arpent": env!("CARGO_PKG_VERSION"),
        "map": opened.map.manifest_sha256,
        "review": opened.id,
        "root": log.root(),
        "names": names,
    });
    format!("decided-{}", hash_of_json(described))
}

/// Refuses the proposal itself, and folders in it.
fn check_place(output: &str, to: &str) -> Result<()> {
    let folders =
        [output, to].map(|url| Target::parse(url).ok().and_then(|t| t.local_folder().map(resolved)));
    let is_inside = match &folders {
        [Some(output), Some(to)] => to.starts_with(output),
        _ => to.trim_end_matches('/').starts_with(&format!("{}/", output.trim_end_matches('/'))),
    };
    if is_inside || is_same_place(output, to)? {
        return Err(ReviewJobError::SamePlace { output: output.to_owned(), to: to.to_owned() }.into());
    }
    Ok(())
}

/// A folder without links in the part of it that exists.
fn resolved(folder: &Path) -> PathBuf {
    let missing = |ancestor: &&Path| ancestor.canonicalize().is_err();
    let known = folder.ancestors().find(|ancestor| !missing(ancestor));
    let known =
        known.and_then(|ancestor| Some((ancestor.canonicalize().ok()?, folder.strip_prefix(ancestor).ok()?)));
    known.map_or_else(|| folder.to_owned(), |(ancestor, rest)| ancestor.join(rest))
}

/// The way from one place to another: relative between folders, the address of a store; none from a store to a folder.
fn way(from: &Target, to: &Target) -> Option<String> {
    let (from, to) = match (from.local_folder(), to.local_folder()) {
        (Some(from), Some(to)) => (resolved(from), resolved(to)),
        (None, Some(_)) => return None,
        (_, None) => return Some(redacted(to.url())),
    };
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| "..".to_owned());
    let down = to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
}

/// Verifies the log: every object, every link, every feature. Returns what a reader of the map has to know of it.
fn verified(opened: &OpenReview, log: &mut Log, proposal: &Proposal) -> Result<Vec<Warning>> {
    let mut unknown: HashSet<String> = log.features().map(str::to_owned).collect();
    proposal.each(&mut |feature, _| {
        unknown.remove(&feature.id);
        Ok(())
    })?;
    let findings = log.verify(now()?, &|feature| !unknown.contains(feature));
    let bad = findings.iter().filter(|finding| !finding.kind.is_warning()).count();
    if bad > 0 {
        let (output, name) = (opened.map.target.url().to_owned(), opened.review.name.clone());
        return Err(ReviewJobError::Changed { output, name, findings: bad }.into());
    }
    // Clocks are compared with now: what they give is no part of the map.
    let unsealed = findings.iter().filter(|finding| finding.kind == FindingKind::Unsealed).count();
    let message = "decisions at the end of a chain have no seal: a process was stopped after it wrote them";
    let warning = Warning::new("unsealed-decisions", &opened.review.name, message)
        .with_hint("the next decision seals them; publish again after it");
    Ok((unsealed > 0).then_some(warning).into_iter().collect())
}

fn make(
    opened: &OpenReview,
    log: &mut Log,
    options: &ReviewPublishOptions,
    (id, target): (&str, &Target),
    folder: &Path,
) -> Result<Manifest> {
    let material = material(&opened.map.target, &opened.map.manifest, folder)?;
    let proposal = Proposal::open(&opened.map, &material)?;
    let stage = Stage::begin("verify", 0);
    let mut warnings = verified(opened, log, &proposal)?;
    stage.end(&format!("{} decisions", count(log.decisions())));
    let decisions = Decisions::of(log, options.names, opened.history()?);
    let (classes, classes_added) = decisions.classes(&proposal.classes, proposal.is_change)?;
    let mut decider = Decider::new(opened, (decisions, classes), &proposal)?;
    let stage = Stage::begin("write", 0);
    let version = Version {
        opened,
        proposal: &proposal,
        material: &material,
        run_id: id,
        way: way(target, &opened.map.target),
        columns: decider.columns(&proposal.columns),
        folder,
    };
    let spooled = version.spool(&mut decider)?;
    let Decider { tally, classes, .. } = decider;
    warnings.extend(not_areas(&tally));
    warnings.iter().for_each(warn);
    let decided = Decided {
        map: opened.map.manifest.run_id.clone(),
        manifest_sha256: opened.map.manifest_sha256.to_string(),
        address: version.way.clone(),
        review: opened.review.name.clone(),
        review_id: opened.id.to_string(),
        root: log.root().to_string(),
        seals: log.frontier().iter().map(ToString::to_string).collect(),
        decisions: log.decisions(),
        names: options.names.word().to_owned(),
        states: tally.states.clone(),
        classes_corrected: tally.classes_corrected,
        outlines_corrected: tally.outlines_corrected,
        superseded: tally.superseded,
        classes_added,
    };
    let Written { staged, manifest } = version.write(&spooled, &classes, (decided, &tally), warnings)?;
    stage.end(&format!("{} files", staged.len()));
    let stage = Stage::begin("publish", 0);
    let published = match target.publish(&staged, manifest, options.overwrite) {
        Ok(published) => published,
        Err(error @ (PublishError::OutputExists { .. } | PublishError::ReplacedMeanwhile { .. })) => {
            // Another process may have published the same.
            return published_already(target, id)?.ok_or_else(|| error.into());
        }
        Err(error) => return Err(error.into()),
    };
    for leftover in &published.leftovers {
        notice(&format!("could not delete {leftover} of the earlier version; it is not part of the map"));
    }
    write_entry(target, &published.manifest);
    stage.end(&options.to);
    Ok(published.manifest)
}

/// A warning about corrected outlines that are points or lines.
fn not_areas(tally: &Tally) -> Option<Warning> {
    let first = tally.not_areas.first()?;
    let message = format!(
        "{} corrected outlines are points or lines, which a layer of areas cannot hold: these features keep the proposed outline",
        tally.not_areas.len()
    );
    Some(
        Warning::new("outline-not-an-area", first, message)
            .with_hint("the decisions have what was drawn: `arpent review export`"),
    )
}

/// Counts of features by state, in the order in which they are shown.
pub fn states_in_order(states: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    crate::report::states().filter_map(|state| Some((state, *states.get(state)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders_is_relative_and_the_proposal_is_no_target() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir_all(at("a/out")).unwrap();
        let target = |name: &str| Target::parse(&at(name)).unwrap();
        assert_eq!(way(&target("b/decided"), &target("a/out")).as_deref(), Some("../../a/out"));
        assert_eq!(way(&target("a/out2"), &target("a/out")).as_deref(), Some("../out"));
        let memory = Target::parse("memory://").unwrap();
        assert_eq!(way(&memory, &target("a/out")), None);
        assert_eq!(way(&target("a/out"), &memory).as_deref(), Some(memory.url()));
        std::os::unix::fs::symlink(at("a/out"), at("link")).unwrap();
        for to in ["a/out", "a/out/", "a/out/decided", "a/../a/out", "link/x"] {
            let error = check_place(&at("a/out"), &at(to)).unwrap_err();
            assert!(matches!(error.downcast_ref(), Some(ReviewJobError::SamePlace { .. })), "{to}: {error}");
        }
        assert!(check_place("s3://b/out", "s3://b/out/x").is_err());
        check_place(&at("a/out"), &at("a/out2")).unwrap();
    }
}
