//! The states of review that features of a decided map have: their names, titles and colors.

use arpent_base::Language;
use arpent_raster::Color;
use arpent_review::Verdict;

/// Decisions that contradict each other.
pub(crate) const DISPUTED: &str = "disputed";
/// A contest without an answer.
pub(crate) const CONTESTED: &str = "contested";

/// All states: the verdicts, and what is not settled.
pub(crate) fn states() -> impl Iterator<Item = &'static str> {
    Verdict::ALL.into_iter().map(Verdict::name).chain([DISPUTED, CONTESTED])
}

/// The title of a state; an unknown one is its own.
pub(crate) fn state_title(state: &str, language: Language) -> &str {
    match (language, state) {
        (Language::En, "not_verified") => "proposal, not verified",
        (Language::Fr, "not_verified") => "proposition, non vérifiée",
        (Language::En, CONTESTED) => "contested, without an answer",
        (Language::Fr, CONTESTED) => "contesté, sans réponse",
        (Language::Fr, DISPUTED) => "avis divergents",
        (Language::Fr, _) => match Verdict::of_name(state) {
            Some(verdict) => verdict.title_fr(),
            None => state,
        },
        (Language::En, _) => state,
    }
}

/// The color of a state: those of Okabe and Ito (2008), which can be distinguished without color vision, and grays for what is
/// not decided and what is not there.
pub(crate) fn state_color(state: &str) -> Color {
    Color(match state {
        "confirmed" => [0, 158, 115],
        "legitimate" => [0, 114, 178],
        "suspect" => [230, 159, 0],
        "illegal" => [213, 94, 0],
        DISPUTED => [204, 121, 167],
        CONTESTED => [240, 228, 66],
        "invalidated" => [60, 60, 60],
        _ => [140, 140, 140],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_title_and_color() {
        let all: Vec<_> = states().collect();
        assert_eq!(all.len(), 8);
        for language in [Language::En, Language::Fr] {
            let titles: std::collections::BTreeSet<_> =
                all.iter().map(|s| state_title(s, language)).collect();
            assert_eq!(titles.len(), all.len(), "{titles:?}");
        }
        let colors: std::collections::BTreeSet<_> = all.iter().map(|state| state_color(state).0).collect();
        assert_eq!(colors.len(), all.len());
    }
}
