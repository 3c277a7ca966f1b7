//! Weights (safetensors): what is read is written and read again, bit for bit.
#![no_main]

use arpent_model::Weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(weights) = Weights::from_bytes(bytes) else { return };
    let written = weights.to_bytes().expect("what was read can be written");
    let again = Weights::from_bytes(&written).expect("what was written can be read");
    // Bytes are compared, for numbers that are none are not equal.
    assert_eq!(again.to_bytes().expect("and written"), written);
    assert_eq!(again.parameters(), weights.parameters());
});
