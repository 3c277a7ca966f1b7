//! What the computation of a map took: time, energy, bytes, by stage, per square kilometer and per feature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text of the energy in a manifest, such as `quality` or `method`; empty if there is none.
pub fn energy_text<'e>(energy: Option<&'e Value>, key: &str) -> &'e str {
    energy.and_then(|energy| energy[key].as_str()).unwrap_or_default()
}

/// What the computation of a map took. It differs from one computation of the same map to the next: it stands in the manifest,
/// and in no other file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Seconds of machines: of the process that published the map, and of all that computed pieces for it before or beside it.
    /// Processes side by side on one machine, by its name, count once.
    pub seconds: f64,
    /// The part of them in which only other processes ran: workers, and runs that were interrupted.
    pub seconds_of_others: f64,
    /// Number of these processes.
    pub others: u64,
    /// CPU time of all processes, seconds.
    pub cpu_s: f64,
    /// Energy of all processes, watt-hours; measured or estimated as `energy` in the manifest says.
    pub watt_hours: f64,
    /// Threads of the network in the process that published the map.
    pub threads: u64,
    /// Elapsed seconds of the phases that the publishing process did one after the other: `open`, `compute` (all stages that run
    /// side by side), `write`, `publish` (the upload follows, and is not in it).
    pub phases_s: BTreeMap<String, f64>,
    /// What each stage took: of the publishing process, and `others` for all of the other processes.
    pub stages: BTreeMap<String, StageCost>,
    /// What went over the network, and the requests for it.
    pub traffic: Traffic,
    /// Pixels of the requested area.
    pub pixels: u64,
    /// Area of these pixels on the ground, square kilometers.
    pub km2: f64,
    /// Features.
    pub features: u64,
    /// All of it per square kilometer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_km2: Option<UnitCost>,
    /// All of it per feature; none without a feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_feature: Option<UnitCost>,
    /// Greenhouse gases, if carbon intensity was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carbon: Option<Carbon>,
    /// Money, if a price was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

impl Ledger {
    /// What a stage took; nothing of one that was not there.
    pub fn stage(&self, name: &str) -> StageCost {
        self.stages.get(name).copied().unwrap_or_default()
    }
}

/// What a stage took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageCost {
    /// Seconds in which it was busy, summed over its threads; stages run side by side.
    pub busy_s: f64,
    /// CPU time, seconds.
    pub cpu_s: f64,
    /// Its share of the energy, by CPU time, watt-hours.
    pub watt_hours: f64,
    /// Bytes read from files, those that the system has in memory included; not those of the network.
    pub bytes_read: u64,
    /// Bytes written: to temporary files, of `keep` the stored pieces, of `publish` the published files.
    pub bytes_written: u64,
}

/// Bytes and requests of object stores and web servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Requests to read scenes.
    pub scene_requests: u64,
    /// Bytes of scenes that were received.
    pub scene_bytes: u64,
    /// Requests to the store of the output.
    pub output_requests: u64,
    /// Bytes sent to it.
    pub output_bytes: u64,
}

impl Traffic {
    /// Requests of both kinds.
    pub const fn requests(&self) -> u64 {
        self.scene_requests + self.output_requests
    }
}

/// What one square kilometer or one feature took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitCost {
    /// Seconds of machines.
    pub seconds: f64,
    /// CPU time, seconds.
    pub cpu_s: f64,
    /// Watt-hours.
    pub watt_hours: f64,
    /// Bytes of scenes that were read, from files or over the network.
    pub bytes_read: f64,
    /// Bytes that were published.
    pub bytes_published: f64,
}

/// Greenhouse gases of a computation, and its Software Carbon Intensity (ISO/IEC 21031:2024): `(E * I + M) per R`, with a square
/// kilometer of the map as the functional unit R.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carbon {
    /// E: energy, kWh, that of the data center included if its power usage effectiveness was given.
    pub energy_kwh: f64,
    /// I: carbon intensity of the electricity, gCO2e per kWh, and where the number is from.
    pub intensity: Quoted,
    /// M: the part of the machine's production, gCO2e; 0 if none was given.
    pub embodied_g: f64,
    /// Where M is from, gCO2e per hour of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embodied_per_hour: Option<Quoted>,
    /// `E * I + M`, gCO2e.
    pub total_g: f64,
    /// Software Carbon Intensity, gCO2e per square kilometer.
    pub sci_g_per_km2: f64,
}

/// A sum of money.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Money {
    /// The sum.
    pub amount: f64,
    /// Its currency, ISO 4217.
    pub currency: String,
    /// Its parts, by the name of the price.
    pub parts: BTreeMap<String, f64>,
    /// The prices.
    pub prices: BTreeMap<String, Quoted>,
}

/// A number that somebody stated, such as a price.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quoted {
    /// The number.
    pub value: f64,
    /// Where it is from.
    pub source: String,
    /// The year that it is of.
    pub year: u16,
}
