//! What a server of a review is asked: its options, and requests that wait for their answers.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use arpent_review::{Key, Person};
use arpent_viewer::{ApiAnswer, ApiRequest};

/// What is asked of a server of a review.
#[derive(Debug, Clone, Default)]
pub struct ReviewServeOptions {
    /// The published map.
    pub output: String,
    /// Name of the review; none for the only one.
    pub review: Option<String>,
    /// Who decides; none where a reverse proxy names the person of each request.
    pub person: Option<Person>,
    /// Private key of the person, if the review lists a key.
    pub key: Option<Key>,
    /// File of tasks that `arpent review sample` wrote; none for all features.
    pub tasks: Option<PathBuf>,
    /// Whose tasks they are, if the file has another name than the person.
    pub reviewer: Option<String>,
    /// The token that a page gets behind a reverse proxy.
    pub token: String,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct ReviewCall {
    pub(super) asked: ApiRequest,
    pub(super) answer: Sender<ApiAnswer>,
}

/// Passes requests to the thread that owns the log, and waits for its answers.
pub fn asking(desk: Sender<ReviewCall>) -> impl Fn(ApiRequest) -> ApiAnswer + Sync {
    move |asked| {
        let (answer, answered) = channel();
        let stopped = || ApiAnswer::error(503, "the server of the review ends", Some("start it again"));
        if desk.send(ReviewCall { asked, answer }).is_err() {
            return stopped();
        }
        answered.recv().unwrap_or_else(|_| stopped())
    }
}
