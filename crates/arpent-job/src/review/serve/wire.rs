//! What the page of a review and its server say to each other, as JSON.

use arpent_review::{Decision, Geometry, Kind, ObjectId, Person, Reason, Status, Verdict};
use serde::{Deserialize, Serialize};

/// Answer to `session`: who decides about what.
#[derive(Debug, Serialize)]
pub(super) struct Session<'a> {
    /// The token, behind a reverse proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<&'a str>,
    pub(super) person: &'a Person,
    pub(super) review: &'a str,
    pub(super) reasons: &'a [Reason],
    /// Classes of corrections.
    pub(super) classes: &'a [String],
    /// Whether others are shown only after one's own verdict.
    pub(super) blind: bool,
    /// How often the page asks whether others have decided, seconds.
    pub(super) poll_s: f64,
    /// Limits of corrected outlines; none for a map that does not say where it is.
    pub(super) outlines: Option<OutlineLimits>,
    pub(super) progress: Progress,
}

/// What a corrected outline must keep to, as the server checks it again.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct OutlineLimits {
    /// Most positions, with those that close rings.
    pub(super) positions: usize,
    /// Largest area, square meters.
    pub(super) area_m2: f64,
    /// West, south, east and north end of where it may be, degrees.
    #[serde(rename = "box")]
    pub(super) within: [f64; 4],
}

/// Answer to `outline`: a feature as it was proposed.
#[derive(Debug, Serialize)]
pub(super) struct Proposed {
    /// None if it has more positions than a decision may have.
    pub(super) geometry: Option<Geometry>,
}

/// How far the queue is done.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Progress {
    pub(super) decided: usize,
    pub(super) all: usize,
}

/// Answer to `next`: the first place of the queue that is open.
#[derive(Debug, Serialize)]
pub(super) struct Next<'a> {
    /// Its place, from 0; none if all is done.
    pub(super) place: Option<usize>,
    pub(super) feature: Option<&'a str>,
    pub(super) progress: Progress,
}

/// Answer to `feature`: what the person may see of its decisions.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    pub(super) feature: &'a str,
    /// Its place in the queue; none if it is not in it.
    pub(super) place: Option<usize>,
    pub(super) state: StateShown,
    pub(super) progress: Progress,
}

/// The state of a feature, as far as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StateShown {
    /// Whether decisions of others are shown only after one's own: this says nothing about whether there are some.
    pub(super) hidden: bool,
    pub(super) status: Status,
    /// What the next decision has to name as seen.
    pub(super) heads: Vec<ObjectId>,
    /// Contests without an answer.
    pub(super) contests: Vec<ObjectId>,
    /// Decisions, the newest last; of very many, those that count.
    pub(super) decisions: Vec<DecisionShown>,
}

/// A decision, as it is shown.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field that the page reads")]
pub(super) struct DecisionShown {
    pub(super) id: ObjectId,
    pub(super) kind: Kind,
    pub(super) verdict: Option<Verdict>,
    pub(super) class: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) comment: Option<String>,
    /// Whether it corrects the outline.
    pub(super) outline: bool,
    /// The corrected outline, of decisions that count and of the newest verdict of the person who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) geometry: Option<Geometry>,
    pub(super) person: Person,
    pub(super) time: String,
    /// Whether the person who asks made it.
    pub(super) own: bool,
    /// Whether no other one followed it.
    pub(super) head: bool,
    /// Whether its opinion counts: it is such a one, or what a contest among them is about.
    pub(super) counts: bool,
}

impl DecisionShown {
    pub(super) fn of(id: ObjectId, decision: Decision, own: bool, [head, counts]: [bool; 2]) -> Self {
        let said = decision.statement;
        Self {
            id,
            kind: said.kind,
            verdict: said.verdict,
            class: said.class,
            reason: said.reason,
            comment: said.comment,
            outline: said.geometry.is_some(),
            geometry: said.geometry.filter(|_| counts || own),
            person: said.person,
            time: said.time.to_string(),
            own,
            head,
            counts,
        }
    }

    /// Leaves out outlines that nobody asks for: of decisions that do not count, but for the newest verdict of the person,
    /// which undo states again. Sorted, the newest last.
    pub(super) fn only_needed_outlines(decisions: &mut [Self]) {
        let newest = decisions.iter().rposition(|one| one.own && one.verdict.is_some());
        for (at, one) in decisions.iter_mut().enumerate() {
            if !one.counts && Some(at) != newest {
                one.geometry = None;
            }
        }
    }
}

/// What a page asks for with a POST to `decisions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    pub(super) feature: String,
    /// By default a verdict.
    pub(super) kind: Option<Kind>,
    pub(super) verdict: Option<Verdict>,
    pub(super) reason: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) class: Option<String>,
    pub(super) geometry: Option<Geometry>,
    /// Contests that it answers.
    #[serde(default)]
    pub(super) answers: Vec<ObjectId>,
    /// The heads that the person has seen.
    pub(super) seen: Vec<ObjectId>,
    /// Numbers of the scenes that the person has seen, in the order of the manifest.
    #[serde(default)]
    pub(super) scenes: Vec<usize>,
    pub(super) duration_ms: Option<u64>,
    /// A decision of the same person that it takes back: it follows that person's decisions only.
    pub(super) undo: Option<ObjectId>,
}

/// Answer to a decision that was written and sealed.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    pub(super) id: ObjectId,
    pub(super) state: StateShown,
    pub(super) progress: Progress,
}

/// Answer to a decision whose author has not seen what others said.
#[derive(Debug, Serialize)]
pub(super) struct Conflict {
    pub(super) error: Message,
    pub(super) state: StateShown,
    pub(super) progress: Progress,
}

/// A message with what to do.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}
