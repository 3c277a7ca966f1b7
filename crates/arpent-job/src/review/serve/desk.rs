//! Requests of a review, answered one after the other.

use std::sync::mpsc::Receiver;

use arpent_base::{Failure, Result};
use arpent_review::{
    Decision, Kind, MOST_POSITIONS, Mention, Object, ObjectId, Person, Statement, Status, Verdict, Writer,
};
use arpent_viewer::{ApiAnswer, ApiRequest};
use serde::Serialize;

use super::call::{ReviewCall, ReviewServeOptions};
use super::log::{ServedLog, check_store};
use super::queue::{MapIds, Queues};
use super::wire::{
    Accepted, Conflict, DecisionShown, Message, Next, OutlineLimits, Progress, Proposed, Session, Shown,
    StateShown, Wish,
};
use crate::review::error::ReviewJobError;
use crate::review::extent::Extent;
use crate::review::features::MapFeatures;
use crate::review::store::{OpenReview, now};

/// Decisions that share a seal at most.
const BATCH: usize = 64;
/// Decisions about one feature that are shown at most.
const MOST_SHOWN: usize = 100;
/// How often a page asks whether others have decided, seconds.
const POLL_S: f64 = 5.0;

/// A review that is served: what was decided, and what comes next. It stays in the thread that opened it.
pub struct ReviewDesk {
    options: ReviewServeOptions,
    opened: OpenReview,
    /// None after an error of the store, until the log was read again.
    log: Option<ServedLog>,
    ids: MapIds,
    features: MapFeatures,
    extent: Extent,
    queues: Queues,
}

/// A decision that waits for its seal.
struct Planned {
    call: ReviewCall,
    person: Person,
    feature: String,
    object: Object,
}

fn json(status: u16, value: &impl Serialize) -> ApiAnswer {
    match serde_json::to_string(value) {
        Ok(body) => ApiAnswer { status, body },
        Err(error) => ApiAnswer::error(500, &error.to_string(), None),
    }
}

fn refused(status: u16, failure: &Failure) -> ApiAnswer {
    ApiAnswer::error(status, &failure.message(), failure.hint().as_deref())
}

/// An error of the store or the log: the request may succeed later.
fn unavailable(failure: &Failure) -> ApiAnswer {
    let status = match failure.downcast_ref::<ReviewJobError>() {
        Some(ReviewJobError::OtherMap { .. }) => 410,
        _ => 503,
    };
    refused(status, failure)
}

impl ReviewDesk {
    /// Opens a review, reads its log and the features of its map. Memory grows with both: about 60 bytes for each feature, 200
    /// while they are read, and 400 for each decision.
    ///
    /// # Errors
    /// When the review or the tasks cannot be read, the store does not create objects conditionally, or the person may not
    /// decide.
    pub fn open(options: ReviewServeOptions) -> Result<Self> {
        let opened = OpenReview::open(&options.output, options.review.as_deref())?;
        opened.check_map()?;
        if let Some(person) = &options.person {
            // As its first decision would be, with the key.
            let statement = Statement::new("feature", Verdict::Confirmed, person.clone(), now()?);
            let writer = Writer { id: "check".to_owned(), number: 1, before: None };
            Decision::new(&opened.review, opened.id, statement, writer, options.key.as_ref())?;
        }
        check_store(&opened)?;
        let features = MapFeatures::open(&opened.map.target, &opened.map.manifest)?;
        let ids = MapIds::read(&features)?;
        let mut extent = Extent::default();
        // A file that cannot be read is an error at the start, not of the first outline.
        extent.degrees(&opened.map)?;
        let (tasks, reviewer) = (options.tasks.as_deref(), options.reviewer.as_deref());
        let mut queues = Queues::read(&ids, tasks, options.person.as_ref(), reviewer)?;
        let log = ServedLog::open(&opened)?;
        queues.start(&ids, &log.live);
        Ok(Self { options, opened, log: Some(log), ids, features, extent, queues })
    }

    /// Address of the review.
    pub fn url(&self) -> &str {
        self.opened.url()
    }

    /// Name of the review.
    pub fn name(&self) -> &str {
        &self.opened.review.name
    }

    /// Features of the map.
    pub fn features(&self) -> usize {
        self.ids.len()
    }

    /// Answers requests until all who may ask are gone. Decisions that wait at the same time share a seal.
    pub fn run(mut self, calls: &Receiver<ReviewCall>) {
        let is_decision = |call: &ReviewCall| call.asked.body.is_some();
        let mut next = calls.recv().ok();
        while let Some(call) = next.take() {
            let mut batch = Vec::new();
            if is_decision(&call) {
                batch.push(call);
                while batch.len() < BATCH {
                    match calls.try_recv() {
                        Ok(call) if is_decision(&call) => batch.push(call),
                        Ok(call) => {
                            next = Some(call);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                self.decide(batch);
            } else {
                let answer = self.answer(&call.asked);
                // A client that is gone needs no answer.
                let _ = call.answer.send(answer);
            }
            if next.is_none() {
                next = calls.recv().ok();
            }
        }
    }

    /// Reads the log again after an error, and what others have decided.
    fn catch_up(&mut self) -> Result<()> {
        let Some(log) = &mut self.log else {
            let log = ServedLog::open(&self.opened)?;
            let features: Vec<String> = log.live.features().map(str::to_owned).collect();
            for feature in features {
                self.queues.follow(&self.ids, &log.live, &feature);
            }
            self.log = Some(log);
            return Ok(());
        };
        let mut features = Vec::new();
        let followed = log.follow(&self.opened, &mut features);
        for feature in features {
            self.queues.follow(&self.ids, &log.live, &feature);
        }
        followed
    }

    /// Who asks: the person of the command line, or the one that the reverse proxy names.
    fn person(&self, asked: &ApiRequest) -> Result<Person, ApiAnswer> {
        if let Some(person) = &self.options.person {
            return Ok(person.clone());
        }
        let part = |name: &str| asked.fields.get(name).cloned().unwrap_or_default();
        let person =
            Person { name: part("name"), function: part("function"), organization: part("organization") };
        // As every decision of theirs is checked.
        let review = &self.opened.review;
        let any = Statement::new("feature", Verdict::Confirmed, person.clone(), review.created);
        any.check(review).map_err(|error| {
            let hint = "the reverse proxy is to send X-Arpent-Name, X-Arpent-Function and X-Arpent-Organization of a person who may decide";
            ApiAnswer::error(403, &error.to_string(), Some(hint))
        })?;
        Ok(person)
    }

    fn answer(&mut self, asked: &ApiRequest) -> ApiAnswer {
        let person = match self.person(asked) {
            Ok(person) => person,
            Err(answer) => return answer,
        };
        if let Err(failure) = self.catch_up() {
            return unavailable(&failure);
        }
        let query = |name: &str| asked.query.get(name).map_or("", String::as_str);
        match &*asked.name {
            "session" => self.session(&person),
            "next" => match query("from").parse() {
                Ok(from) => self.next(&person, from),
                Err(_) => ApiAnswer::error(400, "`from` is to be a place of the queue", None),
            },
            "feature" => self.feature(&person, query("id")),
            "outline" => self.outline(query("id")),
            _ => ApiAnswer::error(404, "the review has nothing of this name", None),
        }
    }

    fn progress(&mut self, person: &Person) -> Progress {
        let Some(log) = &self.log else { return Progress { decided: 0, all: 0 } };
        let queue = self.queues.of(&self.ids, &log.live, person);
        Progress { decided: queue.decided(), all: queue.len() }
    }

    fn session(&mut self, person: &Person) -> ApiAnswer {
        let progress = self.progress(person);
        let within = match self.extent.degrees(&self.opened.map) {
            Ok(within) => within,
            Err(failure) => return unavailable(&failure),
        };
        let review = &self.opened.review;
        let limits =
            |within| OutlineLimits { positions: MOST_POSITIONS, area_m2: review.max_area_m2, within };
        let is_behind_proxy = self.options.person.is_none();
        let session = Session {
            token: is_behind_proxy.then_some(&*self.options.token),
            person,
            review: &review.name,
            reasons: &review.reasons,
            classes: &review.classes,
            blind: self.queues.are_tasks(),
            poll_s: POLL_S,
            outlines: within.map(limits),
            progress,
        };
        json(200, &session)
    }

    fn next(&mut self, person: &Person, from: usize) -> ApiAnswer {
        let progress = self.progress(person);
        let Some(log) = &self.log else { return ApiAnswer::error(503, "the log is not read", None) };
        let queue = self.queues.of(&self.ids, &log.live, person);
        let place = queue.next_open(from);
        let feature = place.map(|place| self.ids.id(queue.number(place)));
        json(200, &Next { place, feature, progress })
    }

    fn feature(&mut self, person: &Person, feature: &str) -> ApiAnswer {
        let Some(number) = self.ids.find(feature) else { return self.unknown(feature) };
        let progress = self.progress(person);
        let state = match self.state(person, feature) {
            Ok(state) => state,
            Err(failure) => return unavailable(&failure),
        };
        let Some(log) = &self.log else { return ApiAnswer::error(503, "the log is not read", None) };
        let place = self.queues.of(&self.ids, &log.live, person).place(number);
        json(200, &Shown { feature, place, state, progress })
    }

    /// The outline of a feature as it was proposed.
    fn outline(&self, feature: &str) -> ApiAnswer {
        if self.ids.find(feature).is_none() {
            return self.unknown(feature);
        }
        match self.features.outline(feature) {
            Ok(geometry) => json(200, &Proposed { geometry }),
            Err(failure) => unavailable(&failure),
        }
    }

    fn unknown(&self, feature: &str) -> ApiAnswer {
        let (feature, output) = (feature.to_owned(), self.opened.map.target.url().to_owned());
        refused(404, &ReviewJobError::NoSuchFeature { feature, output }.into())
    }

    /// What a person may see of the decisions about a feature. Of a task, nothing of others before their own verdict; what
    /// it says then is the same whether others have decided or not.
    fn state(&mut self, person: &Person, feature: &str) -> Result<StateShown> {
        let empty = |hidden| StateShown {
            hidden,
            status: Status::Open,
            heads: Vec::new(),
            contests: Vec::new(),
            decisions: Vec::new(),
        };
        let is_task = self.task_of(person, feature).is_some();
        let Some(log) = &self.log else { return Ok(empty(true)) };
        if is_task && log.live.state_by(feature, person).is_none() {
            return Ok(empty(true));
        }
        let Some(state) = log.live.state(feature) else { return Ok(empty(false)) };
        let mut mentions = log.live.mentions(feature);
        if mentions.len() > MOST_SHOWN {
            let counts = |one: &Mention<'_>| {
                one.is_head || state.contests.contains(&one.id) || state.deciding.contains(&one.id)
            };
            mentions.retain(counts);
            mentions.truncate(MOST_SHOWN);
        }
        let mut decisions = Vec::with_capacity(mentions.len());
        for Mention { id, person: author, is_head } in mentions {
            let decision = log.read(&self.opened, &id)?;
            let counts = state.deciding.contains(&id);
            decisions.push(DecisionShown::of(id, decision, author == person, [is_head, counts]));
        }
        decisions.sort_by(|a, b| (&a.time, &a.id).cmp(&(&b.time, &b.id)));
        DecisionShown::only_needed_outlines(&mut decisions);
        let (status, heads, contests) = (state.status, state.heads, state.contests);
        Ok(StateShown { hidden: false, status, heads, contests, decisions })
    }

    /// The task of a person about a feature.
    fn task_of(&mut self, person: &Person, feature: &str) -> Option<arpent_review::TaskRef> {
        let number = self.ids.find(feature)?;
        let log = self.log.as_ref()?;
        self.queues.of(&self.ids, &log.live, person).task(number).cloned()
    }

    /// Writes the decisions of requests, seals them, and answers then.
    fn decide(&mut self, calls: Vec<ReviewCall>) {
        if let Err(failure) = self.catch_up() {
            for call in calls {
                let _ = call.answer.send(unavailable(&failure));
            }
            return;
        }
        let (mut planned, mut refusals) = (Vec::new(), Vec::new());
        for call in calls {
            match self.plan(&call.asked) {
                Ok((person, feature, object)) => planned.push(Planned { call, person, feature, object }),
                Err(answer) => refusals.push((call, answer)),
            }
        }
        let objects: Vec<Object> = planned.iter().map(|one| one.object.clone()).collect();
        let Some(log) = &mut self.log else { return };
        let done = log.commit(&self.opened, &objects);
        if done.is_err() {
            self.log = None;
        }
        for one in &planned {
            if let Some(log) = &self.log {
                self.queues.follow(&self.ids, &log.live, &one.feature);
            }
        }
        // They may show decisions that were not sealed before.
        for (call, answer) in refusals {
            let answer = done.as_ref().map_or_else(unavailable, |()| answer);
            let _ = call.answer.send(answer);
        }
        for one in planned {
            let answer = match &done {
                Ok(()) => self.accepted(&one),
                Err(failure) => unavailable(failure),
            };
            let _ = one.call.answer.send(answer);
        }
    }

    fn accepted(&mut self, one: &Planned) -> ApiAnswer {
        let progress = self.progress(&one.person);
        match self.state(&one.person, &one.feature) {
            Ok(state) => json(201, &Accepted { id: one.object.id, state, progress }),
            // It is written; only what is shown with it cannot be read.
            Err(failure) => {
                refused(500, &failure.context("the decision is written, but its feature cannot be read"))
            }
        }
    }

    /// Makes a decision of a request: checked, and not stored yet.
    fn plan(&mut self, asked: &ApiRequest) -> Result<(Person, String, Object), ApiAnswer> {
        let person = self.person(asked)?;
        let body = asked.body.as_deref().unwrap_or_default();
        let mut wish: Wish = serde_json::from_slice(body).map_err(|error| {
            ApiAnswer::error(400, &format!("the decision cannot be parsed: {error}"), None)
        })?;
        if self.ids.find(&wish.feature).is_none() {
            return Err(self.unknown(&wish.feature));
        }
        let failed = |failure: Failure| unavailable(&failure);
        let state = self.state(&person, &wish.feature).map_err(failed)?;
        wish.seen.sort_unstable();
        wish.answers.sort_unstable();
        let answered = wish.answers.iter().all(|id| state.contests.contains(id));
        if wish.seen != state.heads || !answered {
            return Err(self.conflict(&person, state));
        }
        let task = self.task_of(&person, &wish.feature);
        let feature = wish.feature.clone();
        let statement = self.statement(wish, &person, &state, task)?;
        self.extent.check(&self.opened.map, &statement).map_err(|failure| refused(400, &failure))?;
        let Some(log) = &mut self.log else { return Err(ApiAnswer::error(503, "the log is not read", None)) };
        let object = log.write(&self.opened, statement, self.options.key.as_ref());
        let object = object.map_err(|failure| refused(400, &failure))?;
        Ok((person, feature, object))
    }

    fn conflict(&mut self, person: &Person, state: StateShown) -> ApiAnswer {
        let message = "others have decided about this feature since it was shown".to_owned();
        let hint = Some("read what they said, and decide again".to_owned());
        let progress = self.progress(person);
        json(409, &Conflict { error: Message { message, hint }, state, progress })
    }

    /// The statement of a request about a feature in a state that its author has seen.
    fn statement(
        &self,
        wish: Wish,
        person: &Person,
        state: &StateShown,
        task: Option<arpent_review::TaskRef>,
    ) -> Result<Statement, ApiAnswer> {
        let own = |id: &ObjectId| state.decisions.iter().any(|one| one.id == *id && one.own);
        let kind = wish.kind.unwrap_or(Kind::Verdict);
        let comment = wish.comment.filter(|comment| !comment.trim().is_empty());
        let (previous, comment) = match &wish.undo {
            None => (state.heads.clone(), comment),
            Some(id) if own(id) => {
                let said = comment.unwrap_or_else(|| format!("Undo of decision {id}"));
                // What others said stays: only the person's own newest decisions are followed.
                (self.own_heads(person, &wish.feature), Some(said))
            }
            Some(_) => {
                return Err(ApiAnswer::error(400, "`undo` is to be a decision of the same person", None));
            }
        };
        // Whoever was shown what others said decides no more as in a task.
        let is_alone = state.decisions.iter().all(|one| one.own);
        let uri =
            |number: &usize| self.opened.map.manifest.inputs.get(*number).map(|input| input.uri.clone());
        let scenes: Option<Vec<String>> = wish.scenes.iter().map(uri).collect();
        let scenes =
            scenes.ok_or_else(|| ApiAnswer::error(400, "`scenes` has a number that the map lacks", None))?;
        let time = now().map_err(|failure| unavailable(&failure))?;
        Ok(Statement {
            feature: wish.feature,
            kind,
            verdict: wish.verdict,
            reason: wish.reason.filter(|reason| !reason.is_empty()),
            comment,
            class: wish.class.filter(|class| !class.is_empty()),
            geometry: wish.geometry,
            person: person.clone(),
            time,
            duration_ms: wish.duration_ms,
            scenes,
            task: task.filter(|_| is_alone && kind == Kind::Verdict),
            uuid: None,
            previous,
            answers: wish.answers,
        })
    }

    fn own_heads(&self, person: &Person, feature: &str) -> Vec<ObjectId> {
        let state = self.log.as_ref().and_then(|log| log.live.state_by(feature, person));
        state.map(|state| state.heads).unwrap_or_default()
    }
}

impl std::fmt::Debug for ReviewDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReviewDesk").field("review", &self.opened.url()).finish_non_exhaustive()
    }
}
