//! Progress of the shards of a plan.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_publish::Target;
use arpent_shell::energy::Energy;
use serde::Serialize;

use super::published::all_published;
use crate::shards::{
    Divided, JobPlace, PLAN_NAME, PieceId, Record, ShardError, State, jobs_of, last_of, now,
};

/// Seconds without an update after which a try is considered dead: it updates its record three times as often.
const SILENT_S: i64 = 120;

/// Seconds over which the rate is computed.
const RATE_OVER_S: i64 = 600;

/// Progress of the jobs of an output.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// The jobs.
    pub jobs: Vec<JobStatus>,
}

/// Progress of a job.
#[derive(Debug, Serialize)]
pub struct JobStatus {
    /// Its plan.
    pub plan: String,
    /// Whether its results are published.
    pub published: bool,
    /// Number of shards.
    pub shards: usize,
    /// Number of shards in each state.
    pub states: BTreeMap<ShardState, usize>,
    /// Completed pieces.
    pub pieces_done: usize,
    /// Pieces in all.
    pub pieces: usize,
    /// Pixels of the completed pieces.
    pub pixels_done: u64,
    /// Pixels in all.
    pub pixels: u64,
    /// Pixels per second, in millions, of the last minutes.
    pub mpx_per_s: Option<f64>,
    /// Seconds until all pieces are complete at that rate.
    pub seconds_left: Option<f64>,
    /// Hours of all tries so far.
    pub worker_hours: f64,
    /// Energy of all tries so far.
    pub energy: Option<Energy>,
    /// The shards that are neither done nor waiting.
    pub attention: Vec<ShardStatus>,
}

/// State of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardState {
    /// All its pieces are complete.
    Done,
    /// A worker computes it.
    Running,
    /// No worker has started it, or its worker was interrupted.
    Waiting,
    /// Its worker has written no update for minutes.
    Lost,
    /// It failed, and a retry may succeed.
    TryAgain,
    /// It failed permanently.
    Failed,
}

impl ShardState {
    /// Name of the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Lost => "lost",
            Self::TryAgain => "to try again",
            Self::Failed => "failed",
        }
    }
}

/// A shard that may need attention.
#[derive(Debug, Serialize)]
pub struct ShardStatus {
    /// Its number.
    pub shard: usize,
    /// Its state.
    pub state: ShardState,
    /// Machine of its last try.
    pub host: String,
    /// Tries so far.
    #[serde(rename = "attempts")]
    pub tries: usize,
    /// Seconds since the last update of its last try.
    pub silent_s: i64,
    /// The error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Progress of the plan at an address, or of all plans of an output.
///
/// # Errors
/// When there is no plan, or the store cannot be read.
pub fn status(url: &str) -> Result<StatusReport> {
    let places = match JobPlace::parse(url) {
        Ok(place) => vec![place],
        Err(error) if url.ends_with(PLAN_NAME) => return Err(error),
        Err(_) => {
            let output = Target::parse(url)?;
            jobs_of(&output)?.iter().map(|id| JobPlace::of(&output, id)).collect::<Result<_>>()?
        }
    };
    if places.is_empty() && !Target::parse(url)?.exists()? {
        return Err(ShardError::NoJob { url: url.to_owned() }.into());
    }
    let jobs = places.iter().map(|place| job_status(place, now())).collect::<Result<Vec<_>>>()?;
    Ok(StatusReport { jobs })
}

fn job_status(place: &JobPlace, now: i64) -> Result<JobStatus> {
    let plan = place.plan()?;
    let (pieces, done, records) = (place.pieces(&plan)?, place.done()?, place.records()?);
    let sizes: BTreeMap<PieceId, u64> = plan.pieces().into_iter().collect();
    let published = all_published(&plan)?.is_some();
    let pixels: u64 = sizes.values().sum();
    let of = |id: &PieceId| sizes.get(id).copied().unwrap_or(0);
    let pixels_done = if published { pixels } else { pieces.keys().map(of).sum() };
    let mpx_per_s = rate(&pieces, of, now).filter(|_| !published);
    let seconds_left = mpx_per_s.map(|rate| exact(pixels - pixels_done) / 1e6 / rate);
    let shards: Vec<ShardStatus> =
        (0..plan.shards()).map(|shard| shard_status(shard, &done, &records, now)).collect();
    let mut states = BTreeMap::new();
    for shard in &shards {
        *states.entry(shard.state).or_insert(0) += 1;
    }
    let energies = records.iter().map(|record| record.energy.clone());
    let worker_hours = exact(records.iter().map(Record::seconds).sum::<i64>()) / 3600.0;
    Ok(JobStatus {
        plan: place.plan_url(),
        published,
        shards: plan.shards(),
        states,
        pieces_done: if published { sizes.len() } else { pieces.len() },
        pieces: sizes.len(),
        pixels_done,
        pixels,
        mpx_per_s,
        seconds_left,
        worker_hours,
        energy: energies.reduce(|all, other| all.and(&other)),
        attention: shards
            .into_iter()
            .filter(|shard| !matches!(shard.state, ShardState::Done | ShardState::Waiting))
            .collect(),
    })
}

/// Millions of pixels per second of the pieces written in the last minutes, from the first of them on.
fn rate(pieces: &BTreeMap<PieceId, i64>, pixels_of: impl Fn(&PieceId) -> u64, now: i64) -> Option<f64> {
    let recent: Vec<(&PieceId, i64)> =
        pieces.iter().filter(|(_, at)| now - **at <= RATE_OVER_S).map(|(id, at)| (id, *at)).collect();
    let first = recent.iter().map(|(_, at)| *at).min()?;
    let pixels: u64 = recent.iter().filter(|(_, at)| *at > first).map(|(id, _)| pixels_of(id)).sum();
    let seconds = now - first;
    (seconds > 0 && pixels > 0).then(|| exact(pixels) / 1e6 / exact(seconds))
}

fn shard_status(shard: usize, done: &BTreeSet<usize>, records: &[Record], now: i64) -> ShardStatus {
    let tries = records.iter().filter(|record| record.shard == shard).count();
    let last = last_of(records, shard);
    let silent_s = last.map_or(0, |record| (now - record.updated).max(0));
    let state = match last.map(|record| record.state) {
        _ if done.contains(&shard) => ShardState::Done,
        None | Some(State::Stopped) => ShardState::Waiting,
        Some(State::Running | State::Done) if silent_s > SILENT_S => ShardState::Lost,
        Some(State::Running | State::Done) => ShardState::Running,
        Some(State::TryAgain) => ShardState::TryAgain,
        Some(State::Failed) => ShardState::Failed,
    };
    ShardStatus {
        shard,
        state,
        host: last.map(|record| record.host.clone()).unwrap_or_default(),
        tries,
        silent_s,
        error: last.and_then(|record| record.error.clone()),
        hint: last.and_then(|record| record.hint.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(shard: usize, state: State, updated: i64) -> Record {
        let energy = arpent_shell::energy::Meter::start(arpent_shell::energy::WATTS_PER_CORE).read();
        Record {
            format: String::new(),
            shard,
            try_id: format!("{updated}"),
            state,
            host: "n1".into(),
            began: 0,
            updated,
            pieces: 0,
            pixels: 0,
            energy,
            engine: String::new(),
            stages: BTreeMap::new(),
            traffic: arpent_publish::Traffic::default(),
            error: None,
            hint: None,
        }
    }

    #[test]
    fn a_shard_stands_where_its_last_try_does() {
        let records =
            [record(1, State::Failed, 10), record(1, State::Running, 990), record(2, State::Running, 10)];
        let state = |shard, done: &[usize]| {
            shard_status(shard, &done.iter().copied().collect(), &records, 1000).state
        };
        assert_eq!(state(0, &[]), ShardState::Waiting);
        assert_eq!(state(1, &[]), ShardState::Running);
        assert_eq!(state(2, &[]), ShardState::Lost);
        assert_eq!(state(2, &[2]), ShardState::Done);
    }

    #[test]
    fn the_rate_is_that_of_the_last_minutes() {
        let at = |index, time| (PieceId { map: 0, index }, time);
        let pieces = [at(0, 100), at(1, 1000), at(2, 1050), at(3, 1100)].into();
        let rate = rate(&pieces, |_| 1_000_000, 1100).unwrap();
        assert!((rate - 0.02).abs() < 1e-12, "{rate}");
        assert!(super::rate(&BTreeMap::new(), |_| 1, 5).is_none());
    }
}
