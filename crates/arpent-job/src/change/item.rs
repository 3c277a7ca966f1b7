//! The STAC item of a comparison.

use std::path::Path;

use arpent_base::Result;
use arpent_publish::{
    About, Acquired, ITEM_NAME, Manifest, ROLE_METADATA, StacRun, StagedArtifact, write_stac_item,
};

use super::inputs::Inputs;
use crate::map::footprint;

/// Writes the item of a comparison with these files to a folder.
///
/// # Errors
/// When the footprint cannot be transformed to WGS 84, or the file cannot be written.
pub(super) fn write_item(
    inputs: &Inputs,
    about: &About,
    manifest: &Manifest,
    staged: &[StagedArtifact],
    folder: &Path,
) -> Result<StagedArtifact> {
    let path = folder.join(ITEM_NAME);
    let uris: Vec<String> = manifest.inputs.iter().map(|input| input.uri.clone()).collect();
    let lineage = format!(
        "What became what between {} and {}, from {}; not verified by a person.",
        inputs.dates[0],
        inputs.dates[1],
        if inputs.maps.is_some() { "maps of both dates" } else { "images of both dates" }
    );
    let item = StacRun {
        run_id: &manifest.run_id,
        acquired: &Acquired::of(inputs.dates.iter().map(String::as_str)),
        footprint: &footprint(&inputs.grid, &inputs.extent)?,
        grid: &inputs.grid,
        window: &inputs.extent,
        values: &[],
        nomenclature: &inputs.classes.nomenclature,
        predicted: &inputs.classes.nomenclature,
        mask: None,
        model: None,
        lineage: Some(&lineage),
        version: None,
        software: &manifest.software,
        scene_uris: &uris,
        about,
        artifacts: staged,
    };
    write_stac_item(&path, &item)?;
    Ok(StagedArtifact::new(&path, ROLE_METADATA)?)
}
