//! STAC items and item collections: one from elsewhere names nothing of this machine, a local one no instruction to GDAL.
#![no_main]

use arpent_gdal::gdal_path;
use arpent_gdal::inside::parse_stac;
use libfuzzer_sys::fuzz_target;

const REMOTE: &[&str] = &["/vsicurl/", "/vsis3/", "/vsigs/", "/vsiaz/"];

fuzz_target!(|bytes: &[u8]| {
    for base in ["https://host.example/c/item.json", "s3://bucket/c/item.json", "folder/item.json"] {
        let Ok((scenes, next)) = parse_stac(base, bytes) else { continue };
        let named = scenes.iter().map(|scene| scene.gdal_path.clone());
        for path in named.chain(next.map(|uri| gdal_path(&uri))) {
            let is_remote = REMOTE.iter().any(|prefix| path.starts_with(prefix));
            assert!(is_remote || base.starts_with("folder"), "{base} names {path}");
            assert!(is_remote || !path.starts_with("/vsi"), "{base} names {path}");
            assert!(!path.contains("<VRTDataset") && !path.starts_with("vrt:"), "{base} names {path}");
        }
    }
});
