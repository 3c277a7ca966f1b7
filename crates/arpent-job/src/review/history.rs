//! Decisions of an earlier map about objects that the features of a later one show again.

use std::collections::BTreeMap;

use arpent_base::{DoingWhat as _, Result, Value};
use arpent_gdal::{LayerSource, ReferenceIndex, ReferenceKind};
use arpent_review::{Earlier, FindingKind, HISTORY_FORMAT, History, Log, MapRef, Status};
use geo::{Area as _, BooleanOps as _};
use geo_types::{MultiPolygon, Polygon};

use super::error::ReviewJobError;
use super::features::MapFeatures;
use super::proposal::{Proposal, polygon};
use super::store::{OpenReview, ReviewedMap, now};
use crate::reports::material;
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;

/// Share of the smaller of two outlines that lies in the other, from which on both are taken for one object.
const SAME_OBJECT: f64 = 0.5;

/// The decided features of a review, by id.
fn decided(log: &mut Log) -> BTreeMap<String, Earlier> {
    let mut decided = BTreeMap::new();
    for state in log.all_states() {
        let Some(verdict) = state.verdict().filter(|_| state.status == Status::Decided) else { continue };
        let time = state.deciding.iter().filter_map(|id| log.author(id).map(|(_, time)| time)).max();
        let Some(time) = time else { continue };
        let class = state.opinions.into_iter().next().and_then(|opinion| opinion.class);
        let earlier =
            Earlier { feature: state.feature.clone(), verdict: verdict.name().to_owned(), class, time };
        decided.insert(state.feature, earlier);
    }
    decided
}

/// Whether two outlines are of one object.
fn is_same(one: &MultiPolygon<f64>, other: &MultiPolygon<f64>) -> bool {
    let smaller = one.unsigned_area().min(other.unsigned_area());
    smaller > 0.0 && one.intersection(other).unsigned_area() >= SAME_OBJECT * smaller
}

/// What a review of an earlier map decided about objects of a later map: features of the same id, or whose outlines overlap by
/// half of the smaller one. The earlier features are looked up in an index on disk; memory grows with the decisions.
///
/// # Errors
/// When the earlier review does not verify, or a map cannot be read.
pub(super) fn history(later: &ReviewedMap, output: &str, review: Option<&str>) -> Result<History> {
    set_up_gdal(None)?;
    let opened = OpenReview::open(output, review)?;
    let mut log = opened.log()?;
    let name = opened.review.name.clone();
    let findings = log.verify(now()?, &|_| true).into_iter().map(|finding| finding.kind);
    let findings = findings.filter(|kind| !FindingKind::is_warning(*kind)).count();
    if findings > 0 {
        return Err(ReviewJobError::Changed { output: output.to_owned(), name, findings }.into());
    }
    opened.check_map()?;
    let decided = decided(&mut log);
    let scratch = Scratch::new(None)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    let material = material(&later.target, &later.manifest, folder.path())?;
    let proposal = Proposal::open(later, &material)?;
    let earlier = MapFeatures::open(&opened.map.target, &opened.map.manifest)?;
    let (address, layer) = earlier.source();
    let source = LayerSource { layer, fields: &["id"], ..LayerSource::new(address, &proposal.grid.crs) };
    let bbox = proposal.grid.bbox(&proposal.window);
    let path = folder.path().join("earlier.gpkg");
    let index = ReferenceIndex::build(&source, ReferenceKind::Areas(None), bbox, &path, &mut |_, _| ())?;
    let index = index.open()?;
    let mut features: BTreeMap<String, Vec<Earlier>> = BTreeMap::new();
    proposal.each(&mut |feature, _| {
        let mut found = Vec::new();
        index.each_in(feature.bbox(), &mut |other| -> Result<()> {
            let id = other.values.first().and_then(Option::as_ref).map(Value::to_string);
            let Some(earlier) = id.and_then(|id| decided.get(&id)) else { return Ok(()) };
            let outline: Vec<Polygon<f64>> = other.polygons().iter().map(|rings| polygon(rings)).collect();
            if earlier.feature == feature.id || is_same(&feature.polygons, &MultiPolygon(outline)) {
                found.push(earlier.clone());
            }
            Ok(())
        })?;
        if !found.is_empty() {
            found.sort();
            found.dedup();
            features.insert(feature.id, found);
        }
        Ok(())
    })?;
    Ok(History {
        format: HISTORY_FORMAT.to_owned(),
        map: MapRef {
            run_id: opened.map.manifest.run_id.clone(),
            manifest_sha256: opened.map.manifest_sha256,
        },
        review: opened.id,
        root: log.root(),
        features,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_that_only_touch_are_other_objects() {
        let square = |x: f64, side: f64| -> MultiPolygon<f64> {
            let ring = vec![(x, 0.0), (x + side, 0.0), (x + side, side), (x, side), (x, 0.0)];
            Polygon::new(ring.into(), Vec::new()).into()
        };
        assert!(is_same(&square(0.0, 4.0), &square(1.0, 4.0)));
        assert!(is_same(&square(0.0, 10.0), &square(1.0, 1.0)), "a part of a larger one");
        for other in [square(4.0, 4.0), square(3.0, 4.0), square(9.0, 4.0)] {
            assert!(!is_same(&square(0.0, 4.0), &other));
        }
    }
}
