//! The ledger of a map: what its computation took.

use std::collections::BTreeMap;

use arpent_base::number::{approximate, exact, index};
use arpent_publish::{Counts, Ledger, StageCost, Traffic, UnitCost};
use arpent_raster::PixelArea;
use arpent_shell::energy::Energy;

use crate::cost::{Amounts, CostTable};
use crate::job::MapJob;
use crate::pipeline::Clock;
use crate::shards::Record;

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
        let seconds_of_others = exact(self.others.iter().map(Record::seconds).sum::<i64>());
        let seconds = self.clock.elapsed_s() + seconds_of_others;
        let (pixels, features) = (self.counts.pixels_wanted, self.counts.features);
        let km2 = rounded(exact(pixels) * pixel_m2(self.map) / 1e6);
        let traffic = self.traffic();
        let stages = self.stages();
        let read = stages.get("read").map_or(0, |stage| stage.bytes_read) + traffic.scene_bytes;
        let unit = |number: f64| {
            (number > 0.0).then(|| UnitCost {
                seconds: rounded(seconds / number),
                cpu_s: rounded(self.energy.cpu_s / number),
                watt_hours: rounded(self.energy.watt_hours / number),
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
            cpu_s: rounded(self.energy.cpu_s),
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
            cost.watt_hours =
                if whole > 0.0 { rounded(self.energy.watt_hours * cost.cpu_s / whole) } else { 0.0 };
            (cost.busy_s, cost.cpu_s) = (rounded(cost.busy_s), rounded(cost.cpu_s));
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

/// Mean area of a pixel of a map on the ground, square meters; of many rows, by a thousand of them.
pub(crate) fn pixel_m2(map: &MapJob) -> f64 {
    let (extent, area) = (map.plan.extent(), PixelArea::new(map.grid()));
    let step = index((extent.height as u64).div_ceil(1000).max(1));
    let rows: Vec<f64> = (extent.row..extent.row_end()).step_by(step).map(|row| area.of_row(row)).collect();
    rows.iter().sum::<f64>() / f64::max(approximate(rows.len()), 1.0)
}

/// Rounds to a millionth.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
