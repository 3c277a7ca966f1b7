//! `model.json`: what is accepted is written and accepted again as the same, and the network that it describes can be counted.
#![no_main]

use arpent_model::ModelPackage;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(package) = serde_json::from_slice::<ModelPackage>(bytes) else { return };
    if package.check().is_err() {
        return;
    }
    let written = serde_json::to_vec(&package).expect("what was read can be written");
    let again: ModelPackage = serde_json::from_slice(&written).expect("what was written can be read");
    again.check().expect("and is accepted");
    assert_eq!(again, package);
    assert!(!package.architecture.tensors().is_empty());
    let dates = package.bands_of_dates();
    assert_eq!(dates.iter().map(|bands| bands.len()).sum::<usize>(), package.bands.len());
});
