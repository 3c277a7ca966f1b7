//! A record in the format of BoAmps, Boavizta's "dataset for AI energy" (<https://github.com/Boavizta/BoAmps>, schemas of 2026).

use arpent_base::number::exact;
use arpent_base::{Result, sha256_hex};
use arpent_publish::{Ledger, Manifest, energy_text};
use serde_json::{Value, json};

use super::error::CostError;

/// What a manifest does not say of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoampsOptions {
    /// Country of the machine; without it the record has no environment.
    pub country: Option<String>,
}

/// The record of a published map: its task, energy and machine. Energy is in kWh.
///
/// # Errors
/// [`CostError::NoLedger`].
pub fn boamps_record(output: &str, manifest: &Manifest, options: &BoampsOptions) -> Result<Value> {
    let ledger = manifest.ledger.as_ref().ok_or_else(|| CostError::NoLedger { output: output.to_owned() })?;
    let energy = manifest.energy.as_ref();
    let (quality, method) = (energy_text(energy, "quality"), energy_text(energy, "method"));
    let on_gpu = manifest.engines.iter().any(|engine| !is_cpu(engine));
    let mut record = json!({
        "header": {
            "licensing": manifest.config["publish"]["license"].as_str().unwrap_or("not stated"),
            "formatVersion": "1.1.0",
            "formatVersionSpecificationUri": "https://github.com/Boavizta/BoAmps/tree/main/model",
            "reportId": report_id(manifest),
            "reportDatetime": date_time(&manifest.created),
            "reportStatus": "final",
            "publisher": {
                "name": manifest.config["publish"]["organization"].as_str().unwrap_or("not stated"),
                "confidentialityLevel": "public",
            },
        },
        "task": task(manifest, ledger),
        "measures": [{
            "measurementMethod": format!("arpent: {method}"),
            "version": manifest.software.get("arpent").map_or("", String::as_str),
            "cpuTrackingMode": if quality == "estimated" { "constant" } else { "rapl" },
            "unit": "kWh",
            "powerConsumption": ledger.watt_hours / 1000.0,
            "measurementDateTime": date_time(&manifest.created),
        }],
        "software": { "language": "rust" },
        "infrastructure": {
            "infraType": "other",
            "components": components(manifest, ledger),
        },
        // Its classes are errors of 10, 25 and 50 %.
        "quality": match quality {
            // GPUs whose power cannot be read are missing in it.
            "measured" if !on_gpu || method.contains("NVML") => "high",
            "measured" | "shared" => "medium",
            _ => "low",
        },
    });
    // Of several processes it would be a sum over machines.
    if ledger.others == 0 {
        record["measures"][0]["measurementDuration"] = json!(ledger.seconds);
    }
    if let Some(country) = &options.country {
        record["environment"] = json!({ "country": country });
        if let Some(carbon) = &ledger.carbon {
            record["environment"]["powerSourceCarbonIntensity"] = json!(carbon.intensity.value);
        }
    }
    Ok(record)
}

fn task(manifest: &Manifest, ledger: &Ledger) -> Value {
    let package = manifest.package.as_ref();
    let of_package = |key: &str| package.and_then(|package| package[key].as_str()).unwrap_or_default();
    let read = ledger.stage("read").bytes_read + ledger.traffic.scene_bytes;
    let published = ledger.stage("publish").bytes_written;
    let mut task = json!({
        "taskStage": "inference",
        "taskFamily": of_package("task"),
        "nbRequest": manifest.counts.windows_run,
        "algorithms": [{
            "algorithmType": "neural network",
            "algorithmName": format!("{} {}", manifest.model.id, manifest.model.version),
            "framework": "arpent",
            "frameworkVersion": manifest.software.get("arpent").map_or("", String::as_str),
        }],
        "dataset": [
            {
                "dataUsage": "input",
                "dataType": "image",
                "dataSize": exact(read) / 1e9,
                "dataQuantity": manifest.inputs.len(),
                "shape": format!("{} pixels", ledger.pixels),
            },
            {
                "dataUsage": "output",
                "dataType": "object",
                "dataSize": exact(published) / 1e9,
                "dataQuantity": ledger.features,
            },
        ],
        "taskDescription": format!(
            "A vector map of {:.3} km2 from aerial or satellite imagery; run {}.", ledger.km2, manifest.run_id
        ),
    });
    let is_tiff = |uri: &str| {
        let ending = uri.rsplit('.').next().unwrap_or_default();
        ["tif", "tiff"].iter().any(|tiff| ending.eq_ignore_ascii_case(tiff))
    };
    if !manifest.inputs.is_empty() && manifest.inputs.iter().all(|input| is_tiff(&input.uri)) {
        task["dataset"][0]["dataFormat"] = json!("tiff");
    }
    task
}

/// The processors, by what computed.
fn components(manifest: &Manifest, ledger: &Ledger) -> Vec<Value> {
    let component = |engine: &String| {
        json!({
            "componentName": engine,
            "componentType": if is_cpu(engine) { "cpu" } else { "gpu" },
            "nbComponent": 1,
        })
    };
    let mut all: Vec<Value> = manifest.engines.iter().map(component).collect();
    if all.is_empty() {
        let threads = format!("{} threads", ledger.threads);
        all.push(json!({ "componentName": threads, "componentType": "cpu", "nbComponent": 1 }));
    }
    all
}

/// Whether an engine is a processor.
fn is_cpu(engine: &str) -> bool {
    engine.to_ascii_lowercase().contains("cpu")
}

/// An id of the form of a UUID of version 8, the same for the same publication.
fn report_id(manifest: &Manifest) -> String {
    let hash =
        sha256_hex(format!("{} {} {}", manifest.run_id, manifest.created, manifest.attempt).as_bytes());
    let variant = ["8", "9", "a", "b"][usize::from(hash.as_bytes()[16] % 4)];
    format!("{}-{}-8{}-{variant}{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
}

/// `2026-03-01T09:30:00Z` as `2026-03-01 09:30:00`.
fn date_time(rfc_3339: &str) -> String {
    rfc_3339.replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = br#"{"format": "arpent-run/1", "run_id": "run-1", "created": "2026-03-01T09:30:00Z", "attempt": "a1",
            "software": {"arpent": "0.1.0"}, "engines": ["CPU, AVX2"], "inputs": [], "failed_inputs": [],
            "model": {"id": "roofs", "version": "1.0.0", "sha256": "ab12", "license": "CC0-1.0"},
            "package": {"task": "semantic-segmentation"}, "config": {"publish": {"organization": "Commune"}},
            "counts": {"features": 2, "windows_run": 4}, "timings_s": {}, "artifacts": [],
            "energy": {"watt_hours": 1.5, "quality": "estimated", "method": "CPU time"},
            "ledger": {"seconds": 12.5, "watt_hours": 1.5, "pixels": 1000, "km2": 0.25, "features": 2, "threads": 2,
                "stages": {"read": {"bytes_read": 2000000000}, "publish": {"bytes_written": 1000000}}}}"#;
        Manifest::from_json(text, "x").unwrap()
    }

    /// Required fields and enumerations of the schemas in BoAmps's folder `model` (report, algorithm, dataset, measure and
    /// hardware), read in November 2026.
    #[test]
    fn required_fields_and_enumerations_of_the_schema() {
        let options = BoampsOptions { country: Some("France".into()) };
        let record = boamps_record("out", &manifest(), &options).unwrap();
        let has = |value: &Value, keys: &[&str]| {
            for key in keys {
                assert!(!value[key].is_null(), "{key} is missing in {value}");
            }
        };
        has(&record, &["task", "measures", "infrastructure"]);
        has(&record["header"], &["reportDatetime"]);
        has(&record["header"]["publisher"], &["confidentialityLevel"]);
        has(&record["task"], &["taskStage", "taskFamily", "algorithms", "dataset"]);
        has(&record["software"], &["language"]);
        has(&record["infrastructure"], &["infraType", "components"]);
        has(&record["environment"], &["country"]);
        for measure in record["measures"].as_array().unwrap() {
            has(measure, &["measurementMethod", "unit", "powerConsumption"]);
        }
        for component in record["infrastructure"]["components"].as_array().unwrap() {
            has(component, &["componentType", "nbComponent"]);
            assert!(component["nbComponent"].is_u64());
        }
        let one_of = |value: &Value, allowed: &[&str]| {
            assert!(allowed.contains(&value.as_str().unwrap()), "{value} is none of {allowed:?}");
        };
        one_of(&record["header"]["reportStatus"], &["draft", "final", "corrective", "other"]);
        one_of(
            &record["header"]["publisher"]["confidentialityLevel"],
            &["public", "internal", "confidential", "secret"],
        );
        one_of(
            &record["infrastructure"]["infraType"],
            &["publicCloud", "privateCloud", "onPremise", "other"],
        );
        one_of(&record["quality"], &["high", "medium", "low"]);
        for dataset in record["task"]["dataset"].as_array().unwrap() {
            has(dataset, &["dataUsage", "dataType"]);
            one_of(&dataset["dataUsage"], &["input", "output"]);
            one_of(
                &dataset["dataType"],
                &[
                    "tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word",
                    "other",
                ],
            );
        }
        assert_eq!(record["header"]["reportDatetime"], "2026-03-01 09:30:00");
        let id = record["header"]["reportId"].as_str().unwrap();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'8' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
    }

    #[test]
    fn energy_is_in_kilowatt_hours_and_an_estimate_is_of_low_quality() {
        let record = boamps_record("out", &manifest(), &BoampsOptions::default()).unwrap();
        let measure = &record["measures"][0];
        assert_eq!(
            (measure["powerConsumption"].as_f64(), measure["unit"].as_str()),
            (Some(0.0015), Some("kWh"))
        );
        assert_eq!((&record["quality"], &measure["cpuTrackingMode"]), (&json!("low"), &json!("constant")));
        assert_eq!(record["task"]["dataset"][0]["dataSize"], 2.0);
        assert!(record.get("environment").is_none());
        let without = Manifest { ledger: None, ..manifest() };
        let refused = boamps_record("out", &without, &BoampsOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("out"), "{refused}");
    }
}
