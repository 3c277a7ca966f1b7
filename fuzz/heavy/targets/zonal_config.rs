//! The configuration of zonal results (TOML): what is accepted is written and accepted again as the same.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_job::{ZonalConfig, ZonalPlaces};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("zonal.toml"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    let Ok(config) = ZonalConfig::load(&FILE, ZonalPlaces::default()) else { return };
    let written = toml::to_string(&config).expect("what was read can be written");
    std::fs::write(&*FILE, &written).expect("a writable folder");
    assert_eq!(ZonalConfig::load(&FILE, ZonalPlaces::default()).expect("what was written can be read"), config, "{written}");
});
