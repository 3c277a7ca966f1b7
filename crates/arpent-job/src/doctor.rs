//! What of the environment a job would use, and what is missing.

use std::path::{Path, PathBuf};

use arpent_base::number::exact;
use arpent_base::{Diagnostic, Failure};
use arpent_model::{DeviceChoice, check_device};
use arpent_publish::{PublishError, Target};
use arpent_shell::energy::{Meter, Quality, WATTS_PER_CORE};
use arpent_shell::memory::Memory;
use serde::Serialize;

use crate::scratch::{Room, Scratch};
use crate::stores::set_up_gdal;

/// The oldest GDAL that the tests are run with.
const OLDEST_GDAL: (u32, u32) = (3, 6);

/// Free space of the scratch folder below which it is doubtful, bytes: the temporary rasters of some thousand km2 at 1 m.
const LITTLE_SCRATCH: u64 = 10_000_000_000;

/// Drivers without which no map is read or written.
const NEEDED: [&str; 6] = ["GTiff", "COG", "VRT", "GPKG", "FlatGeobuf", "GeoJSON"];

/// Drivers under licenses of their own, which distributions do not have; others read the same files.
const PROPRIETARY: [&str; 2] = ["JP2KAK", "JP2ECW"];

/// How a part of the environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// It works.
    Ok,
    /// It is not there, and only some jobs need it.
    Absent,
    /// It is missing or does not work, and jobs fail without it.
    Missing,
}

impl PartState {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "absent",
            Self::Missing => "MISSING",
        }
    }
}

/// A part of the environment.
#[derive(Debug, Clone, Serialize)]
pub struct DoctorPart {
    /// What it is.
    pub name: String,
    /// How it is.
    pub state: PartState,
    /// What was found.
    pub found: String,
    /// What to do, unless it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The environment.
#[derive(Debug, Clone, Serialize)]
pub struct DoctorReport {
    /// Version of this program.
    pub version: String,
    /// Whether nothing is missing that was asked for or that every job needs.
    pub ready: bool,
    /// Its parts.
    pub parts: Vec<DoctorPart>,
}

/// Looks at the environment: processor, memory, GDAL and PROJ, devices, the scratch folder (by default the system's), programs of
/// executors, and whether each of `urls`, outputs to be, can be reached and written to. Nothing is left behind; of an
/// object store only its manifest is asked for.
pub fn doctor(scratch: Option<&Path>, urls: &[String]) -> DoctorReport {
    let mut parts = vec![processor(), memory()];
    parts.extend(gdal());
    parts.extend([DeviceChoice::Vulkan, DeviceChoice::Cuda].map(device));
    parts.extend([scratch_folder(scratch), energy(), certificates()]);
    parts.extend(PROGRAMS.map(program));
    parts.extend(urls.iter().map(|url| output(url)));
    let ready = parts.iter().all(|part| part.state != PartState::Missing);
    DoctorReport { version: env!("CARGO_PKG_VERSION").to_owned(), ready, parts }
}

fn part(name: &str, state: PartState, found: impl Into<String>, hint: Option<&str>) -> DoctorPart {
    DoctorPart { name: name.to_owned(), state, found: found.into(), hint: hint.map(str::to_owned) }
}

fn failed(name: &str, state: PartState, error: &dyn Diagnostic) -> DoctorPart {
    DoctorPart { name: name.to_owned(), state, found: error.to_string(), hint: error.hint() }
}

fn processor() -> DoctorPart {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let set = arpent_model::instruction_set();
    part("processor", PartState::Ok, format!("{cores} cores, {set}"), None)
}

fn memory() -> DoctorPart {
    let Memory { total, free } = Memory::now();
    part(
        "memory",
        PartState::Ok,
        format!("{:.1} GB, {:.1} GB free", exact(total) / 1e9, exact(free) / 1e9),
        None,
    )
}

fn gdal() -> Vec<DoctorPart> {
    if let Err(error) = set_up_gdal(None) {
        return vec![failed("gdal", PartState::Missing, error.diagnostic())];
    }
    let version = arpent_gdal::version();
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    let is_new = numbers.next().zip(numbers.next()).is_some_and(|found| found >= OLDEST_GDAL);
    let (state, hint) = if is_new {
        (PartState::Ok, None)
    } else {
        (
            PartState::Missing,
            Some("install GDAL 3.6 or newer: Debian 12 and Ubuntu 24.04 have it (libgdal-dev)"),
        )
    };
    vec![part("gdal", state, version, hint), drivers(), projections()]
}

fn drivers() -> DoctorPart {
    let all = arpent_gdal::drivers();
    let missing: Vec<&str> = all
        .iter()
        .filter(|driver| !driver.is_there && !PROPRIETARY.contains(&driver.name))
        .map(|driver| driver.name)
        .collect();
    let there = all.iter().filter(|driver| driver.is_there).count();
    if missing.is_empty() {
        return part("drivers", PartState::Ok, format!("all {there} that are used"), None);
    }
    let is_needed = missing.iter().any(|name| NEEDED.contains(name));
    let state = if is_needed { PartState::Missing } else { PartState::Absent };
    let hint = "files of these formats cannot be read: install a GDAL that is built with them, or convert the files with one that is";
    part("drivers", state, format!("{there} that are used; not {}", missing.join(", ")), Some(hint))
}

fn projections() -> DoctorPart {
    match arpent_gdal::describe_crs("EPSG:2154") {
        Ok(crs) => part("proj", PartState::Ok, format!("its database describes {}", crs.name), None),
        Err(error) => failed("proj", PartState::Missing, &error),
    }
}

fn device(choice: DeviceChoice) -> DoctorPart {
    match check_device(choice) {
        Ok(()) => part(choice.title(), PartState::Ok, "a test computation is right", None),
        Err(error) => failed(choice.title(), PartState::Absent, &error),
    }
}

fn scratch_folder(folder: Option<&Path>) -> DoctorPart {
    let scratch = match Scratch::new(folder.map(|path| (path, "--scratch"))) {
        Ok(scratch) => scratch,
        Err(error) => return failed("scratch", PartState::Missing, &error),
    };
    let parent = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    let Some(room) = Room::of(scratch.path()) else {
        let found = format!("{}: writable, its free space cannot be read", parent.display());
        return part("scratch", PartState::Ok, found, None);
    };
    let found = format!("{}: {:.1} GB free", parent.display(), exact(room.bytes) / 1e9);
    if room.bytes < LITTLE_SCRATCH {
        let hint = "for large areas set `compute.scratch` or TMPDIR to a folder with more space";
        return part("scratch", PartState::Absent, found, Some(hint));
    }
    part("scratch", PartState::Ok, found, None)
}

fn energy() -> DoctorPart {
    let energy = Meter::start(WATTS_PER_CORE).read();
    if energy.quality == Quality::Estimated {
        let hint = "let this user read /sys/class/powercap/*/energy_uj, on a machine that has it";
        return part("energy", PartState::Absent, energy.method, Some(hint));
    }
    part("energy", PartState::Ok, energy.method, None)
}

/// Certificates that GDAL's HTTP client looks for.
fn certificates() -> DoctorPart {
    let named =
        ["CURL_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"].map(PathBuf::from);
    if let Some(path) = named.chain(usual).find(|path| path.is_file()) {
        return part("certificates", PartState::Ok, path.display().to_string(), None);
    }
    let hint =
        "for https and object stores: `apt-get install ca-certificates`, or set CURL_CA_BUNDLE to their file";
    part("certificates", PartState::Absent, "no file of certificate authorities", Some(hint))
}

/// Programs that some commands start: name, and what needs it.
const PROGRAMS: [(&str, &str); 3] = [
    ("arpent-train", "trainings: keep it beside this program or on PATH"),
    ("sbatch", "jobs of Slurm: submit them on a machine of the cluster"),
    ("kubectl", "jobs of Kubernetes: install it on PATH"),
];

fn program((name, purpose): (&str, &str)) -> DoctorPart {
    let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = beside.into_iter().chain(std::env::split_paths(&path));
    if let Some(folder) = folders.find(|folder| folder.join(name).is_file()) {
        return part(name, PartState::Ok, folder.join(name).display().to_string(), None);
    }
    part(name, PartState::Absent, "not found", Some(&format!("needed by {purpose}")))
}

/// Whether an output can be reached and written to.
fn output(url: &str) -> DoctorPart {
    let tried = Target::parse(url).and_then(|target| match target.check_writable() {
        // A web server takes no output, but scenes and published maps are read from it.
        Err(PublishError::ReadOnly { .. }) => target.exists().map(|_| "answers, and is read-only"),
        tried => tried.map(|()| if target.local_folder().is_some() { "is writable" } else { "answers" }),
    });
    match tried {
        Ok(found) => part(url, PartState::Ok, found, None),
        Err(error) => failed(url, PartState::Missing, Failure::from(error).diagnostic()),
    }
}
