//! The header of a review: `review.json`.

use serde::{Deserialize, Serialize};

use crate::canonical::{ObjectId, canonical, read_canonical};
use crate::error::ReviewError;
use crate::time::Time;

/// Format of headers.
pub const REVIEW_FORMAT: &str = "arpent-review/1";

/// Largest corrected geometry by default, square meters: 100 hectares.
pub const MOST_M2: f64 = 1e6;

/// A published map, by its run and the SHA-256 of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRef {
    /// The run id.
    pub run_id: String,
    /// SHA-256 of `manifest.json`.
    pub manifest_sha256: ObjectId,
}

/// A reason for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Its code, as decisions name it.
    pub code: String,
    /// Its title in English.
    pub en: String,
    /// Its title in French.
    pub fr: String,
}

/// Who decided: all three are required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// First and last name.
    pub name: String,
    /// Function: `instructrice`, `SIG officer`.
    pub function: String,
    /// Organization: `DDTM 13`.
    pub organization: String,
}

/// A person who may decide in a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// The person, as every decision names them.
    pub person: Person,
    /// Public Ed25519 key (32 bytes, base64). Decisions of a person with a key must be signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A review of one published map. It is written once, and every decision has its hash: an edit is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// [`REVIEW_FORMAT`].
    pub format: String,
    /// Name of the review: its folder.
    pub name: String,
    /// The map.
    pub map: MapRef,
    /// When it was created.
    pub created: Time,
    /// Reasons that decisions may give.
    pub reasons: Vec<Reason>,
    /// Classes that a correction may give.
    pub classes: Vec<String>,
    /// Who may decide; empty for every named person.
    pub people: Vec<Reviewer>,
    /// Largest corrected geometry, square meters.
    pub max_area_m2: f64,
    /// SHA-256 of `history.json`: what was decided about objects of an earlier map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<ObjectId>,
}

/// A text without blanks around it, not empty, without control characters, of bounded length.
pub(crate) fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), ReviewError> {
    if text.trim().is_empty() {
        return Err(ReviewError::Missing { field });
    }
    let length = text.chars().count();
    if length > most {
        return Err(ReviewError::field(
            field,
            format!("{length} characters"),
            format!("at most {most} characters"),
        ));
    }
    if text.trim() != text || text.chars().any(is_hidden) {
        let expected = "text without control characters, and without spaces at its ends";
        return Err(ReviewError::field(field, text, expected));
    }
    Ok(())
}

/// Control characters, and those that change the direction of a text: what is shown must be what was written.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text is a name of a folder in every store: letters, digits, `.`, `_` and `-`, not starting with a dot.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) && !name.starts_with('.')
}

impl Person {
    /// Checks that the person is named.
    ///
    /// # Errors
    /// [`ReviewError::Missing`], [`ReviewError::Field`].
    pub fn check(&self) -> Result<(), ReviewError> {
        const MOST: usize = 200;
        check_text("person.name", &self.name, MOST)?;
        check_text("person.function", &self.function, MOST)?;
        check_text("person.organization", &self.organization, MOST)
    }
}

impl Review {
    /// The reasons of a review where nothing else is configured.
    pub fn default_reasons() -> Vec<Reason> {
        let reason =
            |code: &str, en: &str, fr: &str| Reason { code: code.into(), en: en.into(), fr: fr.into() };
        vec![
            reason("visible", "Clearly visible on the image", "Nettement visible sur l'image"),
            reason("absent", "Not on the image", "Absent de l'image"),
            reason("confused", "Confused with another object", "Confusion avec un autre objet"),
            reason(
                "hidden",
                "Hidden by shadow, cloud or vegetation",
                "Masqué par une ombre, un nuage ou la végétation",
            ),
            reason("outline", "Outline to be corrected", "Contour à corriger"),
            reason("permitted", "Permit or declaration on file", "Autorisation ou déclaration au dossier"),
            reason("field", "Seen in the field", "Constaté sur le terrain"),
            reason("other", "Other (see the comment)", "Autre (voir le commentaire)"),
        ]
    }

    /// The bytes of `review.json` and their hash.
    ///
    /// # Errors
    /// As [`Review::check`].
    pub fn to_bytes(&self) -> Result<(Vec<u8>, ObjectId), ReviewError> {
        self.check()?;
        let bytes = canonical(self, "review.json")?;
        let id = ObjectId::of(&bytes);
        Ok((bytes, id))
    }

    /// Reads `review.json`.
    ///
    /// # Errors
    /// As [`read_canonical`] and [`Review::check`].
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, ObjectId), ReviewError> {
        let review: Self = read_canonical(bytes, "review.json")?;
        review.check()?;
        Ok((review, ObjectId::of(bytes)))
    }

    /// Checks its fields.
    ///
    /// # Errors
    /// [`ReviewError::Field`], [`ReviewError::Missing`].
    pub fn check(&self) -> Result<(), ReviewError> {
        if self.format != REVIEW_FORMAT {
            return Err(ReviewError::field("format", self.format.as_str(), REVIEW_FORMAT));
        }
        if !is_plain(&self.name) {
            let expected = "1 to 64 letters, digits, `.`, `_` and `-`, not starting with a dot";
            return Err(ReviewError::field("name", self.name.as_str(), expected));
        }
        check_text("map.run_id", &self.map.run_id, 200)?;
        for (i, reason) in self.reasons.iter().enumerate() {
            check_text("reasons.code", &reason.code, 64)?;
            check_text("reasons.en", &reason.en, 200)?;
            check_text("reasons.fr", &reason.fr, 200)?;
            if self.reasons[..i].iter().any(|other| other.code == reason.code) {
                return Err(ReviewError::field("reasons.code", reason.code.as_str(), "each code once"));
            }
        }
        for class in &self.classes {
            check_text("classes", class, 200)?;
        }
        for (i, reviewer) in self.people.iter().enumerate() {
            reviewer.person.check()?;
            if let Some(key) = &reviewer.key {
                crate::signature::public_key(key)?;
            }
            if self.people[..i].iter().any(|other| other.person == reviewer.person) {
                return Err(ReviewError::field("people", reviewer.person.name.as_str(), "each person once"));
            }
        }
        if !(self.max_area_m2.is_finite() && self.max_area_m2 > 0.0) {
            return Err(ReviewError::field("max_area_m2", self.max_area_m2.to_string(), "a positive number"));
        }
        Ok(())
    }

    /// The person as the review lists them.
    pub(crate) fn reviewer(&self, person: &Person) -> Option<&Reviewer> {
        self.people.iter().find(|reviewer| reviewer.person == *person)
    }

    /// Whether a person may decide.
    pub(crate) fn admits(&self, person: &Person) -> bool {
        self.people.is_empty() || self.reviewer(person).is_some()
    }
}
