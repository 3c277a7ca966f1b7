//! Stores, files and manifests for the tests.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use arpent_publish::{Counts, MANIFEST_FORMAT, Manifest, ModelRecord, StagedArtifact, Target, utc_now};

/// How to get to a store.
pub(crate) struct Store {
    pub(crate) url: String,
    pub(crate) env: HashMap<String, String>,
}

impl Store {
    pub(crate) fn new(url: &str, env: Vec<(String, String)>) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), env: env.into_iter().collect() }
    }

    /// With times that a test can wait for.
    pub(crate) fn impatient(mut self, timeout: Duration, retries: u32) -> Self {
        self.env.insert("ARPENT_STORE_TIMEOUT_S".into(), timeout.as_secs_f64().to_string());
        self.env.insert("ARPENT_STORE_RETRIES".into(), retries.to_string());
        self
    }

    /// A new connection to a folder of it.
    pub(crate) fn open(&self, folder: &str) -> Target {
        let url = format!("{}/{folder}", self.url);
        Target::parse_with(&url, &|name| self.env.get(name).cloned()).unwrap()
    }
}

pub(crate) fn manifest(run_id: &str) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT.into(),
        run_id: run_id.into(),
        created: utc_now(),
        attempt: String::new(),
        plan: None,
        software: [("arpent".to_owned(), "0.1.0".to_owned())].into(),
        inputs: vec![],
        failed_inputs: vec![],
        warnings: vec![],
        engines: vec![],
        model: ModelRecord::default(),
        package: None,
        config: serde_json::json!({ "window": 512 }),
        counts: Counts::default(),
        timings_s: [("read".to_owned(), 0.5)].into(),
        energy: None,
        ledger: None,
        columns: None,
        tables: [].into(),
        artifacts: vec![],
    }
}

/// Writes files of these sizes, whose bytes the name and a seed decide, and stages them.
pub(crate) fn staged(folder: &Path, seed: u8, files: &[(&str, usize)]) -> Vec<StagedArtifact> {
    let stage = |(name, size): &(&str, usize)| {
        let mut numbers = arpent_testing::SplitMix::new(u64::from(seed) << 32 | name.len() as u64);
        let bytes: Vec<u8> =
            std::iter::repeat_with(|| numbers.draw().to_le_bytes()).flatten().take(*size).collect();
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        StagedArtifact::new(&path, "features").unwrap()
    };
    files.iter().map(stage).collect()
}
