use arpent_base::Diagnostic as _;
use arpent_base::number::{approximate, exact, floor, truncate};
use arpent_raster::Window;
use proptest::prelude::*;

use super::*;
use crate::DetectionMerger;

fn detection(class_id: u8, score: f32, bbox: [f64; 4]) -> Detection {
    Detection { class_id, score, bbox, oriented: None }
}

/// One strip's detections and the row above which everything is complete then.
type Strip = (Vec<Detection>, i64);

fn merge(strips: &[Strip], gap_px: f64, max_extent_px: u32) -> Vec<Object> {
    let mut merger = ObjectMerger::new([gap_px; 2], max_extent_px).unwrap();
    let mut objects = vec![];
    for (detections, done) in strips {
        merger.push(detections, &Remaining::below(*done), &mut |o| objects.push(o)).unwrap();
    }
    merger.finish(&mut |o| objects.push(o));
    sorted(objects)
}

fn sorted(mut objects: Vec<Object>) -> Vec<Object> {
    let numbers = |o: &Object| o.oriented.iter().map(OrientedBox::numbers).collect::<Vec<_>>();
    objects.sort_by(|a, b| {
        let key = |o: &Object| (o.class_id, o.boxes.clone(), numbers(o), o.score);
        key(a).partial_cmp(&key(b)).unwrap()
    });
    objects
}

/// The detections of an object, of which all have a direction or none.
fn fragments(object: &Object) -> impl Iterator<Item = Detection> {
    object.boxes.iter().enumerate().map(|(i, bbox)| {
        let oriented = object.oriented.get(i).copied();
        Detection { oriented, ..detection(object.class_id, object.score, *bbox) }
    })
}

/// The closure over a whole set at once, one number for each: the smallest number of those it can reach. The
/// reference.
fn closure(count: usize, is_near: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut group: Vec<usize> = (0..count).collect();
    loop {
        let before = group.clone();
        for (i, j) in (0..count).flat_map(|i| (0..count).map(move |j| (i, j))) {
            if is_near(i, j) {
                group[i] = group[i].min(group[j]);
            }
        }
        if group == before {
            return group;
        }
    }
}

fn merged_at_once(all: &[Detection], gap_px: f64, max_extent_px: u32) -> Vec<Object> {
    let is_near = |i: usize, j: usize| {
        let (a, b) = (&all[i], &all[j]);
        let apart = |k: usize| (a.bbox[k].max(b.bbox[k]) - a.bbox[k + 2].min(b.bbox[k + 2])).max(0.0);
        let boxes_are = a.class_id == b.class_id && apart(0).max(apart(1)) <= gap_px;
        boxes_are && a.oriented.zip(b.oriented).is_none_or(|(a, b)| a.is_within(&b, [gap_px; 2]))
    };
    let clusters = closure(all.len(), is_near);
    let is_large: Vec<bool> = (0..all.len())
        .map(|i| {
            let boxes = || (0..all.len()).filter(|j| clusters[*j] == clusters[i]).map(|j| all[j].bbox);
            let side = |k: usize| {
                boxes().map(|b| b[k + 2]).fold(f64::MIN, f64::max)
                    - boxes().map(|b| b[k]).fold(f64::MAX, f64::min)
            };
            side(0).max(side(1)) > f64::from(max_extent_px)
        })
        .collect();
    let cell = |i: usize| {
        let b = all[i].bbox;
        [b[0] + b[2], b[1] + b[3]].map(|m| floor::<i64>(m / 2.0 / f64::from(max_extent_px)))
    };
    let pieces = closure(all.len(), |i, j| is_near(i, j) && (!is_large[i] || cell(i) == cell(j)));
    let object = |first: usize| {
        let of = || (0..all.len()).filter(|i| pieces[*i] == first).map(|i| all[i]);
        let numbers = |d: &Detection| d.oriented.map(|oriented| oriented.numbers());
        let mut of_object: Vec<Detection> = of().collect();
        of_object.sort_by(|a, b| (a.bbox, numbers(a)).partial_cmp(&(b.bbox, numbers(b))).unwrap());
        let boxes = of_object.iter().map(|d| d.bbox).collect();
        let oriented = of_object.iter().filter_map(|d| d.oriented).collect();
        let score = of().map(|d| d.score).fold(0.0, f32::max);
        Object { class_id: all[first].class_id, score, boxes, oriented }
    };
    sorted((0..all.len()).filter(|i| pieces[*i] == *i).map(object).collect())
}

prop_compose! {
    /// Those of class 1 have a direction.
    fn detections()(class_id in 0u8..2, score in 1u8..6, col in -20i8..40, row in -60i8..60, width in 0u8..7, height in 0u8..9, turn in 0u8..9) -> Detection {
        let (col, row, width, height) = (f64::from(col), f64::from(row) * 0.5, f64::from(width), f64::from(height) * 0.5);
        let upright = detection(class_id, f32::from(score) / 5.0, [col, row, col + width, row + height]);
        if class_id == 0 {
            return upright;
        }
        let half = [0.5 + width / 4.0, f64::from(turn) / 2.0 - 2.0];
        let oriented = OrientedBox::new([col, row], half, height / 4.0);
        Detection { bbox: oriented.bbox(), oriented: Some(oriented), ..upright }
    }
}

prop_compose! {
    /// Detections in any order, each in any strip before the one that declares its first row complete.
    fn strips()(
        all in prop::collection::vec((detections(), 0.0f64..1.0, any::<u32>()), 0..70),
        mut cuts in prop::collection::vec(-30i64..40, 0..9),
    ) -> Vec<Strip> {
        cuts.sort_unstable();
        cuts.push(i64::MAX);
        let mut strips: Vec<Vec<(u32, Detection)>> = vec![Vec::new(); cuts.len()];
        for (d, when, order) in all {
            let last = cuts.iter().position(|cut| d.bbox[1] < approximate(*cut)).unwrap();
            strips[truncate::<usize>(when * exact(last + 1))].push((order, d));
        }
        let in_order = |mut strip: Vec<(u32, Detection)>| {
            strip.sort_by_key(|s| s.0);
            strip.into_iter().map(|s| s.1).collect()
        };
        strips.into_iter().map(in_order).zip(cuts).collect()
    }
}

/// Lines of blocks along one axis: from the first of these to the last, by the given ones between.
fn lines(mut between: Vec<i8>) -> Vec<i64> {
    between.sort_unstable();
    between.dedup();
    [-64].into_iter().chain(between.into_iter().map(i64::from)).chain([64]).collect()
}

/// The objects of detections that are suppressed and joined block by block.
fn merge_blocks(
    all: &[Detection],
    blocks: &[Window],
    reach: u32,
    mergers: impl Fn() -> (DetectionMerger, ObjectMerger),
) -> Vec<Object> {
    let (mut all_detections, mut all_objects) = mergers();
    let mut found = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let is_in = |d: &&Detection| {
            let [x, y] = [0, 1].map(|k| floor::<i64>(d.bbox[k].midpoint(d.bbox[k + 2])));
            (block.col..block.col_end()).contains(&x) && (block.row..block.row_end()).contains(&y)
        };
        let of_block: Vec<Detection> = all.iter().filter(is_in).copied().collect();
        let (mut detections, mut objects) = mergers();
        let mut kept = Vec::new();
        detections.push(&of_block, &Remaining::outside(block, reach), &mut |d| kept.push(d)).unwrap();
        objects.push(&kept, &detections.remaining(), &mut |o| found.push(o)).unwrap();
        let (detections, objects) = (detections.leave(), objects.leave());
        let stored = serde_json::to_vec(&objects).unwrap();
        assert_eq!(serde_json::from_slice::<OpenObjects>(&stored).unwrap(), objects);

        let to_come = Remaining::within(&blocks[i + 1..], reach);
        let mut kept = Vec::new();
        all_objects.take(objects, &all_detections.remaining(), &mut |o| found.push(o)).unwrap();
        all_detections.push(&detections, &to_come, &mut |d| kept.push(d)).unwrap();
        all_objects.push(&kept, &all_detections.remaining(), &mut |o| found.push(o)).unwrap();
    }
    assert_eq!((all_detections.pending(), all_objects.pending()), (0, 0), "nothing is to come");
    sorted(found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn blocks_and_their_order_do_not_matter(
        all in prop::collection::vec(detections(), 0..70),
        cols in prop::collection::vec(-30i8..50, 0..4), rows in prop::collection::vec(-30i8..30, 0..4),
        order: u64, gap_px in prop::sample::select(vec![0.0, 0.5, 3.0]),
        max_extent_px in prop::sample::select(vec![1, 4, 10, 25, 1000]), iou in prop::sample::select(vec![0.0, 0.3, 1.0]),
    ) {
        let (cols, rows) = (lines(cols), lines(rows));
        let mut blocks: Vec<Window> = rows.windows(2)
            .flat_map(|r| cols.windows(2).map(move |c| Window::between(c[0], r[0], c[1], r[1])))
            .collect();
        blocks.sort_by_key(|b| (b.col * 31 + b.row * 17).unsigned_abs().wrapping_mul(order | 1));
        let mergers = || {
            let objects = ObjectMerger::new([gap_px; 2], max_extent_px).unwrap();
            (DetectionMerger::new(iou, true).unwrap(), objects)
        };
        let whole = [Window::between(-64, -64, 64, 64)];
        let at_once = merge_blocks(&all, &whole, 4, mergers);
        prop_assert_eq!(&merge_blocks(&all, &blocks, 4, mergers), &at_once);
        let mut kept = Vec::new();
        mergers().0.push(&all, &Remaining::nothing(), &mut |d| kept.push(d)).unwrap();
        prop_assert_eq!(at_once, merged_at_once(&kept, gap_px, max_extent_px));
    }

    #[test]
    fn strips_and_order_do_not_matter(
        strips in strips(),
        gap_px in prop::sample::select(vec![0.0, 0.5, 1.0, 3.0]),
        max_extent_px in prop::sample::select(vec![1, 4, 10, 25, 1000]),
    ) {
        let all: Vec<Detection> = strips.iter().flat_map(|s| s.0.clone()).collect();
        prop_assert_eq!(merge(&strips, gap_px, max_extent_px), merged_at_once(&all, gap_px, max_extent_px));
    }

    #[test]
    fn suppressed_first_strips_still_do_not_matter(strips in strips(), max_extent_px in prop::sample::select(vec![10, 1000])) {
        let mut merger = DetectionMerger::new(0.3, true).unwrap();
        let (mut kept, mut objects) = (Vec::<Detection>::new(), vec![]);
        let mut joined = ObjectMerger::new([1.0; 2], max_extent_px).unwrap();
        for (detections, done) in &strips {
            let mut strip = vec![];
            merger.push(detections, &Remaining::below(*done), &mut |d| strip.push(d)).unwrap();
            kept.extend(&strip);
            joined.push(&strip, &merger.remaining(), &mut |o| objects.push(o)).unwrap();
        }
        prop_assert_eq!(merger.pending(), 0);
        joined.finish(&mut |o| objects.push(o));
        prop_assert_eq!(sorted(objects), merged_at_once(&kept, 1.0, max_extent_px));
    }

    #[test]
    fn an_extent_that_holds_a_small_cluster_does_not_matter(
        strips in strips(), west in -20i32..20, max_extent_px in prop::sample::select(vec![10, 25]),
    ) {
        let all: Vec<Detection> = strips.iter().flat_map(|s| s.0.clone()).collect();
        let crop: Vec<Detection> = all.iter().filter(|d| d.bbox[0] >= f64::from(west)).copied().collect();
        let whole = merge(&[(all, i64::MAX)], 1.0, max_extent_px);
        let cropped = merge(&[(crop.clone(), i64::MAX)], 1.0, max_extent_px);
        // Clusters that the crop holds whole are those that it holds without a limit, too.
        let clusters = merge(&[(whole.iter().flat_map(fragments).collect(), i64::MAX)], 1.0, 10_000);
        for cluster in clusters.iter().filter(|c| c.boxes.iter().all(|b| b[0] >= f64::from(west))) {
            let pieces = |of: &[Object]| -> Vec<Object> {
                of.iter().filter(|o| o.class_id == cluster.class_id && cluster.boxes.contains(&o.boxes[0])).cloned().collect()
            };
            prop_assert_eq!(pieces(&whole), pieces(&cropped));
        }
    }
}

#[test]
fn fragments_a_gap_apart_are_one_object() {
    let fragments = [
        detection(1, 0.25, [10.0, 0.0, 14.0, 4.0]),
        detection(1, 0.75, [0.0, 6.0, 8.0, 9.0]),
        detection(2, 0.9, [8.0, 4.0, 10.0, 6.0]),
    ];
    let near = merge(&[(fragments.to_vec(), 0)], 2.0, 100);
    assert_eq!(near.iter().map(Object::fragments).collect::<Vec<_>>(), [2, 1]);
    assert!((near[0].score - 0.75).abs() < f32::EPSILON);
    assert_eq!(near[0].boxes, [fragments[1].bbox, fragments[0].bbox]);
    assert_eq!(merge(&[(fragments.to_vec(), 0)], 1.9, 100).len(), 3);
}

/// The boxes around things side by side, in a slanted row, overlap; the things do not.
#[test]
fn slanted_fragments_side_by_side_are_two_objects() {
    let place = |x: f64, y: f64| {
        let oriented = OrientedBox::new([x, y], [8.0, 8.0], 1.5);
        Detection { oriented: Some(oriented), ..detection(1, 0.5, oriented.bbox()) }
    };
    // Their middles are 5 apart, across: 2 lie between their sides.
    let across = 5.0 / f64::sqrt(2.0);
    let both = [place(0.0, 0.0), place(across, -across)];
    let objects = |gap: f64| merge(&[(both.to_vec(), 99)], gap, 100);
    assert_eq!(objects(0.0).len(), 2);
    // As far in columns and in rows: 1.41.
    assert_eq!((objects(1.4).len(), objects(1.42).len()), (2, 1));
    let one = &objects(1.42)[0];
    assert_eq!((one.fragments(), one.oriented.len()), (2, 2));
    let end_to_end = [place(0.0, 0.0), place(15.9, 15.9)];
    assert_eq!(merge(&[(end_to_end.to_vec(), 99)], 0.0, 100).len(), 1);
}

#[test]
fn an_object_leaves_when_nothing_can_touch_it() {
    let mut merger = ObjectMerger::new([2.0; 2], 100).unwrap();
    let mut count = 0;
    merger
        .push(&[detection(0, 0.5, [0.0, 0.0, 4.0, 4.0])], &Remaining::below(6), &mut |_| count += 1)
        .unwrap();
    assert_eq!(merger.pending(), 1, "one that starts at row 6 would be a neighbor");
    merger.push(&[], &Remaining::below(7), &mut |_| count += 1).unwrap();
    assert_eq!((merger.pending(), count), (0, 1));
}

#[test]
fn an_object_without_end_is_cut_on_the_lattice() {
    // A crack down a whole road, in a strip for each fragment, that begins anywhere.
    for start in [-1_003_i32, 0, 77] {
        let mut merger = ObjectMerger::new([1.0; 2], 64).unwrap();
        let (mut objects, mut most) = (Vec::new(), 0);
        for i in (start..start + 5_000).filter(|i| i % 4 == 0) {
            let row = f64::from(i);
            let fragment = detection(0, 0.5, [10.0, row, 14.0, row + 3.0]);
            merger.push(&[fragment], &Remaining::below(i64::from(i) + 4), &mut |o| objects.push(o)).unwrap();
            most = most.max(merger.pending());
        }
        assert!(most <= 2 * 64 / 4, "{most} held");
        merger.finish(&mut |o| objects.push(o));
        // But for those at either end, each piece is a cell.
        for object in &objects[1..objects.len() - 1] {
            assert_eq!(object.fragments(), 16);
            assert!((object.boxes[0][1] / 64.0).fract().abs() < 1e-12, "{:?}", object.boxes[0]);
        }
    }
}

#[test]
fn what_is_left_of_a_large_cluster_stays_cut() {
    // The first two are too wide together; without the first, the others would not be.
    let [a, b, c] = [[-9.0, 0.0, 6.0, 1.0], [6.0, 0.0, 9.0, 6.0], [9.0, 5.0, 15.0, 8.0]];
    let of = |bbox| vec![detection(0, 0.5, bbox)];
    let objects = merge(&[([of(a), of(b)].concat(), 3), (of(c), 10)], 0.0, 10);
    assert_eq!(objects.iter().map(|o| o.boxes[0]).collect::<Vec<_>>(), [a, b, c]);
}

#[test]
fn nonsense_is_refused() {
    assert!(ObjectMerger::new([f64::NAN; 2], 1).is_err());
    assert!(ObjectMerger::new([-1.0; 2], 1).is_err());
    assert!(ObjectMerger::new([f64::INFINITY; 2], 1).is_err());
    let error = ObjectMerger::new([1.0; 2], 0).unwrap_err();
    assert_eq!(error.hint().unwrap(), "set `max_extent_px` to a whole number of 1 or more");
    let mut merger = ObjectMerger::new([0.0; 2], 10).unwrap();
    let good = detection(0, 0.5, [0.0, 0.0, 1.0, 1.0]);
    let mut push = |d: Detection, done| merger.push(&[good, d], &Remaining::below(done), &mut |_| {});
    assert!(push(detection(0, 0.5, [2.0, 0.0, 1.0, 1.0]), 9).is_err());
    assert_eq!(push(good, 1), Ok(()), "nothing was taken, no promise was made");
    assert_eq!(push(good, 1), Err(VectorError::LateDetection { bbox: good.bbox }));
}
