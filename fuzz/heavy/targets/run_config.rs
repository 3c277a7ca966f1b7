//! A run's configuration (TOML): what is accepted is written and accepted again as the same.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_job::Config;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("run.toml"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    let Ok(config) = Config::load(&FILE) else { return };
    let written = toml::to_string(&config).expect("what was read can be written");
    std::fs::write(&*FILE, &written).expect("a writable folder");
    assert_eq!(Config::load(&FILE).expect("what was written can be read"), config, "{written}");
});
