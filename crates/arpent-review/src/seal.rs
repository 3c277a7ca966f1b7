//! Seals: what a writer has written so far, and what it had seen of others.

use serde::{Deserialize, Serialize};

use crate::canonical::{ObjectId, canonical, read_canonical};
use crate::decision::{Decision, Statement, Writer, is_writer_id};
use crate::error::ReviewError;
use crate::header::Review;
use crate::signature::Key;

/// Format of seals.
pub const SEAL_FORMAT: &str = "arpent-seal/1";

/// A seal, as stored in `seals/<writer>/<number>.json`. It has no time and no chosen value: each of its fields follows from
/// other objects, so an edit of any of them is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// [`SEAL_FORMAT`].
    pub format: String,
    /// SHA-256 of `review.json`.
    pub review: ObjectId,
    /// Id of the writer.
    pub writer: String,
    /// Number of the seal, from 1 on.
    pub number: u64,
    /// Decisions of the writer so far.
    pub count: u64,
    /// The last of them.
    pub last: ObjectId,
    /// Seals that the writer has seen and that no other seal followed: its own previous one, and those of others. Ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<ObjectId>,
}

impl Seal {
    /// Reads a seal; only its form is checked.
    ///
    /// # Errors
    /// As [`read_canonical`], and [`ReviewError::Field`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReviewError> {
        let seal: Self = read_canonical(bytes, "a seal")?;
        if seal.format != SEAL_FORMAT {
            return Err(ReviewError::field("format", seal.format.as_str(), SEAL_FORMAT));
        }
        if !seal.seen.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(ReviewError::field("seen", "a list that is not sorted", "each id once, ascending"));
        }
        Ok(seal)
    }

    /// Its object.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn to_object(&self) -> Result<Object, ReviewError> {
        let bytes = canonical(self, "a seal")?;
        Ok(Object {
            path: format!("seals/{}/{}.json", self.writer, self.number),
            id: ObjectId::of(&bytes),
            bytes,
        })
    }
}

/// An object of a review, to be created at a path relative to the review's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes.
    pub id: ObjectId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Writes the decisions of one process or device: numbers them, chains them and seals them.
///
/// Store each object with a conditional create, in the order in which it is given, and acknowledge decisions only after
/// their seal. The id must be new, since two processes with one id write two chains.
#[derive(Debug, Clone)]
pub struct Chain {
    id: String,
    number: u64,
    last: Option<ObjectId>,
    seals: u64,
    sealed: u64,
    seen: Vec<ObjectId>,
    /// What the last seal has seen.
    former: Vec<ObjectId>,
}

impl Chain {
    /// A chain without decisions; `frontier` are the seals that no other seal has seen
    /// ([`Log::frontier`](crate::Log::frontier)).
    ///
    /// # Errors
    /// [`ReviewError::Field`] for an id that cannot be a folder.
    pub fn new(id: impl Into<String>, frontier: Vec<ObjectId>) -> Result<Self, ReviewError> {
        let id = id.into();
        if !is_writer_id(&id) {
            return Err(ReviewError::field("writer.id", id, "1 to 64 letters, digits and `-`"));
        }
        Ok(Self { id, number: 0, last: None, seals: 0, sealed: 0, seen: frontier, former: Vec::new() })
    }

    /// The next decision. If it cannot be stored, drop the chain: its number is used up.
    ///
    /// # Errors
    /// As [`Decision::new`]; the chain is unchanged then.
    pub fn write(
        &mut self,
        review: &Review,
        review_id: ObjectId,
        statement: Statement,
        key: Option<&Key>,
    ) -> Result<(Decision, Object), ReviewError> {
        let writer = Writer { id: self.id.clone(), number: self.number + 1, before: self.last };
        let decision = Decision::new(review, review_id, statement, writer, key)?;
        let (bytes, id) = decision.to_bytes()?;
        self.number += 1;
        self.last = Some(id);
        Ok((decision, Object { path: format!("decisions/{id}.json"), id, bytes }))
    }

    /// The seal of all decisions so far; `None` if all are sealed.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn seal(&mut self, review_id: ObjectId) -> Result<Option<Object>, ReviewError> {
        let Some(last) = self.last.filter(|_| self.sealed < self.number) else { return Ok(None) };
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort_unstable();
        seen.dedup();
        let seal = Seal {
            format: SEAL_FORMAT.to_owned(),
            review: review_id,
            writer: self.id.clone(),
            number: self.seals + 1,
            count: self.number,
            last,
            seen: seen.clone(),
        };
        let object = seal.to_object()?;
        self.seals += 1;
        self.sealed = self.number;
        self.former = seen;
        self.seen = vec![object.id];
        Ok(Some(object))
    }

    /// What to do when the last seal could not be created because its number was there: another process has sealed the
    /// decisions that it found ([`Log::adopted`](crate::Log::adopted)). `stored` are the bytes that are there; call
    /// [`Chain::seal`] again.
    ///
    /// # Errors
    /// As [`Seal::from_bytes`]; [`ReviewError::Field`] for a seal of another chain: two processes have one id.
    pub fn overtaken(&mut self, stored: &[u8]) -> Result<(), ReviewError> {
        let seal = Seal::from_bytes(stored)?;
        if seal.writer != self.id || seal.number != self.seals || seal.count > self.number {
            return Err(ReviewError::field("writer.id", self.id.as_str(), "an id of one process only"));
        }
        self.sealed = seal.count;
        self.seen = std::mem::take(&mut self.former);
        self.seen.push(ObjectId::of(stored));
        Ok(())
    }
}
