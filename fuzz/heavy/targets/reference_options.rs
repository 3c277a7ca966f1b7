//! The part of a configuration about references (TOML): what is read is written and read again as the same.
#![no_main]

use arpent_job::ReferenceOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(options) = toml::from_str::<ReferenceOptions>(text) else { return };
    let written = toml::to_string(&options).expect("what was read can be written");
    assert_eq!(toml::from_str::<ReferenceOptions>(&written).expect("and read"), options, "{written}");
});
