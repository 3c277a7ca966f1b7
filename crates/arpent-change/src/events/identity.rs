//! Ids of objects that stay over vintages.

use arpent_base::sha256_hex;
use serde::{Deserialize, Serialize};

use super::event::{Event, EventObject, Link, ObjectKey, Outcome};

/// What an object of one date became: a row of the table of lineage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// Id of the object before.
    pub from_id: String,
    /// Id of the object after; equal where the object is the same.
    pub to_id: String,
    /// Common ground, square meters; 0 for a displaced object.
    pub overlap_m2: f64,
    /// Its share of the object before, 0 to 1.
    pub share_from: f64,
    /// Its share of the object after, 0 to 1.
    pub share_to: f64,
}

/// The ids of the objects of an outcome, in the order of its objects.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectIds {
    /// Of those before.
    pub before: Vec<String>,
    /// Of those after.
    pub after: Vec<String>,
    /// Who became whom.
    pub lineage: Vec<Lineage>,
}

/// The id of an object that is seen for the first time: 32 hex digits, SHA-256 (truncated) of grid, class, first pixel
/// and date. It is never given to another object: an object of the same class that begins at the same pixel later
/// has another date.
pub fn object_id(grid_key: &str, key: &ObjectKey, since: &str) -> String {
    let text = format!("object\n{grid_key}\n{}\n{}\n{}\n{since}", key.class_id, key.row, key.col);
    let mut id = sha256_hex(text.as_bytes());
    id.truncate(32);
    id
}

/// Gives the objects of an outcome their ids: `known` has those of objects before, `new` those of new objects. The
/// object with the largest common ground keeps the id of the one before (of equal ones, the first); the others are
/// new.
pub fn identify(
    outcome: &Outcome,
    known: &mut dyn FnMut(&ObjectKey) -> String,
    new: &mut dyn FnMut(&ObjectKey) -> String,
) -> ObjectIds {
    let (before, after, links): (&[EventObject], &[EventObject], &[Link]) = match outcome {
        Outcome::Event(Event { before, after, links, .. }) => (before, after, links),
        Outcome::Same(before, after) => {
            let id = known(&before.key);
            debug_assert_eq!(before.key.class_id, after.key.class_id);
            return ObjectIds { before: vec![id.clone()], after: vec![id], lineage: Vec::new() };
        }
    };
    let ids: Vec<String> = before.iter().map(|object| known(&object.key)).collect();
    let mut order: Vec<&Link> = links.iter().collect();
    order.sort_by(|a, b| b.overlap_m2.total_cmp(&a.overlap_m2).then((a.from, a.to).cmp(&(b.from, b.to))));
    let (mut kept, mut of_after) = (vec![false; before.len()], vec![None; after.len()]);
    for link in order {
        if !kept[link.from] && of_after[link.to].is_none() {
            kept[link.from] = true;
            of_after[link.to] = Some(ids[link.from].clone());
        }
    }
    let of_after: Vec<String> =
        after.iter().zip(of_after).map(|(object, id)| id.unwrap_or_else(|| new(&object.key))).collect();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let lineage = links.iter().map(|link| Lineage {
        from_id: ids[link.from].clone(),
        to_id: of_after[link.to].clone(),
        overlap_m2: link.overlap_m2,
        share_from: share(link.overlap_m2, before[link.from].area_m2),
        share_to: share(link.overlap_m2, after[link.to].area_m2),
    });
    let lineage = lineage.collect();
    ObjectIds { before: ids, after: of_after, lineage }
}
