//! The classes of a model or map (JSON): what is read is written and read again as the same, and every class is found.
#![no_main]

use arpent_raster::Nomenclature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(classes) = serde_json::from_slice::<Nomenclature>(bytes) else { return };
    let written = serde_json::to_vec(&classes).expect("classes can be written");
    assert_eq!(serde_json::from_slice::<Nomenclature>(&written).expect("and read"), classes);
    assert!(classes.classes().iter().all(|class| classes.by_id(class.id) == Some(class)));
});
