//! `manifest.json`: what is read is written and read again as the same.
#![no_main]

use arpent_publish::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::from_json(bytes, "fuzz") else { return };
    let written = manifest.to_json().expect("what was read can be written");
    assert_eq!(Manifest::from_json(&written, "fuzz").expect("what was written can be read"), manifest);
});
