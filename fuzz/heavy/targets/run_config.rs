//! A run's configuration (TOML).
#![no_main]

use arpent::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = toml::from_str::<Config>(text);
});
