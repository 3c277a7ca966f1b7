//! What jobs took, as observed: by a probe, by earlier jobs (the file of rates), or by a published output.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Result, hash_of_json};
use arpent_publish::{Ledger, Manifest, energy_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::amounts::Amounts;
use super::error::CostError;

/// Jobs in the file of rates at most; the oldest are dropped.
const MOST_RECORDED: usize = 200;

/// Environment variable with the path of the file of rates; `off` for none.
const VARIABLE: &str = "ARPENT_RATES";

/// Keys of the configuration on which the work for a pixel depends. Scenes, area and output are others.
const WORK: [&str; 14] = [
    "input",
    "mask",
    "confidence",
    "abstain",
    "tiling",
    "features",
    "coverage",
    "values",
    "objects",
    "reference",
    "ocs_ge",
    "rasters",
    "publish",
    "before",
];

/// What decides about the work for a pixel: jobs of one kind have comparable rates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobKind {
    /// SHA-256 of the model package.
    pub model: String,
    /// What computes: device and instruction set.
    pub engine: String,
    /// Threads of the network.
    pub threads: u64,
    /// Hash of the settings that decide what is made of a pixel.
    pub work: String,
}

impl JobKind {
    /// The kind of a job with an effective configuration, as JSON.
    pub(crate) fn new(model: &str, engine: &str, threads: usize, config: &Value) -> Self {
        let (model, engine, threads) = (model.to_owned(), engine.to_owned(), threads as u64);
        Self { model, engine, threads, work: work_of(config) }
    }
}

/// What a job took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observation {
    /// Its kind.
    pub kind: JobKind,
    /// When it was published, RFC 3339; empty for a probe.
    pub published: String,
    /// Pixels of its area.
    pub pixels: u64,
    /// Its features.
    pub features: u64,
    /// What it took.
    pub amounts: Amounts,
    /// Bytes of the files of its local scenes.
    pub input_bytes: f64,
    /// The part of them that its area takes of the scenes' pixels.
    pub area_bytes: f64,
    /// Seconds after its last piece: to write and to publish.
    pub closing_s: f64,
    /// Whether it was interrupted: only `closing_s` is a measure of others then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// How its energy was found: `measured`, `shared` or `estimated`.
    pub energy: String,
    /// The method of that.
    pub energy_method: String,
}

impl Observation {
    /// What a published map took, as its manifest says; `None` of other outputs, and of those of earlier versions.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        manifest
            .ledger
            .as_ref()
            .filter(|ledger| ledger.pixels > 0)
            .map(|ledger| Self::of_ledger(manifest, ledger))
    }

    /// The same with a ledger that is newer than that of the manifest.
    pub fn of_ledger(manifest: &Manifest, ledger: &Ledger) -> Self {
        let phase = |name: &str| ledger.phases_s.get(name).copied().unwrap_or(0.0);
        let local = manifest.inputs.iter().filter(|input| input.sha256.is_some());
        let input_bytes = exact(local.filter_map(|input| input.size).sum::<u64>());
        let has_vrt = manifest.inputs.iter().any(|input| input.uri.to_ascii_lowercase().ends_with(".vrt"));
        let covered: u64 = manifest
            .inputs
            .iter()
            .filter_map(|i| Some(i.grid.as_ref()?.width * i.grid.as_ref()?.height))
            .sum();
        let dates = manifest
            .inputs
            .iter()
            .filter_map(|input| input.date.as_deref())
            .collect::<BTreeSet<_>>()
            .len()
            .max(1);
        let share = exact(ledger.pixels) * exact(dates) / f64::max(exact(covered), 1.0);
        Self {
            input_bytes,
            // The size of a VRT is not that of the files that it names.
            area_bytes: if has_vrt { 0.0 } else { input_bytes * share.min(1.0) },
            kind: JobKind {
                model: manifest.model.sha256.clone(),
                engine: manifest.engines.join("; "),
                threads: ledger.threads,
                work: work_of(&manifest.config),
            },
            published: manifest.created.clone(),
            pixels: ledger.pixels,
            features: ledger.features,
            amounts: Amounts {
                seconds: ledger.seconds,
                cpu_s: ledger.cpu_s,
                watt_hours: ledger.watt_hours,
                bytes_read: exact(ledger.stage("read").bytes_read),
                bytes_hashed: exact(ledger.stage("open").bytes_read),
                bytes_received: exact(ledger.traffic.scene_bytes),
                bytes_kept: exact(ledger.stage("keep").bytes_written),
                bytes_published: exact(ledger.stage("publish").bytes_written),
                scene_requests: exact(ledger.traffic.scene_requests),
                output_requests: exact(ledger.traffic.output_requests),
            },
            closing_s: phase("write") + phase("publish"),
            resumed: false,
            energy: energy_text(manifest.energy.as_ref(), "quality").to_owned(),
            energy_method: energy_text(manifest.energy.as_ref(), "method").to_owned(),
        }
    }
}

/// Hash of the settings of a configuration that decide about the work for a pixel.
fn work_of(config: &Value) -> String {
    let mut kept = Map::new();
    for key in WORK {
        let Some(value) = config.get(key).filter(|value| !value.is_null()) else { continue };
        let mut value = value.clone();
        match key {
            // Whether there are two dates, not which scenes they have.
            "before" => value = json!(value.as_array().is_some_and(|all| !all.is_empty())),
            "publish" => keep(&mut value, &["viewer", "metadata", "report", "qgis", "imagery"]),
            "input" => keep(&mut value, &["resample", "gsd", "resampling", "pixel_size"]),
            _ => without_sources(&mut value),
        }
        kept.insert(key.to_owned(), value);
    }
    hash_of_json(Value::Object(kept))
}

/// Keeps some keys of an object.
fn keep(value: &mut Value, keys: &[&str]) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| keys.contains(&key.as_str()));
    }
}

/// Removes the places of layers: another area has other files.
fn without_sources(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for key in ["source", "layer", "areas", "nomenclature"] {
                object.remove(key);
            }
            object.values_mut().for_each(without_sources);
        }
        Value::Array(all) => {
            for one in all.iter_mut().filter(|one| one.as_str().is_some_and(|text| text.contains(['/', '.'])))
            {
                *one = Value::Null;
            }
            all.iter_mut().for_each(without_sources);
        }
        _ => {}
    }
}

/// The file with the rates of earlier jobs, a JSON object a line: `$ARPENT_RATES`, else `arpent/rates.jsonl` in the user's cache
/// folder. `None` if there is no such folder, or the variable is `off`. Nothing of it is sent anywhere.
pub fn rates_file() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(off) if off == "off" => return None,
        Some(path) if !path.is_empty() => return Some(path.into()),
        _ => {}
    }
    let absolute = |path: std::ffi::OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let cache = std::env::var_os("XDG_CACHE_HOME").and_then(absolute);
    let cache = cache.or_else(|| Some(std::env::var_os("HOME").and_then(absolute)?.join(".cache")))?;
    Some(cache.join("arpent/rates.jsonl"))
}

/// The jobs that a file of rates holds. Lines of other versions are skipped; a file that is not there, or cannot be there, has
/// none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_rates(file: &Path) -> Result<Vec<Observation>> {
    Ok(text_of(file)?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The text of a file of rates; empty if there is none.
fn text_of(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        read => Ok(read.with_context(|| format!("cannot read the rates in {}", file.display()))?),
    }
}

/// Appends a job to a file of rates, whose other lines stay, the newest 200 of them. The file is replaced in one step: of two
/// processes that append at the same moment, the record of one may be lost, never the file.
///
/// # Errors
/// When it cannot be read or written; [`CostError::NoRates`] if it has lines, and none is a JSON object: then it is another file.
pub fn record_rates(file: &Path, new: &Observation) -> Result<()> {
    let doing = || format!("cannot write the rates in {}", file.display());
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(doing)?;
    let old = text_of(file)?;
    let lines: Vec<&str> = old.lines().filter(|line| !line.trim().is_empty()).collect();
    // Lines of other versions are objects, too.
    let is_object = |line: &&str| serde_json::from_str::<Map<String, Value>>(line).is_ok();
    if !lines.is_empty() && !lines.iter().any(is_object) {
        let place = file.display().to_string();
        return Err(CostError::NoRates { place, reason: "it is another file, and is not replaced" }.into());
    }
    let mut next = tempfile::NamedTempFile::new_in(folder).with_context(doing)?;
    for line in &lines[(lines.len() + 1).saturating_sub(MOST_RECORDED)..] {
        writeln!(next, "{line}").with_context(doing)?;
    }
    writeln!(next, "{}", serde_json::to_string(new)?).with_context(doing)?;
    next.persist(file).map_err(|error| error.error).with_context(doing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_job_does_not_depend_on_its_place() {
        let config = |scene: &str, layer: &str, format: &str| {
            json!({
                "scenes": [scene], "output": scene, "before": [], "publish": { "title": scene, "viewer": true },
                "features": { "formats": [format] }, "reference": { "override": [{ "name": "a", "layer": layer }] },
                "mask": { "layers": [layer] }
            })
        };
        let one = work_of(&config("a.tif", "x/b.gpkg", "geojson"));
        assert_eq!(one, work_of(&config("c.tif", "y/d.gpkg", "geojson")));
        assert_ne!(one, work_of(&config("a.tif", "x/b.gpkg", "pmtiles")));
        let mut two_dates = config("a.tif", "x/b.gpkg", "geojson");
        two_dates["before"] = json!(["old.tif"]);
        assert_ne!(one, work_of(&two_dates));
    }

    #[test]
    fn the_newest_jobs_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/rates.jsonl");
        assert_eq!(read_rates(&file).unwrap(), []);
        for pixels in 0..MOST_RECORDED as u64 + 5 {
            record_rates(&file, &Observation { pixels, ..Observation::default() }).unwrap();
        }
        let read = read_rates(&file).unwrap();
        assert_eq!((read.len(), read[0].pixels), (MOST_RECORDED, 5));
        // A line that another version wrote.
        std::fs::write(&file, "{\"pixels\": \"many\"}\n{\"pixels\": 3, \"new\": 1}\n").unwrap();
        assert_eq!(read_rates(&file).unwrap().iter().map(|o| o.pixels).collect::<Vec<_>>(), [3]);
        assert!(read_rates(folder.path()).is_err());
    }

    #[test]
    fn another_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.csv");
        for content in ["a;b\n1;2\n".as_bytes(), &[0xff, 0xfe, b'\n']] {
            std::fs::write(&file, content).unwrap();
            assert!(record_rates(&file, &Observation::default()).is_err());
            assert_eq!(std::fs::read(&file).unwrap(), content);
        }
        // Below a file nothing can be.
        assert_eq!(read_rates(&file.join("arpent/rates.jsonl")).unwrap(), []);
        // An object of a later version.
        std::fs::write(&file, "{\"pixels\": \"many\"}\n").unwrap();
        record_rates(&file, &Observation::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    }
}
