//! Rows of class ids to rows of artificial or not.

use std::collections::BTreeMap;

use arpent_raster::{LABEL_NODATA, Nomenclature};
use serde::{Deserialize, Serialize};

use super::BalanceError;
use super::codes::{Basis, Cover, UnknownCode, Use, decide};
use super::error::check_length;

/// Answers for pairs of class ids (cover, use) of two label rasters.
#[derive(Debug, Clone)]
pub struct ArtificialMatrix {
    /// An answer for each cover id and use id.
    answers: Box<[Answer]>,
    has_uses: bool,
    unknown: Vec<UnknownClass>,
}

/// A class without a code of OCS GE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownClass {
    /// Its id in the label raster.
    pub class_id: u8,
    /// Its name.
    pub name: String,
    /// Its code; an empty one if it has none.
    pub code: UnknownCode,
}

/// The answer for a pixel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Answer {
    kind: Kind,
    cover_only: bool,
    sealed: bool,
    built: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    NotObserved,
    Unknown,
    Not,
    Artificial,
}

/// Rows of answers, reused from row to row. 0: no; 1: yes; 255: not observed, or of an unknown class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerRow {
    /// Artificial by the matrix.
    pub artificial: Vec<u8>,
    /// Sealed.
    pub sealed: Vec<u8>,
    /// Building; 0 where not observed.
    pub built: Vec<u8>,
}

/// Pixels whose answer needs a remark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemarkCounts {
    /// Pixels of classes without a code of OCS GE, by (cover id, use id); a missing use is 255. They have no answer.
    pub unknown: BTreeMap<u8, BTreeMap<u8, u64>>,
    /// Pixels whose answer rests on the cover only, though a use could give the other one.
    pub cover_only: u64,
    /// Pixels with an answer.
    pub answered: u64,
}

impl RemarkCounts {
    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        for (cover, uses) in &other.unknown {
            for (usage, pixels) in uses {
                *self.unknown.entry(*cover).or_default().entry(*usage).or_default() += pixels;
            }
        }
        self.cover_only += other.cover_only;
        self.answered += other.answered;
    }

    /// Pixels of unknown classes.
    pub fn unknown_pixels(&self) -> u64 {
        self.unknown.values().flat_map(BTreeMap::values).sum()
    }
}

impl ArtificialMatrix {
    /// For label rasters with these classes, whose codes are those of OCS GE (`code` of
    /// [`Class`](arpent_raster::Class)). Classes without such a code are [listed](Self::unknown_classes), their pixels
    /// counted and without an answer.
    pub fn new(covers: &Nomenclature, uses: Option<&Nomenclature>) -> Self {
        let mut unknown = Vec::new();
        let covers = codes::<Cover>(covers, UnknownCode::Cover, &mut unknown);
        let has_uses = uses.is_some();
        let uses = uses.map_or([Code::Missing; 256], |u| codes::<Use>(u, UnknownCode::Use, &mut unknown));
        let answers = covers.iter().flat_map(|cover| uses.iter().map(move |usage| answer(*cover, *usage)));
        Self { answers: answers.collect(), has_uses, unknown }
    }

    /// Whether uses are read. Without them the result is the cover-only part, to be called so.
    pub fn has_uses(&self) -> bool {
        self.has_uses
    }

    /// Classes without a code of OCS GE, covers first, in the order of the nomenclatures.
    pub fn unknown_classes(&self) -> &[UnknownClass] {
        &self.unknown
    }

    /// Writes the answers for a row of covers and, if there are any, uses (255: no use is known).
    ///
    /// # Errors
    /// [`BalanceError::RowLength`] if there is not one use for each cover.
    pub fn read_row(
        &self,
        row: u64,
        covers: &[u8],
        uses: Option<&[u8]>,
        into: &mut AnswerRow,
        counts: &mut RemarkCounts,
    ) -> Result<(), BalanceError> {
        check_length(row, "uses", uses.map_or(covers.len(), <[u8]>::len), covers.len())?;
        for held in [&mut into.artificial, &mut into.sealed, &mut into.built] {
            held.clear();
        }
        for (col, cover) in covers.iter().enumerate() {
            let usage = uses.map_or(LABEL_NODATA, |uses| uses[col]);
            let answer = self.answers[usize::from(*cover) << 8 | usize::from(usage)];
            let of = |is: bool| u8::from(is);
            let (artificial, sealed) = match answer.kind {
                Kind::Unknown => {
                    *counts.unknown.entry(*cover).or_default().entry(usage).or_default() += 1;
                    (LABEL_NODATA, LABEL_NODATA)
                }
                Kind::NotObserved => (LABEL_NODATA, LABEL_NODATA),
                kind => {
                    counts.answered += 1;
                    counts.cover_only += u64::from(answer.cover_only);
                    (of(kind == Kind::Artificial), of(answer.sealed))
                }
            };
            into.artificial.push(artificial);
            into.sealed.push(sealed);
            into.built.push(of(answer.built));
        }
        Ok(())
    }
}

/// The code of a class id.
#[derive(Debug, Clone, Copy)]
enum Code<T> {
    /// Nodata.
    Missing,
    /// Not in the nomenclature, or with another code.
    Unknown,
    Known(T),
}

fn codes<T: std::str::FromStr<Err = UnknownCode> + Copy>(
    nomenclature: &Nomenclature,
    missing: fn(String) -> UnknownCode,
    unknown: &mut Vec<UnknownClass>,
) -> [Code<T>; 256] {
    let mut codes = [Code::Unknown; 256];
    codes[usize::from(LABEL_NODATA)] = Code::Missing;
    for class in nomenclature.classes() {
        let code = class.code.as_deref().map_or_else(|| Err(missing(String::new())), str::parse);
        match code {
            Ok(code) => codes[usize::from(class.id)] = Code::Known(code),
            Err(code) => unknown.push(UnknownClass { class_id: class.id, name: class.name.clone(), code }),
        }
    }
    codes
}

fn answer(cover: Code<Cover>, usage: Code<Use>) -> Answer {
    let none = |kind| Answer { kind, ..Answer::default() };
    match (cover, usage) {
        (Code::Missing, _) => none(Kind::NotObserved),
        (Code::Unknown, _) | (_, Code::Unknown) => none(Kind::Unknown),
        (Code::Known(cover), usage) => {
            let usage = if let Code::Known(usage) = usage { Some(usage) } else { None };
            let (artificial, basis) = decide(cover, usage);
            Answer {
                kind: if artificial { Kind::Artificial } else { Kind::Not },
                cover_only: basis == Basis::CoverOnly,
                sealed: cover.is_sealed(),
                built: cover.is_built(),
            }
        }
    }
}
