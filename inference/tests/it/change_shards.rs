//! Comparisons in shards: the same bytes however they were shared out, whoever was killed, however often.

use std::path::Path;

use serde_json::Value;

use crate::change::{MAPS, change, dated, events, hashes, images, pair, three_vintages};
use crate::common::{Ended, Map, Place};
use crate::shards::files_below;

/// Plans a comparison; the address of the plan.
fn plan(place: &Place, config: &str, dates: [&str; 2], output: &str, shards: usize) -> String {
    let output = place.text(output);
    let shards = shards.to_string();
    let more = ["--shards", &shards, "--format", "json"];
    let planned = change(place, config, dates[0], dates[1], &output, &more).expect(0);
    let report: Value = serde_json::from_str(&planned.out).unwrap();
    report["plan"].as_str().unwrap().to_owned()
}

fn merge(place: &Place, plan: &str) -> Ended {
    place.arpent(&["merge", "--plan", plan])
}

fn pieces_of(plan: &str) -> usize {
    let folder = Path::new(plan).parent().unwrap().join("pieces");
    files_below(&folder).len()
}

/// Hides the west of the later date.
fn with_clouds(place: &Place, config: &str) -> String {
    place.write(
        "clouds.geojson",
        r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},
        "features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[651990,6862010],[652005,6862010],[652005,6861900],[651990,6861900],[651990,6862010]]]}}]}"#,
    );
    config.replace("[after]\n", "[after]\nnot_observed = \"clouds.geojson\"\n")
}

#[test]
fn a_budget_ends_a_worker_after_a_piece_and_the_next_goes_on() {
    let place = Place::empty();
    let [before, after] = pair();
    let maps = [before.write(&place, "before.tif"), after.write(&place, "after.tif")];
    let [b, a] = maps.each_ref().map(String::as_str);
    let config = dated("2018-06-01", "2021-06-01", MAPS);
    change(&place, &config, b, a, "whole", &[]).expect(0);
    let plan = plan(&place, &config, [b, a], "out", 1);
    let mut stops = 0;
    for _ in 0..100 {
        let ended = place.arpent(&["worker", "--plan", &plan, "--index", "0", "--budget", "0.001s"]);
        if ended.code == 0 {
            break;
        }
        let ended = ended.expect(3);
        stops += 1;
        assert!(ended.err.contains("stopped at the budget of"), "{}", ended.err);
        assert_eq!(pieces_of(&plan), stops, "a piece for each command");
    }
    assert!(stops > 0 && pieces_of(&plan) == stops + 1, "{stops}");
    merge(&place, &plan).expect(0);
    assert_eq!(hashes(&place, "out"), hashes(&place, "whole"));
}

#[test]
fn any_number_of_shards_gives_the_bytes_of_one_comparison() {
    let place = Place::empty();
    let [before, after] = pair();
    let maps = [before.write(&place, "before.tif"), after.write(&place, "after.tif")];
    let scenes = images(&place, 1, &[[100, 100, 140, 130], [400, 300, 430, 340]]);
    let of_maps = with_clouds(&place, &dated("2018-06-01", "2021-06-01", MAPS));
    let of_images = dated("2018-06-01", "2021-06-01", "[events]\nmin_area_m2 = 4.0\n");
    for (name, config, dates) in [("maps", &of_maps, &maps), ("images", &of_images, &scenes)] {
        let [b, a] = dates.each_ref().map(String::as_str);
        let whole = format!("{name}-whole");
        change(&place, config, b, a, &whole, &[]).expect(0);
        assert!(!events(&place, &whole).is_empty());
        for shards in [1, 3, 7] {
            let output = format!("{name}-{shards}");
            let plan = plan(&place, config, [b, a], &output, shards);
            // The last first: no order is needed.
            for index in (0..shards).rev() {
                place.worker(&plan, index).expect(0);
            }
            assert!(place.shows_nothing(&output));
            assert!(pieces_of(&plan) >= shards, "every shard has a piece");
            let merged = merge(&place, &plan).expect(0);
            assert!(merged.out.contains("not verified"), "{}", merged.out);
            assert_eq!(hashes(&place, &output), hashes(&place, &whole), "{shards} shards of {name}");
            let [one, other] = [&whole, &output].map(|output| Map::at(&place.path(output)).manifest);
            for key in ["run_id", "counts", "inputs", "warnings"] {
                assert_eq!(one[key], other[key], "{key} of {shards} shards of {name}");
            }
            place.arpent(&["check", &output]).expect(0);
            assert_eq!(pieces_of(&plan), 0, "pieces are of no use once the comparison is there");
            merge(&place, &plan).expect(0);
            assert_eq!(Map::at(&place.path(&output)).manifest, other, "merging again changes nothing");
        }
    }
}

#[test]
fn a_killed_worker_loses_no_piece_and_a_merge_waits_for_all() {
    let place = Place::empty();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130]]);
    let config = dated("2018-06-01", "2021-06-01", "");
    change(&place, &config, &old, &new, "whole", &[]).expect(0);
    let plan_url = plan(&place, &config, [&old, &new], "out", 2);
    place.worker(&plan_url, 0).expect(0);
    let refused = merge(&place, &plan_url).expect(75);
    assert!(refused.err.contains("1 of 2 shards are not done: 1"), "{}", refused.err);
    let status: Value =
        serde_json::from_str(&place.arpent(&["status", &plan_url, "--format", "json"]).expect(0).out)
            .unwrap();
    let job = &status["jobs"][0];
    assert_eq!((&job["states"]["done"], &job["states"]["waiting"]), (&1.into(), &1.into()), "{job}");
    assert_eq!(job["pixels"], 640 * 512);
    // What a worker leaves that is killed: some of its pieces, and no mark.
    let folder = Path::new(&plan_url).parent().unwrap();
    let done = files_below(&folder.join("shards")).into_iter().find(|p| p.ends_with("done.json")).unwrap();
    std::fs::remove_file(done).unwrap();
    let mut pieces = files_below(&folder.join("pieces"));
    pieces.sort();
    std::fs::remove_file(&pieces[0]).unwrap();
    let again = place.worker(&plan_url, 0).expect(0);
    assert!(again.out.contains(&format!("{} of them found", pieces.len() - 1)), "{}", again.out);
    // The same comparison planned again is the same plan, and goes on.
    assert_eq!(plan(&place, &config, [&old, &new], "out", 2), plan_url);
    // The rest, and the merge, by processes of this machine.
    place.arpent(&["submit", "--plan", &plan_url, "--executor", "local"]).expect(0);
    assert_eq!(hashes(&place, "out"), hashes(&place, "whole"));
}

#[test]
fn a_plan_is_of_the_inputs_that_it_was_made_of() {
    let place = Place::empty();
    let [before, after] = pair();
    let (b, a) = (before.write(&place, "before.tif"), after.write(&place, "after.tif"));
    let config = dated("2018-06-01", "2021-06-01", MAPS);
    let plan_url = plan(&place, &config, [&b, &a], "out", 2);
    // Another comparison for the same output is refused while this one is not published.
    let other = dated("2018-06-01", "2022-06-01", MAPS);
    let refused = change(&place, &other, &b, &a, &place.text("out"), &["--shards", "2"]).expect(2);
    assert!(refused.err.contains("another job is planned for"), "{}", refused.err);
    after.clone().fill([0, 0, 5, 5], 3).write(&place, "after.tif");
    let refused = place.worker(&plan_url, 0).expect(2);
    let words = "after.map changed since the plan was made";
    assert!(refused.err.contains(words) && refused.err.contains("plan again"), "{}", refused.err);
    let refused = place.worker(&plan_url, 2).expect(2);
    assert!(refused.err.contains("shard 2 is not in the plan"), "{}", refused.err);
    after.write(&place, "after.tif");
    (0..2).for_each(|index| drop(place.worker(&plan_url, index).expect(0)));
    // A piece that is damaged is not used.
    let folder = Path::new(&plan_url).parent().unwrap().join("pieces");
    let piece = files_below(&folder).pop().unwrap();
    let mut bytes = std::fs::read(&piece).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&piece, &bytes).unwrap();
    let refused = merge(&place, &plan_url).expect(2);
    assert!(refused.err.contains("its hash does not match"), "{}", refused.err);
    assert!(place.shows_nothing("out"));
}

#[test]
fn a_third_vintage_in_shards_keeps_the_ids() {
    let place = Place::empty();
    let [one, two, three] = three_vintages(&place);
    change(&place, &dated("2015", "2018", MAPS), &one, &two, "a", &[]).expect(0);
    let config = dated("2018", "2021", MAPS);
    // A plan has absolute paths, which reports show.
    let first = place.text("a");
    change(&place, &config, &first, &three, "b", &["--previous", &first]).expect(0);
    let config = format!("previous = \"a\"\n{config}");
    let plan = plan(&place, &config, [&first, &three], "c", 3);
    (0..3).for_each(|index| drop(place.worker(&plan, index).expect(0)));
    merge(&place, &plan).expect(0);
    assert_eq!(hashes(&place, "b"), hashes(&place, "c"));
}
