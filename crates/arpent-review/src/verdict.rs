//! Verdicts, and the states of other tools that they are.

use serde::{Deserialize, Serialize};

/// What a person has decided about a feature.
///
/// The first five are the states of AIGLE (`detection_validation_status`). Tasks that are not about offenses use
/// `confirmed` and `invalidated`, and a corrected class or geometry with `confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not decided (again): withdraws earlier verdicts.
    NotVerified,
    /// The object is there, and may break a rule.
    Suspect,
    /// The object is there, and breaks a rule.
    Illegal,
    /// The object is there, and breaks no rule.
    Legitimate,
    /// The object is not there: a false detection.
    Invalidated,
    /// The object is there; nothing is said about rules.
    Confirmed,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotVerified,
        Self::Suspect,
        Self::Illegal,
        Self::Legitimate,
        Self::Invalidated,
        Self::Confirmed,
    ];

    /// Its name in objects and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotVerified => "not_verified",
            Self::Suspect => "suspect",
            Self::Illegal => "illegal",
            Self::Legitimate => "legitimate",
            Self::Invalidated => "invalidated",
            Self::Confirmed => "confirmed",
        }
    }

    /// Its title in French.
    pub const fn title_fr(self) -> &'static str {
        match self {
            Self::NotVerified => "non vérifié",
            Self::Suspect => "suspect",
            Self::Illegal => "illégal",
            Self::Legitimate => "légitime",
            Self::Invalidated => "invalidé",
            Self::Confirmed => "confirmé",
        }
    }

    /// The verdict of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The state of AIGLE; `None` for `confirmed`, about which AIGLE has no state: it is written as NULL there.
    pub const fn aigle(self) -> Option<&'static str> {
        match self {
            Self::NotVerified => Some("DETECTED_NOT_VERIFIED"),
            Self::Suspect => Some("SUSPECT"),
            Self::Illegal => Some("ILLEGAL"),
            Self::Legitimate => Some("LEGITIMATE"),
            Self::Invalidated => Some("INVALIDATED"),
            Self::Confirmed => None,
        }
    }

    /// The verdict of a state of AIGLE.
    pub fn of_aigle(state: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.aigle() == Some(state))
    }

    /// Whether the object is there; `None` for `not_verified`.
    pub const fn is_there(self) -> Option<bool> {
        match self {
            Self::NotVerified => None,
            Self::Invalidated => Some(false),
            Self::Suspect | Self::Illegal | Self::Legitimate | Self::Confirmed => Some(true),
        }
    }
}

/// What kind of statement a decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A verdict.
    Verdict,
    /// A contest, with grounds: the feature does not count as decided until it is answered.
    Contest,
    /// A verdict that answers contests.
    Answer,
}

impl Kind {
    /// Its name in objects and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Contest => "contest",
            Self::Answer => "answer",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Verdict, Self::Contest, Self::Answer].into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_objects_and_states_of_aigle_come_back() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.name());
            assert_eq!(Verdict::of_name(verdict.name()), Some(verdict));
            assert_eq!(verdict.aigle().and_then(Verdict::of_aigle), verdict.aigle().map(|_| verdict));
        }
        for kind in [Kind::Verdict, Kind::Contest, Kind::Answer] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
        }
        assert_eq!((Verdict::of_aigle("confirmed"), Verdict::of_name("Illegal")), (None, None));
    }
}
