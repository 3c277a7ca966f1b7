//! The report of a published output, made again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::{DoingWhat as _, Language, Result};
use arpent_publish::{
    Artifact, ITEM_NAME, Manifest, ROLE_BALANCE, ROLE_CHIP, ROLE_EVENTS, ROLE_FEATURES, ROLE_LABELS,
    ROLE_MAP, ROLE_METADATA, ROLE_SHIFT, ROLE_SUPERSEDED, ROLE_VALUES, Target,
};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use serde::Deserialize;

use crate::address::checked_address;
use crate::change::{TABLES, of_change};
use crate::error::JobError;
use crate::present::title_of_dates;
use crate::report::{Files, Imprint, Material, PlacedFile, of_map, place_of_item};
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;

/// The report of a published output, as HTML: of its manifest and its files, each of which is compared with the manifest
/// first. Time and energy of the computation are in it.
///
/// # Errors
/// When there is no complete run or comparison, or a file of it is not as published or cannot be read.
pub fn report_html(url: &str) -> Result<String> {
    set_up_gdal(None)?;
    let scratch = Scratch::new(None)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    made(url, folder.path()).map_err(|error| scratch.judged(error))
}

fn made(url: &str, folder: &Path) -> Result<String> {
    let target = Target::parse(url)?;
    let manifest = target.read_manifest()?;
    if manifest.counts.zones.is_some() {
        return Err(JobError::NoReport { output: url.to_owned() }.into());
    }
    let material = material(&target, &manifest, folder)?;
    if manifest.counts.change.is_some() { of_change(&material) } else { of_map(&material) }
}

/// What a report or an explanation of a published output is made of; files of a store are copied to a folder.
///
/// # Errors
/// When a file of it is not as published or cannot be read.
pub(crate) fn material<'m>(target: &Target, manifest: &'m Manifest, folder: &Path) -> Result<Material<'m>> {
    let imprint = Imprint::of(manifest);
    let files = files(target, manifest, folder)?;
    let config = &manifest.config;
    let language =
        if manifest.counts.change.is_some() { &config["titles"] } else { &config["features"]["titles"] };
    let mut material = Material {
        manifest,
        title: imprint.title.clone().unwrap_or_else(|| title(manifest)),
        language: Language::deserialize(language).unwrap_or_default(),
        classes: None,
        imprint,
        place: None,
        files,
        scenes: manifest.inputs.iter().map(|input| (input.id.clone(), input.uri.clone())).collect(),
        with_computation: true,
    };
    material.classes = classes(&material)?.map(Cow::Owned);
    material.place = place(&material)?;
    Ok(material)
}

/// The pixels of an output, where its item is among the files that are read.
fn place(material: &Material<'_>) -> Result<Option<(Grid, Window)>> {
    let Some(path) = material.path(ITEM_NAME).filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(None);
    };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    // Without them there is no picture of the map, and the report says so.
    Ok(place_of_item(&bytes).ok())
}

/// The title of an output whose configuration has none.
fn title(manifest: &Manifest) -> String {
    let dates =
        manifest.counts.change.as_ref().and_then(|facts| <[String; 2]>::deserialize(&facts["dates"]).ok());
    let of_model = manifest.package.as_ref().and_then(|package| package["title"].as_str());
    match (dates, of_model) {
        (Some(dates), _) => title_of_dates(&dates),
        (None, Some(title)) => title.to_owned(),
        (None, None) => manifest.model.id.clone(),
    }
}

/// The classes: those of the comparison, those of the model, else those that the raster names.
fn classes(material: &Material<'_>) -> Result<Option<Nomenclature>> {
    let facts = material.manifest.counts.change.as_ref().map(|facts| &facts["classes"]);
    let described = facts.or_else(|| material.manifest.package.as_ref().map(|package| &package["classes"]));
    if let Some(classes) = described.and_then(|classes| Nomenclature::deserialize(classes).ok()) {
        return Ok(Some(classes));
    }
    let Some(raster) = material.raster()? else { return Ok(None) };
    let class = |(id, name): (&u8, &String)| Class {
        id: *id,
        name: name.clone(),
        name_fr: None,
        code: None,
        color: raster.colors().get(id).copied().unwrap_or(Color([128; 3])),
        features: true,
    };
    Ok(Nomenclature::new(raster.classes().iter().map(class).collect()).ok())
}

/// The files that a report is made of, each compared with the manifest.
fn files(target: &Target, manifest: &Manifest, folder: &Path) -> Result<Files> {
    let mut files = BTreeMap::new();
    let has_raster = manifest.artifacts.iter().any(|a| matches!(&*a.role, ROLE_MAP | ROLE_LABELS));
    for artifact in &manifest.artifacts {
        let name = artifact.href.rsplit_once('/').map_or(&*artifact.href, |(_, name)| name);
        let is_read = match &*artifact.role {
            ROLE_MAP | ROLE_LABELS | ROLE_VALUES | ROLE_SHIFT | ROLE_CHIP => true,
            ROLE_METADATA => name == ITEM_NAME && !has_raster,
            ROLE_BALANCE => TABLES.contains(&name),
            ROLE_FEATURES | ROLE_EVENTS | ROLE_SUPERSEDED => name.ends_with(".parquet"),
            _ => false,
        };
        let place = if is_read { placed(target, artifact, &folder.join(name))? } else { String::new() };
        files.insert(name.to_owned(), PlacedFile { role: artifact.role.clone(), place });
    }
    Ok(files)
}

/// Where a file is read, after a comparison with the manifest: rasters where they are, since a picture needs only their
/// overviews; others of a store from a copy.
fn placed(target: &Target, artifact: &Artifact, copy: &Path) -> Result<String> {
    if target.local_folder().is_some() || matches!(&*artifact.role, ROLE_MAP | ROLE_LABELS | ROLE_VALUES) {
        return checked_address(target, artifact);
    }
    target.fetch_artifact(artifact, copy)?;
    Ok(copy.to_string_lossy().into_owned())
}
