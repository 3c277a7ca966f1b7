//! What was decided about objects of an earlier map, beside the features of a later one: history, never a verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{ObjectId, canonical};
use crate::error::ReviewError;
use crate::header::MapRef;
use crate::time::Time;

/// Format of histories.
pub const HISTORY_FORMAT: &str = "arpent-history/1";
/// Name of the object in a review's folder.
pub const HISTORY_NAME: &str = "history.json";

/// A decided feature of the earlier map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Its id in the earlier map.
    pub feature: String,
    /// Its verdict there.
    pub verdict: String,
    /// The class that a decision gave it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Time of the newest decision that counted.
    pub time: Time,
}

/// Earlier decisions by feature of the later map, as stored in `history.json`, whose hash the header of the review has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// [`HISTORY_FORMAT`].
    pub format: String,
    /// The earlier map.
    pub map: MapRef,
    /// SHA-256 of the `review.json` of its review.
    pub review: ObjectId,
    /// Digest of that review when it was read.
    pub root: ObjectId,
    /// Decisions by feature of the later map; of each feature ascending.
    pub features: BTreeMap<String, Vec<Earlier>>,
}

impl History {
    /// Its bytes and their hash.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn to_bytes(&self) -> Result<(Vec<u8>, ObjectId), ReviewError> {
        let bytes = canonical(self, "a history")?;
        let id = ObjectId::of(&bytes);
        Ok((bytes, id))
    }

    /// Reads a history of this hash.
    ///
    /// # Errors
    /// [`ReviewError::Foreign`] for other bytes, [`ReviewError::Unreadable`] for what is no history.
    pub fn from_bytes(bytes: &[u8], id: ObjectId) -> Result<Self, ReviewError> {
        let found = ObjectId::of(bytes);
        if found != id {
            return Err(ReviewError::Foreign {
                what: "history",
                found: found.to_string(),
                expected: id.to_string(),
            });
        }
        let unreadable = |reason: String| ReviewError::Unreadable { what: "a history", reason };
        let history: Self = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if history.format != HISTORY_FORMAT {
            return Err(ReviewError::field("format", history.format.as_str(), HISTORY_FORMAT));
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_read_by_its_hash_alone() {
        let id = ObjectId::of(b"x");
        let earlier = Earlier {
            feature: "a".into(),
            verdict: "illegal".into(),
            class: None,
            time: Time::of_millis(0).unwrap(),
        };
        let history = History {
            format: HISTORY_FORMAT.into(),
            map: MapRef { run_id: "run-1".into(), manifest_sha256: id },
            review: id,
            root: id,
            features: [("b".to_owned(), vec![earlier])].into(),
        };
        let (bytes, hash) = history.to_bytes().unwrap();
        assert_eq!(History::from_bytes(&bytes, hash), Ok(history));
        let edited = String::from_utf8(bytes).unwrap().replace("illegal", "suspect");
        assert!(matches!(History::from_bytes(edited.as_bytes(), hash), Err(ReviewError::Foreign { .. })));
        assert!(History::from_bytes(b"{}", ObjectId::of(b"{}")).is_err());
    }
}
