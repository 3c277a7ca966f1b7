//! Sums the readings of energy counters by interval.

use arpent_base::number::exact;

use super::sources::{Domain, Sources, seconds};
use super::taken::{Energy, Quality};

/// Intervals with equal readings after which two counters of a package count as one.
const MIRRORED_INTERVALS: u32 = 3;
/// Relative difference up to which two readings are equal: counters are read one after the other.
const MIRROR_TOLERANCE: f64 = 1e-3;
/// Share of the machine's CPU time from which on a process counts as the only one.
const ALONE: f64 = 0.98;

/// The state of a measurement.
#[derive(Debug)]
pub(super) struct Counter {
    sources: Sources,
    domains: Vec<Counted>,
    own_start: u64,
    own: u64,
    busy: Option<u64>,
    /// Busy ticks of the machine in all intervals that were counted, and those of the process.
    busy_sum: u64,
    own_sum: u64,
    /// Whether a counter could not be read meanwhile.
    lost: bool,
}

/// A counter and its readings.
#[derive(Debug)]
struct Counted {
    domain: Domain,
    last: u64,
    /// Charged to the process, microjoules.
    charged_uj: f64,
    /// Its energy in the last interval, microjoules.
    delta: u64,
    /// Number of consecutive intervals in which an earlier counter of the package had the same energy.
    equal: u32,
    /// Whether it mirrors an earlier counter.
    mirror: bool,
}

impl Counter {
    pub(super) fn start(sources: Sources) -> Self {
        let counted = |domain: Domain| {
            let last = domain.read()?;
            Some(Counted { domain, last, charged_uj: 0.0, delta: 0, equal: 0, mirror: false })
        };
        let domains = sources.domains().into_iter().filter_map(counted).collect();
        let own = sources.own_ticks().unwrap_or(0);
        let busy = sources.busy_ticks();
        Self { domains, own_start: own, own, busy, busy_sum: 0, own_sum: 0, lost: false, sources }
    }

    pub(super) fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Ends an interval: the process is charged its share of the CPU time of each counter's energy.
    pub(super) fn sample(&mut self) {
        let own_now = self.sources.own_ticks().unwrap_or(self.own);
        let own = own_now.saturating_sub(self.own);
        self.own = own_now;
        let busy = match (self.sources.busy_ticks(), self.busy) {
            (Some(now), Some(last)) => {
                self.busy = Some(now);
                now.saturating_sub(last)
            }
            // The CPU time of other processes is unknown.
            _ => own,
        };
        // Both are counted in ticks, not at the same moment.
        let busy = busy.max(own);
        self.busy_sum += busy;
        self.own_sum += own;
        let share = if busy == 0 { 0.0 } else { exact(own) / exact(busy) };
        for counted in &mut self.domains {
            let Some(now) = counted.domain.read() else {
                self.lost = true;
                continue;
            };
            counted.add(now, share);
        }
        self.find_mirrors();
    }

    /// Marks counters of a package that mirror an earlier one over several intervals.
    fn find_mirrors(&mut self) {
        for i in 1..self.domains.len() {
            let (before, rest) = self.domains.split_at_mut(i);
            let counted = &mut rest[0];
            let twin = before
                .iter()
                .filter(|other| other.domain.package == counted.domain.package && !other.mirror)
                .any(|other| other.is_equal(counted));
            // An interval without energy is not evidence.
            if counted.delta > 0 {
                counted.equal = if twin { counted.equal + 1 } else { 0 };
            }
            counted.mirror |= counted.equal >= MIRRORED_INTERVALS;
        }
    }

    /// Energy of the process so far.
    pub(super) fn energy(&self, watts_per_core: f64) -> Energy {
        let cpu_s = seconds(self.own.saturating_sub(self.own_start));
        if self.domains.is_empty() || self.lost {
            let why = if self.lost { "a RAPL counter went away" } else { "no RAPL on this machine" };
            let method = format!("CPU time x {watts_per_core} W per busy core ({why})");
            let watt_hours = cpu_s * watts_per_core / 3600.0;
            return Energy { watt_hours, quality: Quality::Estimated, method, cpu_s };
        }
        let charged: f64 = self.domains.iter().filter(|d| !d.mirror).map(|d| d.charged_uj).sum();
        let share = exact(self.own_sum) / exact(self.busy_sum.max(1));
        let names: Vec<&str> =
            self.domains.iter().filter(|d| !d.mirror).map(|d| d.domain.name.as_str()).collect();
        let (quality, part) = if share >= ALONE {
            (Quality::Measured, String::new())
        } else {
            (Quality::Shared, ", share of the machine's CPU time".to_owned())
        };
        // 1 Wh is 3.6 GJ of microjoules.
        let watt_hours = charged / 3.6e9;
        Energy { watt_hours, quality, method: format!("RAPL ({}){part}", names.join(", ")), cpu_s }
    }
}

impl Counted {
    fn add(&mut self, now: u64, share: f64) {
        // A counter wraps at its maximum.
        self.delta = match now.checked_sub(self.last) {
            Some(delta) => delta,
            None => now + self.domain.range_uj.saturating_sub(self.last),
        };
        self.last = now;
        self.charged_uj += exact(self.delta) * share;
    }

    fn is_equal(&self, other: &Self) -> bool {
        let (a, b) = (exact(self.delta), exact(other.delta));
        (a - b).abs() <= MIRROR_TOLERANCE * a.max(b)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use arpent_base::number::truncate;
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    const RANGE_UJ: u64 = 262_143_328_850;
    /// The same, joules.
    const RANGE_J: f64 = 262_143.328_85;

    /// A machine with counters, in a folder.
    struct Machine {
        dir: TempDir,
        /// Folder, its true energy since the start, and how far its counter was then, microjoules.
        zones: Vec<(PathBuf, f64, u64)>,
        busy: u64,
        own: [u64; 2],
    }

    impl Machine {
        /// Zones by folder name and name.
        fn new(zones: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let zones = zones.iter().enumerate().map(|(i, (folder, name))| {
                let folder = dir.path().join("powercap").join(folder);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("name"), format!("{name}\n")).unwrap();
                fs::write(folder.join("max_energy_range_uj"), format!("{RANGE_UJ}\n")).unwrap();
                (folder, 0.0, RANGE_UJ - 1000 * (i as u64 + 1))
            });
            let zones = zones.collect();
            let machine = Self { dir, zones, busy: 1_000_000, own: [10, 20] };
            machine.write();
            machine
        }

        fn write(&self) {
            for (folder, energy, start) in &self.zones {
                let value = truncate::<u64>(exact(*start) + energy) % RANGE_UJ;
                fs::write(folder.join("energy_uj"), format!("{value}\n")).unwrap();
            }
            let stat = format!("cpu  {} 0 0 999999 5 0 0 0 7 0\ncpu0 1 1 1 1\n", self.busy);
            fs::write(self.dir.path().join("stat"), stat).unwrap();
            for (i, ticks) in self.own.iter().enumerate() {
                let stat = format!("{i} (a b) c) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 5 0 0 20 0 1 0 1 1 1\n");
                fs::write(self.dir.path().join(format!("self{i}")), stat).unwrap();
            }
        }

        fn counter(&self, process: usize) -> Counter {
            let path = self.dir.path();
            Counter::start(Sources {
                powercap: path.join("powercap"),
                machine: path.join("stat"),
                process: path.join(format!("self{process}")),
            })
        }

        /// Lets seconds pass with a power of each zone, watts, and busy cores of each process and of others.
        fn pass(&mut self, seconds: f64, watts: &[f64], own: [f64; 2], others: f64) {
            for ((_, energy, _), watts) in self.zones.iter_mut().zip(watts) {
                *energy += watts * seconds * 1e6;
            }
            let ticks = |cores: f64| truncate::<u64>(cores * seconds * 100.0);
            self.own = [self.own[0] + ticks(own[0]), self.own[1] + ticks(own[1])];
            self.busy += ticks(own[0]) + ticks(own[1]) + ticks(others);
            self.write();
        }
    }

    #[track_caller]
    fn assert_within_1_percent(found: f64, joules: f64) {
        let expected = joules / 3600.0;
        assert!((found - expected).abs() <= 0.01 * expected, "{found} Wh, expected {expected}");
    }

    const PACKAGE: (&str, &str) = ("intel-rapl:0", "package-0");

    #[test]
    fn a_counter_that_starts_again_ten_times() {
        let mut machine = Machine::new(&[PACKAGE]);
        let mut counter = machine.counter(0);
        let (watts, seconds) = (250.0, 10.0);
        // 262 kJ at 250 W: once in 1049 s.
        for _ in 0..1100 {
            machine.pass(seconds, &[watts], [8.0, 0.0], 0.0);
            counter.sample();
        }
        let energy = counter.energy(10.0);
        assert!(watts * seconds * 1100.0 > 10.0 * RANGE_J);
        assert_within_1_percent(energy.watt_hours, watts * seconds * 1100.0);
        assert_eq!((energy.quality, energy.cpu_s), (Quality::Measured, 88_000.0));
    }

    #[test]
    fn two_sockets_with_memory_are_added_and_what_holds_them_or_is_part_of_them_is_not() {
        let zones = [
            PACKAGE,
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:1/intel-rapl:1:0", "dram"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl-mmio:0", "package-0"),
        ];
        let mut machine = Machine::new(&zones);
        let mut counter = machine.counter(0);
        for _ in 0..20 {
            machine.pass(10.0, &[100.0, 70.0, 12.0, 90.0, 11.0, 260.0, 100.0], [4.0, 0.0], 0.0);
            counter.sample();
        }
        let energy = counter.energy(10.0);
        assert_within_1_percent(energy.watt_hours, (100.0 + 12.0 + 90.0 + 11.0) * 200.0);
        assert!(energy.method.contains("package-0") && energy.method.contains("package-1"), "{energy:?}");
        assert!(!energy.method.contains("psys"), "{energy:?}");
    }

    #[test]
    fn mirrored_dies_are_one_and_different_dies_are_two() {
        let zones = [("intel-rapl:0", "package-0-die-0"), ("intel-rapl:1", "package-0-die-1")];
        for (watts, expected) in [([80.0, 80.0], 80.0), ([80.0, 60.0], 140.0)] {
            let mut machine = Machine::new(&zones);
            let mut counter = machine.counter(0);
            for _ in 0..10 {
                machine.pass(10.0, &watts, [2.0, 0.0], 0.0);
                counter.sample();
            }
            assert_within_1_percent(counter.energy(10.0).watt_hours, expected * 100.0);
        }
        // Sockets that happen to take the same are two.
        let mut machine = Machine::new(&[PACKAGE, ("intel-rapl:1", "package-1")]);
        let mut counter = machine.counter(0);
        for _ in 0..10 {
            machine.pass(10.0, &[80.0, 80.0], [2.0, 0.0], 0.0);
            counter.sample();
        }
        assert_within_1_percent(counter.energy(10.0).watt_hours, 160.0 * 100.0);
    }

    #[test]
    fn workers_on_one_machine_share_what_it_took() {
        let mut machine = Machine::new(&[PACKAGE]);
        let mut counters = [machine.counter(0), machine.counter(1)];
        for _ in 0..30 {
            machine.pass(10.0, &[200.0], [3.0, 1.0], 0.0);
            counters.iter_mut().for_each(Counter::sample);
        }
        let [a, b] = counters.map(|counter| counter.energy(10.0));
        assert_within_1_percent(a.watt_hours, 0.75 * 200.0 * 300.0);
        assert_within_1_percent(b.watt_hours, 0.25 * 200.0 * 300.0);
        assert_within_1_percent(a.watt_hours + b.watt_hours, 200.0 * 300.0);
        assert_eq!((a.quality, b.quality), (Quality::Shared, Quality::Shared));
    }

    #[test]
    fn unreadable_counters_are_replaced_by_a_marked_estimate() {
        let mut machine = Machine::new(&[("intel-rapl:0", "psys")]);
        let mut counter = machine.counter(0);
        machine.pass(10.0, &[100.0], [2.0, 0.0], 0.0);
        counter.sample();
        let energy = counter.energy(18.0);
        assert_eq!((energy.quality, energy.watt_hours), (Quality::Estimated, 20.0 * 18.0 / 3600.0));
        let mut machine = Machine::new(&[PACKAGE]);
        let mut counter = machine.counter(0);
        machine.pass(10.0, &[100.0], [2.0, 0.0], 0.0);
        fs::remove_file(Path::new(&machine.zones[0].0).join("energy_uj")).unwrap();
        counter.sample();
        assert_eq!(counter.energy(10.0).quality, Quality::Estimated);
        // A machine without CPU times of all processes: the share of this one is unknown.
        let machine = Machine::new(&[PACKAGE]);
        fs::remove_file(machine.dir.path().join("stat")).unwrap();
        let mut counter = machine.counter(0);
        counter.sample();
        assert!(counter.energy(10.0).watt_hours.abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn two_workers_never_take_more_than_the_machine(
            steps in prop::collection::vec((0.1f64..10.0, 20.0f64..400.0, 0.0f64..8.0, 0.0f64..8.0, 0.0f64..8.0), 1..12),
        ) {
            let mut machine = Machine::new(&[PACKAGE, ("intel-rapl:1", "package-1")]);
            let mut counters = [machine.counter(0), machine.counter(1)];
            let mut joules = 0.0;
            for (seconds, watts, a, b, others) in steps {
                machine.pass(seconds, &[watts, watts / 2.0], [a, b], others);
                joules += 1.5 * watts * seconds;
                counters.iter_mut().for_each(Counter::sample);
            }
            let sum: f64 = counters.iter().map(|counter| counter.energy(10.0).watt_hours).sum();
            prop_assert!(sum <= joules / 3600.0 * 1.000_001 + 1e-9, "{sum} of {}", joules / 3600.0);
        }
    }
}
