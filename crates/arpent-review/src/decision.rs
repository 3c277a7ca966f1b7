//! Decisions: immutable objects, named by their content.

use serde::{Deserialize, Serialize};

use crate::canonical::{ObjectId, canonical, read_canonical};
use crate::error::ReviewError;
use crate::geometry::Geometry;
use crate::header::{MapRef, Person, Review, check_text, is_hidden};
use crate::signature::{Key, fits};
use crate::time::Time;
use crate::verdict::{Kind, Verdict};

/// Format of decisions.
pub const DECISION_FORMAT: &str = "arpent-decision/1";
/// Longest comment, characters.
const COMMENT_CHARS: usize = 4_000;
/// Most ids of one list of a decision.
const MOST_LISTED: usize = 1_000;

/// The place of a decision in the chain of the process or device that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// Id of the writer: letters, digits and `-`, used by one process or device only.
    pub id: String,
    /// Number of the decision, from 1 on.
    pub number: u64,
    /// The writer's decision before it; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ObjectId>,
}

/// Why a person saw the feature: a task of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRef {
    /// Name of the sample.
    pub sample: String,
    /// Position in the queue, from 1.
    pub order: u64,
}

/// What a person states about a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Id of the feature or event.
    pub feature: String,
    /// Its kind.
    pub kind: Kind,
    /// The verdict; none for a contest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// A reason code of the review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A comment; required for contests and answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The corrected class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The corrected geometry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// Who decided.
    pub person: Person,
    /// When.
    pub time: Time,
    /// How long the person looked, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Scenes that the person saw, by their URI in the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenes: Vec<String>,
    /// The task of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// Id of the row that it was entered as in a table that does not change: 32 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Decisions about the feature that the person saw and that no other one followed: its heads. Ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<ObjectId>,
    /// Contests that it answers. Ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<ObjectId>,
}

/// A decision as stored in `decisions/<id>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// [`DECISION_FORMAT`].
    pub format: String,
    /// SHA-256 of the review's `review.json`.
    pub review: ObjectId,
    /// The map that the person saw.
    pub map: MapRef,
    /// What the person states.
    pub statement: Statement,
    /// Where it stands in the chain of its writer.
    pub writer: Writer,
    /// Ed25519 signature (base64) of the hash of the decision without this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

fn ascending(field: &'static str, ids: &[ObjectId]) -> Result<(), ReviewError> {
    if ids.len() > MOST_LISTED {
        return Err(ReviewError::field(field, format!("{} ids", ids.len()), "at most 1,000 ids"));
    }
    if ids.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok(());
    }
    Err(ReviewError::field(field, "a list that is not sorted", "each id once, ascending"))
}

impl Statement {
    /// A verdict of a person about a feature at a time, without anything else.
    pub fn new(feature: impl Into<String>, verdict: Verdict, person: Person, time: Time) -> Self {
        Self {
            feature: feature.into(),
            kind: Kind::Verdict,
            verdict: Some(verdict),
            reason: None,
            comment: None,
            class: None,
            geometry: None,
            person,
            time,
            duration_ms: None,
            scenes: Vec::new(),
            task: None,
            uuid: None,
            previous: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// A contest with its grounds.
    pub fn contest(
        feature: impl Into<String>,
        grounds: impl Into<String>,
        person: Person,
        time: Time,
    ) -> Self {
        let verdict = Self::new(feature, Verdict::NotVerified, person, time);
        Self { kind: Kind::Contest, verdict: None, comment: Some(grounds.into()), ..verdict }
    }

    /// Checks it against the rules of a review.
    ///
    /// # Errors
    /// [`ReviewError::Field`], [`ReviewError::Missing`].
    pub fn check(&self, review: &Review) -> Result<(), ReviewError> {
        check_text("feature", &self.feature, 200)?;
        self.person.check()?;
        if !review.admits(&self.person) {
            let name = self.person.name.as_str();
            return Err(ReviewError::field(
                "person",
                name,
                "a person whom the review lists, with the same function and organization",
            ));
        }
        self.check_kind()?;
        if let Some(reason) = &self.reason
            && !review.reasons.iter().any(|known| known.code == *reason)
        {
            let codes: Vec<&str> = review.reasons.iter().map(|known| known.code.as_str()).collect();
            return Err(ReviewError::field("reason", reason.as_str(), arpent_base::listed(&codes)));
        }
        if let Some(class) = &self.class
            && !review.classes.contains(class)
        {
            return Err(ReviewError::field("class", class.as_str(), arpent_base::listed(&review.classes)));
        }
        if let Some(geometry) = &self.geometry {
            geometry.check(review.max_area_m2)?;
        }
        if let Some(comment) = &self.comment {
            check_comment(comment)?;
        }
        for scene in &self.scenes {
            check_text("scenes", scene, 2_000)?;
        }
        if self.scenes.len() > MOST_LISTED {
            return Err(ReviewError::field(
                "scenes",
                format!("{} scenes", self.scenes.len()),
                "at most 1,000",
            ));
        }
        if let Some(task) = &self.task {
            check_text("task.sample", &task.sample, 64)?;
        }
        if let Some(uuid) = &self.uuid
            && row_number(uuid).is_none()
        {
            return Err(ReviewError::field("uuid", uuid.as_str(), "32 lower-case hexadecimal digits"));
        }
        ascending("previous", &self.previous)?;
        ascending("answers", &self.answers)
    }

    fn check_kind(&self) -> Result<(), ReviewError> {
        let corrected = self.class.is_some() || self.geometry.is_some();
        match (self.kind, self.verdict) {
            (Kind::Contest, Some(verdict)) => {
                return Err(ReviewError::field("verdict", verdict.name(), "no verdict in a contest"));
            }
            (Kind::Contest, None) if self.reason.is_some() || corrected => {
                return Err(ReviewError::field(
                    "kind",
                    "contest",
                    "a contest without reason code, class and geometry",
                ));
            }
            (Kind::Verdict | Kind::Answer, None) => return Err(ReviewError::Missing { field: "verdict" }),
            (_, Some(verdict)) if corrected && verdict.is_there() != Some(true) => {
                let expected = "a verdict that the object is there, where its class or geometry is corrected";
                return Err(ReviewError::field("verdict", verdict.name(), expected));
            }
            _ => {}
        }
        if self.kind != Kind::Verdict && self.comment.is_none() {
            return Err(ReviewError::Missing { field: "comment" });
        }
        match (self.kind, self.answers.is_empty()) {
            (Kind::Answer, true) => Err(ReviewError::Missing { field: "answers" }),
            (Kind::Verdict | Kind::Contest, false) => {
                Err(ReviewError::field("answers", self.kind.name(), "only an answer answers contests"))
            }
            _ => Ok(()),
        }
    }
}

/// The id of a row as a number, if it is written as in objects.
pub(crate) fn row_number(uuid: &str) -> Option<u128> {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_plain = uuid.len() == 32 && uuid.bytes().all(is_digit);
    is_plain.then(|| u128::from_str_radix(uuid, 16).ok()).flatten()
}

fn check_comment(comment: &str) -> Result<(), ReviewError> {
    if comment.trim().is_empty() {
        return Err(ReviewError::Missing { field: "comment" });
    }
    let length = comment.chars().count();
    if length > COMMENT_CHARS {
        return Err(ReviewError::field(
            "comment",
            format!("{length} characters"),
            "at most 4,000 characters",
        ));
    }
    if comment.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')) {
        return Err(ReviewError::field("comment", comment, "text without control characters"));
    }
    Ok(())
}

impl Decision {
    /// A decision in a review, signed if there is a key; checked.
    ///
    /// # Errors
    /// As [`Decision::check`], and [`ReviewError::TooLarge`].
    pub fn new(
        review: &Review,
        review_id: ObjectId,
        statement: Statement,
        writer: Writer,
        key: Option<&Key>,
    ) -> Result<Self, ReviewError> {
        let format = DECISION_FORMAT.to_owned();
        let map = review.map.clone();
        let mut decision = Self { format, review: review_id, map, statement, writer, signature: None };
        decision.statement.check(review)?;
        if let Some(key) = key {
            decision.signature = Some(key.sign(&decision.unsigned_id()?));
        }
        decision.check(review, review_id)?;
        Ok(decision)
    }

    fn unsigned_id(&self) -> Result<ObjectId, ReviewError> {
        let unsigned = Self { signature: None, ..self.clone() };
        Ok(ObjectId::of(&canonical(&unsigned, "a decision")?))
    }

    /// Its bytes and its id.
    ///
    /// # Errors
    /// [`ReviewError::TooLarge`].
    pub fn to_bytes(&self) -> Result<(Vec<u8>, ObjectId), ReviewError> {
        let bytes = canonical(self, "a decision")?;
        if bytes.len() > crate::canonical::OBJECT_BYTES {
            let limit = crate::canonical::OBJECT_BYTES;
            return Err(ReviewError::TooLarge { what: "a decision", bytes: bytes.len(), limit });
        }
        let id = ObjectId::of(&bytes);
        Ok((bytes, id))
    }

    /// Reads a decision; its content is not checked.
    ///
    /// # Errors
    /// As [`read_canonical`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReviewError> {
        read_canonical(bytes, "a decision")
    }

    /// Checks that it is a decision of this review, complete and allowed, and that its signature fits where the review
    /// lists a key of the person.
    ///
    /// # Errors
    /// [`ReviewError::Foreign`], [`ReviewError::Field`], [`ReviewError::Missing`], [`ReviewError::Signature`].
    pub fn check(&self, review: &Review, review_id: ObjectId) -> Result<(), ReviewError> {
        if self.format != DECISION_FORMAT {
            return Err(ReviewError::field("format", self.format.as_str(), DECISION_FORMAT));
        }
        let foreign =
            |what, found: String, expected: String| Err(ReviewError::Foreign { what, found, expected });
        if self.review != review_id {
            return foreign("review", self.review.to_string(), review_id.to_string());
        }
        if self.map != review.map {
            let name = |map: &MapRef| format!("{} ({})", map.run_id, map.manifest_sha256);
            return foreign("map", name(&self.map), name(&review.map));
        }
        check_writer(&self.writer)?;
        self.statement.check(review)?;
        let key = review.reviewer(&self.statement.person).and_then(|reviewer| reviewer.key.as_deref());
        let fits = match (key, &self.signature) {
            (None, None) => true,
            (Some(key), Some(signature)) => fits(key, &self.unsigned_id()?, signature),
            _ => false,
        };
        let person = || self.statement.person.name.clone();
        if fits { Ok(()) } else { Err(ReviewError::Signature { person: person() }) }
    }
}

/// Whether a text can be the id of a writer.
pub(crate) fn is_writer_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn check_writer(writer: &Writer) -> Result<(), ReviewError> {
    if !is_writer_id(&writer.id) {
        let expected = "1 to 64 letters, digits and `-`";
        return Err(ReviewError::field("writer.id", writer.id.as_str(), expected));
    }
    // Numbers of JSON are exact up to 2^53.
    let in_range = (1..1 << 53).contains(&writer.number);
    if !in_range || (writer.number == 1) != writer.before.is_none() {
        let expected = "a number from 1 on, and the decision before it if it is not the first";
        return Err(ReviewError::field("writer.number", writer.number.to_string(), expected));
    }
    Ok(())
}
