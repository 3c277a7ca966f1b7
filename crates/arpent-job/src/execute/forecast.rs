//! What a job is expected to take: of a probe, of earlier jobs of its kind, or of the network alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use arpent_base::number::{exact, significant};
use arpent_base::{Result, redacted, sha256_hex};
use arpent_gdal::{Fingerprint, is_remote_uri};
use arpent_publish::{Carbon, Money, Target};
use arpent_shell::lines::count;
use serde::Serialize;

use super::kind::kind_of;
use super::probing::probe;
use super::shared::pool;
use crate::cost::{
    Amounts, CostError, CostTable, Estimate, JobKind, Observation, estimate, rates_file, read_rates,
};
use crate::job::{Job, MapJob, UsableScene};
use crate::map::pixel_m2;
use crate::mask::model_of;

/// Earlier jobs of a kind that are used at most, the newest.
const MOST_OBSERVED: usize = 20;

/// Requests for a megapixel of remote scenes, of COGs in blocks of 512 (`benches/runs/2026-11-26-jobs.md`).
const REQUESTS_PER_MPX: f64 = 2.8;

/// Scenes of which the size is looked up at most.
const MOST_SIZED: usize = 32;

/// Bytes that are hashed to measure the speed of that.
const HASHED: usize = 16 << 20;

/// What a forecast rests on.
#[derive(Debug, Clone, Default)]
pub struct ForecastOptions {
    /// Prices and assumptions.
    pub table: CostTable,
    /// Time for a probe of the whole job in a few places.
    pub probe: Option<Duration>,
    /// A file of rates, or the output of an earlier job; by default the file of rates of the user.
    pub rates: Option<String>,
}

/// What a job is expected to take, on one machine; with several, in machine hours.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// `probe`, `recorded` (earlier jobs) or `network` (the network alone: hours and money are lower bounds, energy is not known).
    pub basis: &'static str,
    /// The same in words.
    pub basis_text: String,
    /// Pixels of each observation.
    pub observed_pixels: Vec<u64>,
    /// Pixels of the area.
    pub pixels: u64,
    /// Area of these pixels, square kilometers.
    pub km2: f64,
    /// Threads of the network.
    pub threads: usize,
    /// The quantities, by name.
    pub quantities: BTreeMap<&'static str, Quantity>,
    /// Greenhouse gases of what is expected, if carbon intensity was given; not of the network alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carbon: Option<Carbon>,
    /// Money for what is expected, if a price was given; of the network alone without its energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

/// A quantity of a forecast.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Quantity {
    /// The expected amount; null if it is not known.
    pub expected: Option<f64>,
    /// The least.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
    /// Unit.
    pub unit: String,
    /// What it rests on.
    pub from: String,
}

impl Quantity {
    /// One of which nothing is known yet.
    fn of(unit: &str, from: &str) -> Self {
        Self { unit: unit.to_owned(), from: from.to_owned(), ..Self::default() }
    }
}

/// What a job takes by its headers alone.
#[derive(Debug, Clone, Copy, Default)]
struct Headers {
    pixels: u64,
    km2: f64,
    memory_mb: u64,
    local_bytes: f64,
    hashed_bytes: f64,
    remote_bytes: f64,
    remote_pixels: f64,
    /// Whether a scene is a VRT, whose files may lie elsewhere.
    has_vrt: bool,
    pieces: usize,
}

/// Forecasts a job; `rate` is the speed of its network, Mpx/s.
///
/// # Errors
/// When rates cannot be read, or the probe fails.
pub fn forecast(job: &Job, rate: f64, options: &ForecastOptions) -> Result<Forecast> {
    let threads = pool(&job.config)?.current_num_threads();
    let headers = Headers::of(job)?;
    let kind = kind_of(job, threads)?;
    let (basis, mut basis_text, observed) = observations(job, rate, options, &kind)?;
    if job.config.mask.layers.iter().any(|layer| model_of(layer.source()).is_some()) {
        basis_text.push_str("; the maps of masks that are models come on top");
    }
    let is_store = |output| Target::parse(output).is_ok_and(|target| target.local_folder().is_none());
    let is_remote = job.output.as_deref().is_some_and(is_store);
    let found = estimate(&observed, headers.pixels).map(|found| {
        let known = headers.known(found, &observed, basis == "probe", threads);
        headers.with_requests(known, is_remote)
    });
    let on_gpu = job.predictor.is_on_gpu();
    let alone = headers.network_alone(rate, threads, on_gpu);
    let energy_from = observed.last().map_or_else(
        || options.table.assumed_energy(&alone, on_gpu),
        |last| format!("{} ({})", last.energy, last.energy_method),
    );
    let mut of = Forecast {
        basis,
        basis_text,
        observed_pixels: observed.iter().map(|one| one.pixels).collect(),
        pixels: headers.pixels,
        km2: headers.km2,
        threads,
        quantities: BTreeMap::new(),
        carbon: found.and_then(|f| options.table.carbon(&f.expected, headers.km2)),
        money: options.table.money(&found.map_or(alone, |f| f.expected)),
    };
    of.fill(&headers, found.as_ref(), &alone, &energy_from, &options.table);
    Ok(of)
}

/// Observations of the kind of a job: the name of their basis, the same in words, and the observations.
fn observations(
    job: &Job,
    rate: f64,
    options: &ForecastOptions,
    kind: &JobKind,
) -> Result<(&'static str, String, Vec<Observation>)> {
    if let Some(time) = options.probe {
        let found = probe(job, rate, time, &options.table)?;
        let pixels: u64 = found.iter().map(|one| one.pixels).sum();
        let text = format!("a probe of the whole job in {} places, {} pixels", found.len(), count(pixels));
        return Ok(("probe", text, found));
    }
    let of_kind = |all: Vec<Observation>| {
        let mut of_kind: Vec<_> = all.into_iter().filter(|one| one.kind == *kind && !one.resumed).collect();
        of_kind.drain(..of_kind.len().saturating_sub(MOST_OBSERVED));
        of_kind
    };
    let text = |found: &[Observation], place: &str| {
        let jobs = if found.len() == 1 { "job" } else { "jobs" };
        format!("{} earlier {jobs} of this kind, in {place}", found.len())
    };
    if let Some(place) = &options.rates {
        let no_rates = |reason| CostError::NoRates { place: redacted(place), reason };
        if Path::new(place).is_file() {
            let found = of_kind(read_rates(Path::new(place))?);
            if found.is_empty() {
                return Err(no_rates(
                    "it has no job with this model, engine, number of threads and these settings",
                )
                .into());
            }
            return Ok(("recorded", text(&found, place), found));
        }
        let manifest = Target::parse(place)?.read_manifest()?;
        let found =
            Observation::of(&manifest).ok_or_else(|| no_rates("the output is no map of this version"))?;
        let differs = if found.kind == *kind {
            String::new()
        } else {
            format!("; other {}", differences(&found.kind, kind))
        };
        return Ok(("recorded", format!("the job of {}{differs}", redacted(place)), vec![found]));
    }
    let file = rates_file();
    let recorded = file.as_deref().map(read_rates).transpose()?.unwrap_or_default();
    let found = of_kind(recorded);
    if found.is_empty() {
        let text =
            "the network alone: reading, outlines and files come on top; --probe measures them".to_owned();
        return Ok(("network", text, found));
    }
    let place = file.map(|file| file.display().to_string()).unwrap_or_default();
    Ok(("recorded", text(&found, &place), found))
}

/// What of a kind differs from another.
fn differences(of: &JobKind, from: &JobKind) -> String {
    let parts = [
        ("model", of.model != from.model),
        ("engine", of.engine != from.engine),
        ("number of threads", of.threads != from.threads),
        ("settings", of.work != from.work),
    ];
    let names: Vec<&str> = parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Headers {
    fn of(job: &Job) -> Result<Self> {
        let mut all = Self::default();
        for map in &job.maps {
            let pixels = map.plan.pixels_wanted();
            all.pixels += pixels;
            all.km2 += exact(pixels) * pixel_m2(map) / 1e6;
            all.memory_mb = all.memory_mb.max(job.memory_bound(map)?.div_ceil(1_000_000));
            all.pieces += crate::job::pieces(&job.model, &map.plan).len();
            all.add_scenes(map)?;
        }
        Ok(all)
    }

    /// Adds the bytes of scenes: the part of the files that the area takes of the scenes' pixels. Of many scenes, the sizes of a
    /// few are looked up: each takes requests where it is remote.
    fn add_scenes(&mut self, map: &MapJob) -> Result<()> {
        let pixels = |scenes: &[&UsableScene]| {
            exact(scenes.iter().map(|scene| scene.info.window.pixels()).sum::<u64>())
        };
        let all: Vec<&UsableScene> = map.scenes().map(|(_, scene)| scene).collect();
        self.has_vrt |= all.iter().any(|scene| scene.source.uri.to_ascii_lowercase().ends_with(".vrt"));
        let wanted = exact(map.plan.pixels_wanted()) * exact(map.dates.len());
        let share = f64::min(1.0, wanted / f64::max(pixels(&all), 1.0));
        let (remote, local): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|scene| is_remote_uri(&scene.source.uri));
        let bytes = |scenes: &[&UsableScene]| -> Result<f64> {
            let step = scenes.len().div_ceil(MOST_SIZED).max(1);
            let sample: Vec<&UsableScene> = scenes.iter().copied().step_by(step).collect();
            let sizes = sample.iter().map(|scene| Ok(size_of(&arpent_gdal::stamp(&scene.source)?)));
            let sizes = exact(sizes.collect::<Result<Vec<u64>>>()?.into_iter().sum::<u64>());
            Ok(sizes * pixels(scenes) / f64::max(pixels(&sample), 1.0))
        };
        let (of_local, of_remote) = (bytes(&local)?, bytes(&remote)?);
        self.local_bytes += of_local * share;
        self.hashed_bytes += of_local;
        self.remote_bytes += of_remote * share;
        self.remote_pixels += pixels(&remote) * share;
        Ok(())
    }

    /// An estimate with what headers say better than observations of other scenes: sizes of files.
    fn known(&self, found: Estimate, observed: &[Observation], is_probe: bool, threads: usize) -> Estimate {
        let sum = |of: &dyn Fn(&Observation) -> f64| observed.iter().map(of).sum::<f64>();
        // Blocks that several windows touch may be read again.
        let (read, area) = (sum(&|one| one.amounts.bytes_read), sum(&|one| one.area_bytes));
        let again = if area > 0.0 { read / area } else { 1.0 };
        // Beside the bytes that are hashed: headers, samples, the model.
        let opening =
            sum(&|one| (one.amounts.bytes_hashed - one.input_bytes).max(0.0)) / exact(observed.len().max(1));
        // A probe hashes no scene.
        let hashing_s = if is_probe { self.hashed_bytes * seconds_per_hashed_byte() } else { 0.0 };
        found.with(|amounts| {
            amounts.bytes_hashed = self.hashed_bytes + opening;
            if !is_probe {
                (amounts.bytes_read, amounts.bytes_received) = (self.local_bytes * again, self.remote_bytes);
            }
            let watt_hours_per_s = amounts.watt_hours / f64::max(amounts.cpu_s, 1e-9);
            amounts.cpu_s += hashing_s;
            amounts.seconds += hashing_s / exact(threads.max(1));
            amounts.watt_hours += hashing_s * watt_hours_per_s;
        })
    }

    /// An estimate with the requests that follow from it, where observations have none: those of local scenes and folders.
    fn with_requests(&self, found: Estimate, is_remote: bool) -> Estimate {
        found.with(|amounts| {
            if self.remote_pixels == 0.0 && !self.has_vrt {
                amounts.scene_requests = 0.0;
            } else if amounts.scene_requests == 0.0 {
                amounts.scene_requests = REQUESTS_PER_MPX * self.remote_pixels / 1e6;
            }
            if !is_remote {
                amounts.output_requests = 0.0;
            } else if amounts.output_requests == 0.0 {
                // A piece is written with one. What is published is sent and read back in parts of 8 MiB, some 25 files with two
                // requests each at least; records come every 15 s; and some 20 looks and lists.
                let parts = amounts.bytes_published / exact(8u64 << 20);
                amounts.output_requests = exact(self.pieces) + 2.0 * parts + 70.0 + amounts.seconds / 15.0;
            }
        })
    }

    /// What the network alone takes, without its energy: an assumed power is no lower bound.
    fn network_alone(&self, rate: f64, threads: usize, on_gpu: bool) -> Amounts {
        let seconds = exact(self.pixels) / 1e6 / rate;
        Amounts {
            seconds,
            // A GPU computes without them.
            cpu_s: if on_gpu { 0.0 } else { seconds * exact(threads) },
            bytes_read: self.local_bytes,
            bytes_hashed: self.hashed_bytes,
            bytes_received: self.remote_bytes,
            scene_requests: REQUESTS_PER_MPX * self.remote_pixels / 1e6,
            ..Amounts::default()
        }
    }
}

/// Size of a file with its parts, bytes.
fn size_of(print: &Fingerprint) -> u64 {
    print.size.unwrap_or(0) + print.parts.iter().map(size_of).sum::<u64>()
}

/// Seconds of CPU time to hash a byte on this machine.
fn seconds_per_hashed_byte() -> f64 {
    let bytes = vec![1u8; HASHED];
    let began = Instant::now();
    std::hint::black_box(sha256_hex(&bytes));
    began.elapsed().as_secs_f64() / exact(HASHED)
}

impl Forecast {
    fn fill(
        &mut self,
        headers: &Headers,
        found: Option<&Estimate>,
        alone: &Amounts,
        energy_from: &str,
        table: &CostTable,
    ) {
        let basis = self.basis_text.clone();
        let mut add = |name, of: &dyn Fn(&Amounts) -> f64, unit: &str, from: &str, has_bound: bool| {
            let quantity = Quantity::of(unit, from);
            let quantity = match found {
                Some(found) => Quantity {
                    expected: Some(rounded(of(&found.expected))),
                    low: found.range.map(|(low, _)| rounded(of(&low))),
                    high: found.range.map(|(_, high)| rounded(of(&high))),
                    ..quantity
                },
                None => Quantity { low: has_bound.then(|| rounded(of(alone))), ..quantity },
            };
            self.quantities.insert(name, quantity);
        };
        add("hours", &|of| of.seconds / 3600.0, "h", &basis, true);
        add("cpu_hours", &|of| of.cpu_s / 3600.0, "h", &basis, alone.cpu_s > 0.0);
        add("kwh", &|of| of.watt_hours / 1000.0, "kWh", energy_from, false);
        add("bytes_written", &|of| of.bytes_published, "bytes", &basis, false);
        add("bytes_of_pieces", &|of| of.bytes_kept, "bytes", &basis, false);
        add("requests", &|of| of.requests(), "requests", &basis, false);
        if let Some(intensity) = &table.carbon_intensity {
            let from = stated(&intensity.source, intensity.year);
            add("gco2e", &|of| table.carbon(of, 1.0).map_or(0.0, |c| c.total_g), "gCO2e", &from, false);
        }
        if let Some(money) = &self.money {
            let from: Vec<String> =
                money.prices.values().map(|price| stated(&price.source, price.year)).collect();
            add(
                "money",
                &|of| table.money(of).map_or(0.0, |m| m.amount),
                &money.currency,
                &from.join("; "),
                true,
            );
        }
        // Sizes of files are known in any case.
        let read = found.map_or(*alone, |found| found.expected);
        let sizes = "sizes of the scenes' files, and the part of them that the area takes";
        let from = if self.basis == "probe" { "the probe; sizes of the scenes' files" } else { sizes };
        let known = |bytes: f64| Quantity { expected: Some(rounded(bytes)), ..Quantity::of("bytes", from) };
        self.quantities.insert("bytes_read_local", known(read.bytes_read + read.bytes_hashed));
        self.quantities.insert("bytes_read_remote", known(read.bytes_received));
        let bound = Quantity::of("MB", "upper bound, of the width of the area and the size of windows");
        self.quantities.insert("memory_mb", Quantity { high: Some(exact(headers.memory_mb)), ..bound });
    }
}

fn stated(source: &str, year: u16) -> String {
    format!("{source} ({year})")
}

/// A number of a forecast: six digits.
fn rounded(number: f64) -> f64 {
    significant(number, 6)
}
