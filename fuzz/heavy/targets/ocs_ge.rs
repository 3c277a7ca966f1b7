//! Tables of the codes of OCS GE (TOML): a table is refused, or gives every class a code.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_job::{OcsGe, OcsGeOptions};
use arpent_raster::{Class, Color, Nomenclature};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("table.toml"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    let class = |id: u8, name: &str| Class {
        id,
        name: name.into(),
        name_fr: None,
        code: None,
        color: Color([0; 3]),
        features: true,
    };
    let classes = Nomenclature::new(vec![class(1, "building"), class(2, "water")]).expect("two classes");
    let options = OcsGeOptions { nomenclature: Some(FILE.to_string_lossy().into_owned()), millesime: None };
    let Ok(table) = OcsGe::new(&options, &classes) else { return };
    assert!(["1", "2"].iter().all(|id| table.codes()[0][id].is_array()), "{}", table.codes());
});
