//! Groups and intervals.

use arpent_metrics::{Confusion, Grouped, MetricsError};

fn grouped(groups: &[(&str, [u64; 4])]) -> Grouped<Confusion> {
    let mut grouped = Grouped::new(Confusion::new(2).unwrap());
    for (name, counts) in groups {
        *grouped.group(name) = Confusion::from_counts(2, counts.to_vec()).unwrap();
    }
    grouped
}

const SITES: [(&str, [u64; 4]); 4] =
    [("Arles", [50, 10, 4, 30]), ("Brest", [80, 2, 9, 11]), ("Caen", [60, 0, 0, 20]), ("Dole", [9, 9, 9, 9])];

#[test]
fn the_order_of_groups_does_not_matter() {
    let turned: Vec<_> = SITES.into_iter().rev().collect();
    let interval = |g: &Grouped<Confusion>| g.interval(|m| m.iou(1), 0.95, 300, 1).unwrap().unwrap();
    assert_eq!(interval(&grouped(&SITES)), interval(&grouped(&turned)));
}

#[test]
fn the_seed_decides() {
    let grouped = grouped(&SITES);
    let interval = |seed| grouped.interval(|m| m.iou(1), 0.8, 50, seed).unwrap();
    assert_eq!(interval(7), interval(7));
    assert_ne!(interval(7), interval(8));
}

#[test]
fn intervals_hold_the_estimate_and_widen_with_the_level() {
    let grouped = grouped(&SITES);
    let interval = |level| grouped.interval(Confusion::overall_accuracy, level, 500, 3).unwrap().unwrap();
    let (narrow, wide) = (interval(0.5), interval(0.99));
    assert!(wide.low < narrow.low && narrow.low < narrow.estimate);
    assert!(narrow.estimate < narrow.high && narrow.high < wide.high);
    assert_eq!(Some(wide.estimate), grouped.pooled().unwrap().overall_accuracy());
}

#[test]
fn each_group_has_its_score() {
    let mut grouped = grouped(&SITES);
    grouped.group("Arles").add(1, 1).unwrap();
    grouped.group("Evry").add(0, 0).unwrap();
    let each = grouped.each(|m| m.recall(1));
    assert_eq!(each.keys().collect::<Vec<_>>(), ["Arles", "Brest", "Caen", "Dole", "Evry"]);
    assert_eq!((each["Arles"], each["Caen"], each["Evry"]), (Some(31.0 / 35.0), Some(1.0), None));
}

#[test]
fn groups_that_agree_leave_no_doubt() {
    let same = [("a", [6, 1, 2, 3]), ("b", [6, 1, 2, 3]), ("c", [6, 1, 2, 3])];
    let interval = grouped(&same).interval(|m| m.f1(1), 0.95, 100, 0).unwrap().unwrap();
    assert!((interval.high - interval.low).abs() < 1e-12, "{interval:?}");
}

#[test]
fn groups_are_independent() {
    assert_eq!(grouped(&SITES[..1]).interval(|m| m.iou(1), 0.95, 100, 0), Ok(None));
    assert_eq!(grouped(&[]).interval(|m| m.iou(1), 0.95, 100, 0), Ok(None));
}

#[test]
fn resamples_without_a_score_are_counted() {
    let rare = [("a", [9, 0, 0, 0]), ("b", [9, 0, 0, 0]), ("c", [4, 1, 1, 3])];
    let interval = grouped(&rare).interval(|m| m.iou(1), 0.95, 1000, 5).unwrap().unwrap();
    // (2 / 3) ^ 3 of the resamples do not hold "c".
    assert!((200..400).contains(&interval.undefined), "{interval:?}");
    assert_eq!(grouped(&rare[..2]).interval(|m| m.iou(1), 0.95, 10, 5), Ok(None));
}

#[test]
fn options_without_sense_are_refused() {
    let grouped = grouped(&SITES);
    for (level, resamples) in [(0.0, 10), (1.0, 10), (f64::NAN, 10), (0.9, 0)] {
        let refused = grouped.interval(|m| m.iou(1), level, resamples, 0);
        assert!(matches!(refused, Err(MetricsError::BadOption { .. })), "{refused:?}");
    }
}

#[test]
fn a_group_of_another_kind_is_refused() {
    let mut grouped = grouped(&SITES);
    *grouped.group("Evreux") = Confusion::new(3).unwrap();
    assert!(matches!(grouped.pooled(), Err(MetricsError::Merge { .. })));
    assert_eq!(
        grouped.groups().map(|(name, _)| name).collect::<Vec<_>>(),
        ["Arles", "Brest", "Caen", "Dole", "Evreux"]
    );
}
