//! The benchmarks.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::measure::{self, Sample, medians};
use crate::scenes::{self, Base};

/// Settings of all benchmarks.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The `arpent` binary.
    pub arpent: String,
    /// A real scene with at least three bands of 8 bits.
    pub scene: PathBuf,
    /// Measured runs of each case.
    pub runs: usize,
    /// Folder for scenes, packages and outputs.
    pub scratch: PathBuf,
}

/// Seconds of each stage, from a run's manifest.
const STAGES: [&str; 7] = ["open", "read", "predict", "stitch", "vectorize", "write", "publish"];

impl Bench {
    /// Time of each stage and of the whole job: a configuration on the unchanged scene.
    ///
    /// # Errors
    /// If a run fails.
    pub fn stages(&self, config: &Path) -> Result<String> {
        let output = self.scratch.join("stages");
        let arguments = Self::arguments(config, &self.scene, &output);
        measure::run(&self.arpent, &arguments)?;
        let mut samples = Vec::new();
        let mut timings = Vec::new();
        for _ in 0..self.runs {
            samples.push(measure::run(&self.arpent, &arguments)?);
            timings.push(timings_of(&output)?);
        }
        let whole = medians(&samples);
        let mut table =
            String::from("| stage | busy seconds (median) | share of all busy time |\n|---|---|---|\n");
        let of =
            |stage: &str| measure::median(timings.iter().map(|t| t[stage].as_f64().unwrap_or(0.0)).collect());
        let all: f64 = STAGES.iter().map(|s| of(s)).sum();
        for stage in STAGES {
            writeln!(table, "| {stage} | {:.3} | {:.1} % |", of(stage), 100.0 * of(stage) / all)?;
        }
        writeln!(table, "\nWhole process, median of {}: {}", self.runs, shown(whole))?;
        Ok(table)
    }

    /// Peak memory of a configuration on scenes of the base's width and 1, 4 and 16 times a height that fills the
    /// bounded buffers (four times the base's own); then the same for a stand-in network with 2 and with 20 classes.
    ///
    /// # Errors
    /// If a run fails.
    pub fn memory(&self, config: &Path) -> Result<String> {
        let base = scenes::describe(&self.scene)?;
        let mut table =
            String::from("| network | pixels | peak RSS, MB | wall, s | cpu, s |\n|---|---|---|---|---|\n");
        let mut line = |name: &str, (width, height): (usize, usize), sample: Sample| {
            let Sample { peak_mb, wall_s, cpu_s } = sample;
            writeln!(table, "| {name} | {width} x {height} | {peak_mb:.0} | {wall_s:.1} | {cpu_s:.1} |")
        };
        for times in [1, 4, 16] {
            let size = (base.size.0, base.size.1 * 4 * times);
            line(&config.display().to_string(), size, self.repeated(&base, config, size)?)?;
        }
        for times in [1, 4, 16] {
            for classes in [2, 20] {
                let size = (4096, 8192 * times);
                line(&format!("{classes} classes"), size, self.linear_job(&base, classes, size)?)?;
            }
        }
        Ok(table)
    }

    /// One job of 25,000 x 25,000 pixels, three bands, 19 classes.
    ///
    /// # Errors
    /// If the run fails.
    pub fn large(&self) -> Result<String> {
        let base = scenes::describe(&self.scene)?;
        let sample = self.linear_job(&base, 19, (25_000, 25_000))?;
        Ok(format!("25,000 x 25,000 px, 3 bands, 19 classes: {}\n", shown(sample)))
    }

    fn linear_job(&self, base: &Base, classes: usize, size: (usize, usize)) -> Result<Sample> {
        let package = crate::models::color_bins(&self.scratch.join(format!("model-{classes}")), classes)?;
        let config = self.scratch.join(format!("linear-{classes}.toml"));
        let text = format!(
            "model = \"{}\"\n[features]\nformats = [\"geoparquet\", \"geopackage\", \"flatgeobuf\"]\nmin_area_m2 = 0.05\n",
            package.display()
        );
        std::fs::write(&config, text)?;
        self.repeated(base, &config, size)
    }

    /// Runs a configuration on the base, repeated to a size.
    fn repeated(&self, base: &Base, config: &Path, (width, height): (usize, usize)) -> Result<Sample> {
        let vrt = self.scratch.join(format!("{width}x{height}.vrt"));
        scenes::repeat(base, width, height, &vrt)?;
        let arguments = Self::arguments(config, &vrt, &self.scratch.join("out"));
        let runs: Result<Vec<_>> = (0..self.runs).map(|_| measure::run(&self.arpent, &arguments)).collect();
        Ok(medians(&runs?))
    }

    fn arguments(config: &Path, scene: &Path, output: &Path) -> Vec<String> {
        let text = |p: &Path| p.to_string_lossy().into_owned();
        [
            "run".to_owned(),
            text(config),
            "--scene".to_owned(),
            text(scene),
            "--output".to_owned(),
            text(output),
            "--overwrite".to_owned(),
        ]
        .to_vec()
    }
}

fn timings_of(output: &Path) -> Result<Value> {
    let path = output.join("manifest.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Value = serde_json::from_str(&text)?;
    Ok(manifest["timings_s"].clone())
}

fn shown(sample: Sample) -> String {
    format!("wall {:.2} s, cpu {:.2} s, peak RSS {:.0} MB", sample.wall_s, sample.cpu_s, sample.peak_mb)
}
