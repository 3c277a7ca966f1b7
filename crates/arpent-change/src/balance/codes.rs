//! Codes of OCS GE, the French large-scale land cover and land use, and which of them are artificial.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rule of [`decide`], as reports name it.
pub const RULE: &str = "decree 2023-1096, annex of article R. 101-1; matrix of OCS GE as coded by sparte";

/// A code that OCS GE does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UnknownCode {
    /// In the place of a cover code.
    Cover(String),
    /// In the place of a use code.
    Use(String),
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cover(code) => write!(f, "`{code}` is not a cover code of OCS GE, such as CS1.1.1.1"),
            Self::Use(code) => write!(f, "`{code}` is not a use code of OCS GE, such as US1.1"),
        }
    }
}

impl std::error::Error for UnknownCode {}

impl arpent_base::Diagnostic for UnknownCode {
    fn hint(&self) -> Option<String> {
        Some("correct the code in the nomenclature or in the layer".into())
    }
}

/// Upper case without white space: codes of files differ in both.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $($variant:ident $code:literal $meaning:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $(#[doc = concat!("`", $code, "`: ", $meaning, ".")] $variant,)+
        }

        impl $name {
            /// All codes, in the order of the nomenclature.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code as it is written.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            /// Case and white space do not matter.
            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match plain(text).as_str() {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(UnknownCode::$kind(text.to_owned())),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownCode;

            fn try_from(text: String) -> Result<Self, UnknownCode> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.code().to_owned()
            }
        }
    };
}

codes!(
    /// Land cover (*couverture du sol*).
    Cover, Cover,
    Cs1111 "CS1.1.1.1" "buildings",
    Cs1112 "CS1.1.1.2" "other sealed surfaces",
    Cs1121 "CS1.1.2.1" "mineral materials",
    Cs1122 "CS1.1.2.2" "composite materials",
    Cs121 "CS1.2.1" "bare soil",
    Cs122 "CS1.2.2" "water",
    Cs123 "CS1.2.3" "permanent snow and ice",
    Cs2111 "CS2.1.1.1" "broadleaved trees",
    Cs2112 "CS2.1.1.2" "conifers",
    Cs2113 "CS2.1.1.3" "mixed trees",
    Cs212 "CS2.1.2" "shrubs",
    Cs213 "CS2.1.3" "other woody vegetation",
    Cs221 "CS2.2.1" "herbaceous vegetation",
    Cs222 "CS2.2.2" "other vegetation that is not woody",
);

codes!(
    /// Land use (*usage du sol*).
    Use, Use,
    Us11 "US1.1" "agriculture",
    Us12 "US1.2" "forestry",
    Us13 "US1.3" "extraction",
    Us14 "US1.4" "fishing and aquaculture",
    Us15 "US1.5" "other primary production",
    Us2 "US2" "secondary production",
    Us3 "US3" "tertiary production",
    Us5 "US5" "residential",
    Us235 "US235" "secondary, tertiary or residential, not separated",
    Us411 "US4.1.1" "road transport",
    Us412 "US4.1.2" "rail transport",
    Us413 "US4.1.3" "air transport",
    Us414 "US4.1.4" "water transport",
    Us415 "US4.1.5" "other transport",
    Us42 "US4.2" "logistics and storage",
    Us43 "US4.3" "public utilities",
    Us61 "US6.1" "in transition, such as building sites",
    Us62 "US6.2" "abandoned",
    Us63 "US6.3" "without use",
    Us66 "US6.6" "unknown use",
);

impl Cover {
    /// Whether the soil is sealed (*imperméable*): buildings and other sealed surfaces, whatever the use.
    pub const fn is_sealed(self) -> bool {
        matches!(self, Self::Cs1111 | Self::Cs1112)
    }

    /// Whether it is a building, whose threshold is its footprint.
    pub const fn is_built(self) -> bool {
        matches!(self, Self::Cs1111)
    }

    /// Whether the use decides: mineral materials (artificial unless extracted) and herbaceous covers.
    pub const fn depends_on_use(self) -> bool {
        matches!(self, Self::Cs1121 | Self::Cs221 | Self::Cs222)
    }
}

impl Use {
    /// Whether herbaceous cover of this use is artificial: 13 of the 20 uses.
    pub const fn makes_herbs_artificial(self) -> bool {
        matches!(
            self,
            Self::Us2
                | Self::Us3
                | Self::Us5
                | Self::Us235
                | Self::Us411
                | Self::Us412
                | Self::Us413
                | Self::Us414
                | Self::Us415
                | Self::Us42
                | Self::Us43
                | Self::Us61
                | Self::Us62
        )
    }
}

/// Which of the two codes an answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Cover and use, or a cover that has one answer whatever the use.
    CoverAndUse,
    /// The cover only, where a use could give the other answer: mineral materials count as artificial, herbaceous
    /// covers do not.
    CoverOnly,
}

/// Whether a surface is artificial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Both codes are of OCS GE, or the use is missing.
    Known {
        /// Whether it is artificial.
        artificial: bool,
        /// What the answer rests on.
        basis: Basis,
    },
    /// A code that is not of OCS GE: no answer.
    Unknown(UnknownCode),
}

/// Whether a cover of a use is artificial by the matrix, before thresholds and exemptions. Without a use, the
/// cover-only part.
pub const fn decide(cover: Cover, usage: Option<Use>) -> (bool, Basis) {
    let artificial = match (cover, usage) {
        (Cover::Cs1111 | Cover::Cs1112 | Cover::Cs1122, _) | (Cover::Cs1121, None) => true,
        (Cover::Cs1121, Some(usage)) => !matches!(usage, Use::Us13),
        (Cover::Cs221 | Cover::Cs222, Some(usage)) => usage.makes_herbs_artificial(),
        _ => false,
    };
    let basis = if usage.is_none() && cover.depends_on_use() { Basis::CoverOnly } else { Basis::CoverAndUse };
    (artificial, basis)
}

/// As [`decide`], of codes as files write them; an empty use is a missing one. An unknown use gives
/// [`Outcome::Unknown`] even where the cover alone would decide, so that it is never dropped.
pub fn decide_codes(cover: &str, usage: Option<&str>) -> Outcome {
    let codes = cover.parse::<Cover>().and_then(|cover| {
        let usage = usage.filter(|usage| !plain(usage).is_empty()).map(str::parse::<Use>).transpose()?;
        Ok((cover, usage))
    });
    match codes {
        Ok((cover, usage)) => {
            let (artificial, basis) = decide(cover, usage);
            Outcome::Known { artificial, basis }
        }
        Err(unknown) => Outcome::Unknown(unknown),
    }
}
