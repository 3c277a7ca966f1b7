//! The ledger of a map: what its computation took.

use std::collections::BTreeMap;

use arpent_base::host;
use arpent_base::number::{approximate, exact, index, rounded};
use arpent_publish::{Counts, Ledger, StageCost, Traffic, UnitCost};
use arpent_raster::PixelArea;
use arpent_shell::energy::Energy;

use crate::cost::{Amounts, CostTable};
use crate::job::MapJob;
use crate::pipeline::Clock;
use crate::shards::{Record, now};

/// Decimals of its numbers.
const DECIMALS: i32 = 6;

/// What the ledger of a map is made of.
pub(super) struct Accounts<'a> {
    pub(super) map: &'a MapJob,
    pub(super) clock: &'a Clock,
    /// Energy of all processes.
    pub(super) energy: &'a Energy,
    /// The other processes.
    pub(super) others: &'a [Record],
    pub(super) counts: &'a Counts,
    pub(super) threads: usize,
    /// Bytes of the files that are published.
    pub(super) published: u64,
    /// Requests to the store of the output, and bytes sent to it.
    pub(super) requested: (u64, u64),
    pub(super) table: &'a CostTable,
}

impl Accounts<'_> {
    /// The ledger so far.
    pub(super) fn ledger(&self) -> Ledger {
        let own = self.clock.elapsed_s();
        let seconds_of_others = seconds_of_others(self.others, &host(), now(), own);
        let seconds = own + seconds_of_others;
        let (pixels, features) = (self.counts.pixels_wanted, self.counts.features);
        let km2 = rounded(exact(pixels) * pixel_m2(self.map) / 1e6, DECIMALS);
        let traffic = self.traffic();
        let stages = self.stages();
        let read = stages.get("read").map_or(0, |stage| stage.bytes_read) + traffic.scene_bytes;
        let unit = |number: f64| {
            (number > 0.0).then(|| UnitCost {
                seconds: rounded(seconds / number, DECIMALS),
                cpu_s: rounded(self.energy.cpu_s / number, DECIMALS),
                watt_hours: rounded(self.energy.watt_hours / number, DECIMALS),
                bytes_read: (exact(read) / number).round(),
                bytes_published: (exact(self.published) / number).round(),
            })
        };
        let amounts = Amounts {
            seconds,
            cpu_s: self.energy.cpu_s,
            watt_hours: self.energy.watt_hours,
            bytes_received: exact(traffic.scene_bytes),
            scene_requests: exact(traffic.scene_requests),
            output_requests: exact(traffic.output_requests),
            ..Amounts::default()
        };
        Ledger {
            seconds,
            seconds_of_others,
            others: self.others.len() as u64,
            cpu_s: rounded(self.energy.cpu_s, DECIMALS),
            watt_hours: self.energy.watt_hours,
            threads: self.threads as u64,
            phases_s: self.clock.phases(),
            stages,
            traffic,
            pixels,
            km2,
            features,
            per_km2: unit(km2),
            per_feature: unit(exact(features)),
            carbon: self.table.carbon(&amounts, km2),
            money: self.table.money(&amounts),
        }
    }

    /// The stages of all processes; energy by CPU time, what no stage has under `other`.
    fn stages(&self) -> BTreeMap<String, StageCost> {
        let mut all = self.clock.costs();
        for (name, cost) in self.others.iter().flat_map(|record| &record.stages) {
            let sum = all.entry(name.clone()).or_default();
            sum.busy_s += cost.busy_s;
            sum.cpu_s += cost.cpu_s;
            sum.bytes_read += cost.bytes_read;
            sum.bytes_written += cost.bytes_written;
        }
        // The files, wherever they are published: a store is not a file.
        all.entry("publish".to_owned()).or_default().bytes_written = self.published;
        let counted: f64 = all.values().map(|cost| cost.cpu_s).sum();
        let other = StageCost { cpu_s: (self.energy.cpu_s - counted).max(0.0), ..StageCost::default() };
        all.insert("other".to_owned(), other);
        let whole = f64::max(self.energy.cpu_s, counted);
        for cost in all.values_mut() {
            cost.watt_hours = if whole > 0.0 {
                rounded(self.energy.watt_hours * cost.cpu_s / whole, DECIMALS)
            } else {
                0.0
            };
            (cost.busy_s, cost.cpu_s) = (rounded(cost.busy_s, DECIMALS), rounded(cost.cpu_s, DECIMALS));
        }
        all
    }

    fn traffic(&self) -> Traffic {
        let (output_requests, output_bytes) = self.requested;
        let own = Traffic { output_requests, output_bytes, ..self.clock.traffic() };
        self.others.iter().fold(own, |sum, record| Traffic {
            scene_requests: sum.scene_requests + record.traffic.scene_requests,
            scene_bytes: sum.scene_bytes + record.traffic.scene_bytes,
            output_requests: sum.output_requests + record.traffic.output_requests,
            output_bytes: sum.output_bytes + record.traffic.output_bytes,
        })
    }
}

/// Seconds in which the machines of other processes computed, each moment of a machine once; without those of this process,
/// which has run on `here` for `own` seconds until `now`.
fn seconds_of_others(others: &[Record], here: &str, now: i64, own: f64) -> f64 {
    let mut of_host: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for record in others {
        let time = (exact(record.began), exact(record.updated));
        of_host.entry(&record.host).or_default().push(time);
    }
    let until = exact(now);
    of_host.entry(here).or_default().push((until - own, until));
    let all: f64 = of_host.into_values().map(covered).sum();
    (all - own).max(0.0)
}

/// Length of the union of times.
fn covered(mut times: Vec<(f64, f64)>) -> f64 {
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut end) = (0.0, f64::NEG_INFINITY);
    for (from, until) in times {
        sum += (until - from.max(end)).max(0.0);
        end = end.max(until);
    }
    sum
}

/// Mean area of a pixel of a map on the ground, square meters; of many rows, by a thousand of them.
pub(crate) fn pixel_m2(map: &MapJob) -> f64 {
    let (extent, area) = (map.plan.extent(), PixelArea::new(map.grid()));
    let step = index((extent.height as u64).div_ceil(1000).max(1));
    let rows: Vec<f64> = (extent.row..extent.row_end()).step_by(step).map(|row| area.of_row(row)).collect();
    rows.iter().sum::<f64>() / f64::max(approximate(rows.len()), 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_a_machine_counts_once() {
        assert!((covered(vec![(10.0, 20.0), (0.0, 5.0), (12.0, 15.0), (19.0, 30.0)]) - 25.0).abs() < 1e-9);
        // A clock that was set back.
        assert!(covered(vec![(10.0, 4.0)]).abs() < 1e-9);
        assert!(covered(Vec::new()).abs() < 1e-9);
        // Eight workers side by side on one machine, two on another, and this process after the former.
        let record = |host: &str, began, updated| {
            let text = serde_json::json!({
                "format": "arpent-shard/1", "shard": 0, "attempt": "a", "state": "done", "host": host, "began": began,
                "updated": updated, "pieces": 1, "pixels": 1, "engine": "",
                "energy": { "watt_hours": 0.0, "quality": "estimated", "method": "", "cpu_s": 0.0 }
            });
            serde_json::from_value::<Record>(text).unwrap()
        };
        let mut others: Vec<Record> = (0..8).map(|i| record("a", 100 + i, 200)).collect();
        others.extend([record("b", 0, 50), record("b", 40, 60)]);
        let seconds = seconds_of_others(&others, "a", 230, 30.0);
        assert!((seconds - 160.0).abs() < 1e-6, "{seconds}");
        assert!(seconds_of_others(&[], "a", 230, 30.0).abs() < 1e-6);
    }
}
