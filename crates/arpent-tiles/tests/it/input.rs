//! Input that is at the edge of the world, or wrong.

use arpent_base::Diagnostic;
use arpent_tiles::{Kind, TilesError};

use super::reader::{metadata, tiles};
use super::{Given, coverage, options, written};

fn square(x: f64, y: f64, side: f64) -> Given {
    Given { class: 1, rings: vec![vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]] }
}

pub(crate) fn all() {
    nothing();
    poles();
    antimeridian();
    overlaps();
    wrong_outlines();
}

/// An archive without features has one tile without layers: readers want at least one entry.
fn nothing() {
    for kind in [Kind::Coverage, Kind::Objects] {
        let (bytes, summary) = written(options(kind, 5), &[]).unwrap();
        assert_eq!((summary.features, summary.tiles), (0, 1));
        let all = tiles(&bytes);
        assert!(all.len() == 1 && all[&(0, 0, 0)].0.is_empty());
        assert!(metadata(&bytes)["vector_layers"].is_array());
    }
}

/// Beyond Web Mercator nothing can be drawn: it is counted. What reaches beyond ends there.
fn poles() {
    let (bytes, summary) =
        written(options(Kind::Objects, 4), &[square(10.0, 86.0, 1.0), square(10.0, 84.0, 3.0)]).unwrap();
    assert_eq!((summary.features, summary.beyond), (2, 1));
    let all = tiles(&bytes);
    let north: i64 = all[&(4, 8, 0)].0["features"].features[0].parts[0].iter().map(|p| p[1]).min().unwrap();
    assert!(north < 0, "the outline goes on beyond the tile");
}

/// Features are cut at 180 degrees before they come; both parts touch the end of the world.
fn antimeridian() {
    let (bytes, _) =
        written(options(Kind::Objects, 3), &[square(178.0, 10.0, 2.0), square(-180.0, 10.0, 2.0)]).unwrap();
    let all = tiles(&bytes);
    assert!(all.contains_key(&(3, 0, 3)) && all.contains_key(&(3, 7, 3)));
    assert_eq!(all.keys().filter(|id| id.0 == 3).count(), 2);
}

/// Overlaps of a coverage are refused; without common vertices, outlines may differ by less than a step.
fn overlaps() {
    let mut given = coverage(6, 1, [5.0, 45.0], 0.1);
    given.push(square(5.03, 44.93, 0.04));
    let error = written(options(Kind::Coverage, 12), &given).unwrap_err();
    assert!(matches!(error, TilesError::Overlap { .. }), "{error}");
    assert!(error.hint().unwrap().contains("objects") && error.is_transient() == Some(false));
    // Two squares beside one with no vertex where they meet.
    let beside = |x: f64| x + 0.1 / 3.0;
    let tall = Given {
        class: 2,
        rings: vec![vec![[5.0, 45.0], [beside(5.0), 45.0], [beside(5.0), 45.1], [5.0, 45.1]]],
    };
    let (low, high) = (45.043_217, 45.1);
    let lower = vec![[beside(5.0), 45.0], [5.1, 45.0], [5.1, low], [beside(5.0), low]];
    let upper = vec![[beside(5.0), low], [5.1, low], [5.1, high], [beside(5.0), high]];
    let both = [lower, upper].map(|ring| Given { class: 3, rings: vec![ring] });
    written(options(Kind::Coverage, 14), &[[tall].to_vec(), both.to_vec()].concat()).unwrap();
}

fn wrong_outlines() {
    let refused = |ring: Vec<[f64; 2]>| {
        let error =
            written(options(Kind::Objects, 10), &[Given { class: 0, rings: vec![ring] }]).unwrap_err();
        assert!(error.to_string().contains("feature 0") && error.hint().is_some(), "{error}");
        error
    };
    assert!(matches!(
        refused(vec![[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
        TilesError::ShortRing { places: 2, .. }
    ));
    assert!(matches!(refused(vec![[0.0, 0.0], [181.0, 1.0], [0.0, 1.0]]), TilesError::NotOnGlobe { .. }));
    assert!(matches!(refused(vec![[0.0, 0.0], [f64::NAN, 1.0], [0.0, 1.0]]), TilesError::NotOnGlobe { .. }));
    let bow = vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.5]];
    assert!(matches!(refused(bow), TilesError::Crossing { .. }));
    let zoom = written(options(Kind::Objects, 23), &[]).unwrap_err();
    assert!(matches!(zoom, TilesError::Zoom { zoom: 23 }));
}
