//! Several reference features of an override in one feature.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arpent_base::number::signed;
use arpent_gdal::ReferenceFeature;

/// Approximate length of a list of ids, characters; further ids are counted.
const LONGEST_LIST: usize = 240;

/// Identity of a reference feature: its id, or the number of one without id.
#[derive(Debug, Default)]
pub(super) struct Together {
    parts: Vec<Part>,
}

/// A reference feature, or a part of one that the layer stores in several.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    number: u64,
    id: Option<String>,
    share: f64,
}

/// Attributes of a feature from its reference features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    /// Id of the one with the largest share, if it has one.
    pub(super) id: Option<String>,
    /// Share of the feature that all cover together, at most 1: reference features of a layer may overlap.
    pub(super) share: f64,
    /// Number of reference features.
    pub(super) count: i64,
    /// Their ids, the largest share first, separated by commas; `+N` at the end for those that do not fit or have no
    /// id.
    pub(super) ids: Option<String>,
}

impl Together {
    pub(super) fn take(&mut self, share: f64, reference: &ReferenceFeature) {
        let id = reference.values.first().and_then(Option::as_ref).map(ToString::to_string);
        self.add(Part { number: reference.number, id, share });
    }

    fn add(&mut self, part: Part) {
        if part.share > 0.0 {
            self.parts.push(part);
        }
    }

    /// The attributes, if all reference features together cover the required share of the feature.
    pub(super) fn summary(mut self, min_share: f64) -> Option<Summary> {
        // Added in the layer's order, so that sums are the same everywhere.
        self.parts.sort_unstable_by_key(|part| part.number);
        let share = self.parts.iter().fold(0.0, |sum, part| sum + part.share).min(1.0);
        // The rounding of a sum of shares must not take a feature from its reference features.
        if self.parts.is_empty() || share < min_share - 1e-9 {
            return None;
        }
        let mut features: BTreeMap<(Option<String>, u64), (f64, u64)> = BTreeMap::new();
        for Part { number, id, share } in self.parts {
            let key = if id.is_some() { (id, 0) } else { (None, number) };
            features.entry(key).or_insert((0.0, number)).0 += share;
        }
        let mut features: Vec<(Option<String>, f64, u64)> =
            features.into_iter().map(|((id, _), (share, number))| (id, share, number)).collect();
        // Of equals, the one that comes first in its layer. Differences below a billionth are rounding.
        let steps = |share: f64| (share * 1e9).round();
        features.sort_by(|a, b| steps(b.1).total_cmp(&steps(a.1)).then(a.2.cmp(&b.2)));
        let count = signed(features.len());
        let ids = listed(features.iter().map(|(id, ..)| id.as_deref()));
        Some(Summary { id: features.swap_remove(0).0, share, count, ids })
    }
}

/// A list of ids that is not too long.
fn listed<'a>(ids: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let (mut list, mut listed, mut left, mut full) = (String::new(), 0, 0u64, false);
    for id in ids {
        // The first is listed whatever its length.
        full |= id.is_some_and(|id| listed > 0 && list.len() + id.len() >= LONGEST_LIST);
        let Some(id) = id.filter(|_| !full) else {
            left += 1;
            continue;
        };
        if listed > 0 {
            list.push(',');
        }
        list.push_str(id);
        listed += 1;
    }
    if listed > 0 && left > 0 {
        // Writing to a string cannot fail.
        let _ = write!(list, ",+{left}");
    }
    (listed > 0).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(parts: &[(u64, &str, f64)]) -> Together {
        let mut together = Together::default();
        for (number, id, share) in parts {
            let id = Some((*id).to_owned()).filter(|id| !id.is_empty());
            together.add(Part { number: *number, id, share: *share });
        }
        together
    }

    #[test]
    fn reference_features_that_touch_are_listed_together() {
        let told =
            together(&[(3, "C", 0.3), (1, "A", 0.2), (2, "B", 0.3), (4, "D", 0.0)]).summary(0.5).unwrap();
        let expected = Summary { id: Some("B".into()), share: 0.8, count: 3, ids: Some("B,C,A".into()) };
        assert_eq!((told.id, told.count, told.ids), (expected.id, expected.count, expected.ids));
        assert!((told.share - 0.8).abs() < 1e-12);
        assert_eq!(together(&[(1, "A", 0.2), (2, "B", 0.2)]).summary(0.5), None);
        assert_eq!(together(&[]).summary(0.0), None);
        let told = together(&[(2, "B", 0.1 + 0.2), (1, "A", 0.3)]).summary(0.5).unwrap();
        assert_eq!(told.ids.as_deref(), Some("A,B"), "the last bit of a share does not count");
        // Ten tenths are a whole, whatever their sum is to the last bit.
        let tenths: Vec<_> = (0..10).map(|i| (i, "t", 0.1)).collect();
        assert!(together(&tenths).summary(1.0).is_some());
    }

    #[test]
    fn parts_of_one_id_are_one_reference_feature_and_those_without_count_each() {
        let told = together(&[(1, "A", 0.2), (2, "B", 0.3), (3, "A", 0.2), (4, "", 0.1), (5, "", 0.1)]);
        let told = told.summary(0.5).unwrap();
        assert_eq!((told.id.as_deref(), told.count, told.ids.as_deref()), (Some("A"), 4, Some("A,B,+2")));
        let nobody = together(&[(1, "", 0.7)]).summary(0.5).unwrap();
        assert_eq!((nobody.id, nobody.count, nobody.ids), (None, 1, None));
    }

    #[test]
    fn lists_are_bounded_whatever_the_number() {
        let many: Vec<String> = (0..395).map(|i| format!("BATIMENT{i:010}")).collect();
        let parts: Vec<(u64, &str, f64)> = (1..).zip(&many).map(|(i, id)| (i, id.as_str(), 0.002)).collect();
        let told = together(&parts).summary(0.5).unwrap();
        let ids = told.ids.unwrap();
        assert_eq!(told.count, 395);
        assert!(ids.len() < LONGEST_LIST + 10 && ids.starts_with("BATIMENT0000000000,"), "{ids}");
        let listed = ids.split(',').count() - 1;
        assert!(ids.ends_with(&format!(",+{}", 395 - listed)), "{ids}");
    }
}
