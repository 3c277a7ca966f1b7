//! Earlier decisions as text.

use arpent_review::Earlier;

/// A line for each earlier decision: the verdict, the class that it gave, and when.
pub(super) fn history_text(earlier: &[Earlier]) -> String {
    let one = |earlier: &Earlier| {
        let class = earlier.class.as_ref().map_or(String::new(), |class| format!(" ({class})"));
        format!("{}{class} {}", earlier.verdict, earlier.time)
    };
    earlier.iter().map(one).collect::<Vec<_>>().join("; ")
}
