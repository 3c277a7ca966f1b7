//! Sources of counters and CPU times.

use std::fs;
use std::path::{Path, PathBuf};

use arpent_base::number::exact;

/// CPU times are counted in ticks of 1/100 s, which Linux fixes for user space (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Files to read.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    /// The folder of the energy counters.
    pub(super) powercap: PathBuf,
    /// CPU times of the machine, proc_stat(5).
    pub(super) machine: PathBuf,
    /// CPU times of the process, proc_pid_stat(5).
    pub(super) process: PathBuf,
}

/// A counter of energy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Domain {
    /// Its folder.
    folder: PathBuf,
    /// Its domain: `package-0`, `package-0-die-1`, `dram`.
    pub(super) name: String,
    /// The package that it belongs to, by its name up to a die: counters of dies of one package may mirror each other.
    pub(super) package: String,
    /// Its largest value, microjoules.
    pub(super) range_uj: u64,
}

impl Domain {
    /// Its value, microjoules.
    pub(super) fn read(&self) -> Option<u64> {
        number(&self.folder.join("energy_uj"))
    }
}

impl Sources {
    pub(super) fn of_this_machine() -> Self {
        Self {
            powercap: "/sys/class/powercap".into(),
            machine: "/proc/stat".into(),
            process: "/proc/self/stat".into(),
        }
    }

    /// The counters whose sum is the energy of processors and memory: every package, by its name, once; and memory, which is no part
    /// of a package. `psys` holds the packages, and `core` and `uncore` are parts of them: none of them is added.
    pub(super) fn domains(&self) -> Vec<Domain> {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(&self.powercap).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        // The same package may be listed twice, under a second interface (`intel-rapl-mmio`), which has no memory: it
        // comes last.
        let is_second = |folder: &PathBuf| folder.to_string_lossy().contains("-mmio");
        folders.sort_by_key(|folder| (is_second(folder), folder.clone()));
        let mut domains: Vec<Domain> = Vec::new();
        let zones = |folder: &&PathBuf| is_zone(folder, 1);
        for folder in folders.iter().filter(zones) {
            let Some(domain) = domain(folder) else { continue };
            if domain.name.starts_with("package-") && domains.iter().all(|known| known.name != domain.name) {
                domains.extend(memory_of(folder, &folders, &domain.package));
                domains.push(domain);
            }
        }
        domains
    }

    /// Ticks in which any processor was busy, since the machine started: user, nice, system, interrupts, stolen. Time of guests is
    /// part of user time.
    pub(super) fn busy_ticks(&self) -> Option<u64> {
        let text = fs::read_to_string(&self.machine).ok()?;
        let all = text.lines().find(|line| line.starts_with("cpu "))?;
        let ticks: Vec<u64> = all.split_whitespace().skip(1).map_while(|t| t.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal
        let busy = |i: usize| ticks.get(i).copied().unwrap_or(0);
        (ticks.len() >= 4).then(|| [0, 1, 2, 5, 6, 7].into_iter().map(busy).sum())
    }

    /// Ticks of user and system time of the process: fields 14 and 15.
    pub(super) fn own_ticks(&self) -> Option<u64> {
        let text = fs::read_to_string(&self.process).ok()?;
        // The second field, the name in parentheses, may hold blanks.
        let mut fields = text.rsplit(')').next()?.split_whitespace().skip(11).map(|t| t.parse::<u64>().ok());
        Some(fields.next()?? + fields.next()??)
    }
}

pub(super) fn seconds(ticks: u64) -> f64 {
    exact(ticks) / TICKS_PER_SECOND
}

/// Whether a folder is a zone of a depth: `intel-rapl:0` is one of depth 1, `intel-rapl:0:2` one of depth 2.
fn is_zone(folder: &Path, depth: usize) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("rapl") && name.matches(':').count() == depth
}

fn domain(folder: &Path) -> Option<Domain> {
    let name = fs::read_to_string(folder.join("name")).ok()?.trim().to_owned();
    let package = name.split("-die-").next().unwrap_or_default().to_owned();
    let range_uj = number(&folder.join("max_energy_range_uj"))?;
    let domain = Domain { folder: folder.to_owned(), name, package, range_uj };
    domain.read().is_some().then_some(domain)
}

/// The counter of the memory of a package, which is a part of the package in the folder tree, but is not included in
/// its count.
fn memory_of(package: &Path, folders: &[PathBuf], name: &str) -> Option<Domain> {
    let own = format!("{}:", package.file_name()?.to_str()?);
    let nested = fs::read_dir(package).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut parts: Vec<PathBuf> = nested.chain(folders.iter().cloned()).collect();
    parts.retain(|part| {
        is_zone(part, 2) && part.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&own))
    });
    let found = parts.iter().filter_map(|part| domain(part)).find(|part| part.name == "dram")?;
    Some(Domain { package: format!("{name}-dram"), ..found })
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
