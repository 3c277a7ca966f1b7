//! Errors of plans and shards, and whether a retry may succeed.

use arpent_base::Diagnostic;
use thiserror::Error;

/// A plan that cannot be carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShardError {
    /// A job in shards without an output for its state.
    #[error("a plan with shards needs an output: its state is kept below it")]
    NoOutput,
    /// An address with a secret, which would be stored in the plan.
    #[error(
        "an address of the job contains a signature, a token or a password, which would be stored in the plan"
    )]
    SecretAddress,
    /// A number of shards out of range.
    #[error("{shards} shards, expected 1 to {most}")]
    ShardCount {
        /// As requested.
        shards: usize,
        /// The maximum.
        most: usize,
    },
    /// The address of a plan is not that of a plan.
    #[error("{url} is not the address of a plan")]
    NotAPlan {
        /// As given.
        url: String,
    },
    /// There is no plan.
    #[error("there is no plan at {url}")]
    NoPlan {
        /// Where it should be.
        url: String,
    },
    /// A document in the store that is not a plan, or not a record of a shard.
    #[error("{url} cannot be read as {what}: {message}")]
    BadDocument {
        /// Its address.
        url: String,
        /// The expected kind of document.
        what: &'static str,
        /// The parser's reason.
        message: String,
    },
    /// A plan was changed after it was made.
    #[error(
        "the plan at {url} was changed after it was written: its id is {found}, that of its content {expected}"
    )]
    PlanChanged {
        /// Where it is.
        url: String,
        /// The id of its content.
        expected: String,
        /// Its id.
        found: String,
    },
    /// A plan of another version.
    #[error("the plan was made with {name} {planned}, this is {name} {here}")]
    OtherVersion {
        /// Program or library.
        name: String,
        /// Version of the plan.
        planned: String,
        /// Version of this program.
        here: String,
    },
    /// An input that differs from the plan.
    #[error("{what} changed since the plan was made: {was} then, {now} now")]
    InputChanged {
        /// A scene, a layer, the model.
        what: String,
        /// As planned.
        was: String,
        /// As found.
        now: String,
    },
    /// A scene of the plan cannot be used now.
    #[error("{uri} cannot be read, though it could when the plan was made: {reason}")]
    SceneLost {
        /// The scene.
        uri: String,
        /// Why.
        reason: String,
    },
    /// A shard that the plan does not have.
    #[error("shard {index} is not in the plan, which has shards 0 to {last}")]
    NoSuchShard {
        /// As requested.
        index: usize,
        /// The last one.
        last: usize,
    },
    /// An address with neither a job nor a map.
    #[error("there is neither a job nor a map at {url}")]
    NoJob {
        /// The address.
        url: String,
    },
    /// Another job is planned for the same output, and not published.
    #[error("another job is planned for {output}: {other}")]
    OtherJob {
        /// The output.
        output: String,
        /// Its plan.
        other: String,
    },
    /// A damaged piece.
    #[error("the piece {place} cannot be used: {reason}")]
    BadPiece {
        /// Where it is.
        place: String,
        /// The problem.
        reason: &'static str,
    },
    /// A piece that is missing although its shard is done.
    #[error("the piece {place} is missing")]
    PieceGone {
        /// Its address.
        place: String,
    },
    /// Shards are not done.
    #[error("{} of {shards} shards are not done: {}", missing.len(), listed(missing))]
    Unfinished {
        /// Those that are not done.
        missing: Vec<usize>,
        /// Shards in all.
        shards: usize,
    },
    /// Shards that failed permanently.
    #[error("shard {} failed: {reason}", listed(failed))]
    Failed {
        /// Those that failed.
        failed: Vec<usize>,
        /// Error of the first.
        reason: String,
        /// Its hint.
        hint: Option<String>,
    },
    /// SIGTERM or SIGINT.
    #[error("interrupted; computed results are kept")]
    Interrupted,
    /// A piece could not be packed.
    #[error("cannot pack a piece: {source}")]
    Pack {
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The first 8 numbers.
fn listed(numbers: &[usize]) -> String {
    let first: Vec<String> = numbers.iter().take(8).map(ToString::to_string).collect();
    let more = if numbers.len() > first.len() { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

impl Diagnostic for ShardError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoOutput => "name a folder or a URL with --output, or under `output` in the configuration",
            Self::SecretAddress => {
                "use the plain URL of the object, and pass credentials to the workers in their environment"
            }
            Self::ShardCount { .. } => "choose fewer, or `--shards auto`",
            Self::NotAPlan { .. } => {
                "use the address that `arpent plan CONFIG --shards N --output URL` printed: URL/jobs/ID/plan.json"
            }
            Self::NoJob { .. } => {
                "check the address; `arpent plan CONFIG --shards N --output URL` makes a job, and `arpent run` needs none"
            }
            Self::NoPlan { .. } => {
                "check the address; a plan is made with `arpent plan CONFIG --shards N --output URL`, and deleted by `arpent gc URL --older-than 7d` when it is older"
            }
            Self::BadDocument { .. } | Self::PlanChanged { .. } => {
                "plan again, and do not change files below jobs/"
            }
            Self::OtherVersion { .. } => "use the same version everywhere, or plan again with this one",
            Self::InputChanged { .. } => "plan again: the map is then made of the current inputs",
            Self::SceneLost { .. } => "make it readable again, or plan again without it",
            Self::NoSuchShard { .. } => "`arpent status PLAN` prints the shards",
            Self::OtherJob { .. } => {
                "let it finish, delete it with `arpent gc OUTPUT --older-than 0s`, or pass --overwrite to plan a second job"
            }
            Self::BadPiece { .. } | Self::PieceGone { .. } => {
                "delete the piece and its shard's done.json, and run that shard again"
            }
            Self::Unfinished { .. } => "run their workers, then merge; `arpent status PLAN` lists them",
            Self::Failed { hint, .. } => {
                return hint.clone().or_else(|| Some("`arpent status PLAN` lists the shards".into()));
            }
            Self::Interrupted => "run the same command again to resume",
            Self::Pack { .. } => return None,
        };
        Some(text.to_owned())
    }

    fn is_transient(&self) -> Option<bool> {
        Some(matches!(self, Self::Unfinished { .. } | Self::Interrupted | Self::Pack { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::JobError;

    #[test]
    fn temporary_errors_are_transient_and_permanent_ones_are_not() {
        let again: [arpent_base::Failure; 4] = [
            ShardError::Interrupted.into(),
            ShardError::Unfinished { missing: vec![3], shards: 7 }.into(),
            std::io::Error::from(std::io::ErrorKind::StorageFull).into(),
            JobError::Scratch { path: "x".into(), key: None, source: std::io::Error::from_raw_os_error(24) }
                .into(),
        ];
        for error in again {
            assert!(error.is_transient(), "{error}");
        }
        let never: [arpent_base::Failure; 3] = [
            ShardError::NotAPlan { url: "x".into() }.into(),
            JobError::NoScenes.into(),
            std::io::Error::from(std::io::ErrorKind::NotFound).into(),
        ];
        for error in never {
            assert!(!error.is_transient(), "{error}");
        }
    }

    #[test]
    fn many_shards_are_listed_by_the_first() {
        let error = ShardError::Unfinished { missing: (0..20).collect(), shards: 30 };
        assert_eq!(error.to_string(), "20 of 30 shards are not done: 0, 1, 2, 3, 4, 5, 6, 7, ...");
    }
}
