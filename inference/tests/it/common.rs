//! A folder with a model package, a configuration and scenes; and what runs left in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arpent_base::number::exact_f32;
use arpent_model::{HandSet, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};
use serde_json::Value;
use tempfile::TempDir;

/// CRS of the scenes, Lambert-93, and their GSD.
pub const EPSG: u16 = 2154;
/// Meters per pixel of the scenes.
pub const GSD: f64 = 0.2;

/// A working folder.
pub struct Place {
    dir: TempDir,
}

/// How a process ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Asserts an exit code and shows the messages when it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Place {
    /// A folder with a package that distinguishes the four kinds of a [`Picture`], by a 3 x 3 mean: exact in f32.
    pub fn new() -> Self {
        let place = Self::empty();
        nearest_color(&place.path("model"), 3);
        place.config("");
        place
    }

    /// A folder with nothing in it.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Path as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes `run.toml` with more lines.
    pub fn config(&self, more: &str) {
        self.write("run.toml", &format!("model = \"model\"\n{more}"));
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Draws a window of a picture into a file.
    pub fn draw(&self, name: &str, picture: &Picture, window: Window) -> String {
        GeoTiff::rgb(EPSG, GSD, window, &picture.bands(window)).write(&self.path(name)).unwrap();
        self.text(name)
    }

    /// Runs `arpent` with these words.
    pub fn arpent(&self, words: &[&str]) -> Ended {
        self.command(words).output().unwrap().into()
    }

    /// The same, to be started by the caller. Temporary files stay in this folder: killed runs leave some.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arpent"));
        command.args(words).current_dir(self.dir.path()).env("TMPDIR", self.dir.path());
        // What tests take is no measure of the jobs of a user.
        command.env("ARPENT_RATES", self.dir.path().join("rates.jsonl"));
        command
    }

    /// Runs `arpent run run.toml` on scenes and gives where the output is.
    #[track_caller]
    pub fn run(&self, scenes: &[&str], output: &str, more: &[&str]) -> Map {
        self.try_run(scenes, output, more).expect(0);
        Map::at(&self.path(output))
    }

    /// The same, however it ends.
    pub fn try_run(&self, scenes: &[&str], output: &str, more: &[&str]) -> Ended {
        let mut words = vec!["run", "run.toml", "--output", output];
        for scene in scenes {
            words.extend(["--scene", scene]);
        }
        words.extend(more);
        self.arpent(&words)
    }

    /// Whether an output holds nothing but the state of jobs, which others than `arpent` do not look at.
    pub fn shows_nothing(&self, output: &str) -> bool {
        let Ok(entries) = std::fs::read_dir(self.path(output)) else { return true };
        entries.flatten().all(|entry| entry.file_name() == "jobs")
    }

    /// Writes a plan of so many shards; gives its address.
    #[track_caller]
    pub fn plan(&self, scenes: &[&str], output: &str, shards: usize, more: &[&str]) -> String {
        let shards = shards.to_string();
        let mut words = vec!["plan", "run.toml", "--output", output, "--shards", &shards, "--format", "json"];
        for scene in scenes {
            words.extend(["--scene", scene]);
        }
        words.extend(more);
        let report: Value = serde_json::from_str(&self.arpent(&words).expect(0).out).unwrap();
        report["plan"].as_str().unwrap().to_owned()
    }

    /// Does a shard of a plan.
    pub fn worker(&self, plan: &str, index: usize) -> Ended {
        self.arpent(&["worker", "--plan", plan, "--index", &index.to_string(), "--threads", "1"])
    }

    /// Whether nothing at all was left at an output.
    pub fn is_clean(&self, output: &str) -> bool {
        let path = self.path(output);
        !path.exists() || std::fs::read_dir(path).unwrap().next().is_none()
    }
}

/// A package that gives each pixel the kind whose mean color is nearest to the mean of its `kernel` x `kernel`
/// neighbors: `2 c . x - |c|^2` is largest for the nearest `c`, and every sum is a whole number below 2^24.
pub fn nearest_color(dir: &Path, kernel: usize) {
    let means: [[f32; 3]; 4] =
        [[55.0, 105.0, 55.0], [215.0, 205.0, 195.0], [135.0, 165.0, 75.0], [35.0, 45.0, 85.0]];
    let taps = kernel * kernel;
    let share = exact_f32(taps);
    let weights: Vec<Vec<f32>> =
        means.iter().map(|c| c.iter().flat_map(|v| vec![2.0 * v; taps]).collect()).collect();
    let bias: Vec<f32> = means.iter().map(|c| -share * c.iter().map(|v| v * v).sum::<f32>()).collect();
    hand_set_linear(&HandSet::segmentation(&["red", "green", "blue"], 4), &weights, &bias, dir).unwrap();
}

/// A published map.
pub struct Map {
    pub root: PathBuf,
    pub manifest: Value,
}

/// A feature, as the GeoPackage holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub id: String,
    pub class: String,
    pub score: String,
    pub area: String,
    pub pixels: String,
    pub wkt: String,
}

impl Map {
    pub fn at(root: &Path) -> Self {
        let text = std::fs::read_to_string(root.join("manifest.json")).unwrap();
        Self { root: root.to_owned(), manifest: serde_json::from_str(&text).unwrap() }
    }

    /// Path of an artifact by its file name.
    pub fn file(&self, name: &str) -> PathBuf {
        let artifacts = self.manifest["artifacts"].as_array().unwrap();
        let hrefs = artifacts.iter().map(|a| a["href"].as_str().unwrap());
        self.root.join(hrefs.into_iter().find(|h| h.ends_with(name)).unwrap())
    }

    /// The label raster's bytes, row by row.
    pub fn labels(&self) -> Vec<u8> {
        self.raster("labels.tif")
    }

    pub fn raster(&self, name: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join("raw.img");
        gdal(
            "gdal_translate",
            &["-q", "-of", "ENVI", self.file(name).to_str().unwrap(), raw.to_str().unwrap()],
        );
        std::fs::read(raw).unwrap()
    }

    /// The features of the GeoPackage, sorted.
    pub fn features(&self) -> Vec<Row> {
        let csv = gdal(
            "ogr2ogr",
            &[
                "-f",
                "CSV",
                "-lco",
                "GEOMETRY=AS_WKT",
                "-lco",
                "SEPARATOR=TAB",
                "/vsistdout/",
                self.file("features.gpkg").to_str().unwrap(),
                "features",
            ],
        );
        let mut lines = csv.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let at = |name: &str| header.iter().position(|h| *h == name).unwrap();
        let (id, class, score, wkt) = (at("id"), at("class_name"), at("score"), at("WKT"));
        let (area, pixels) = (at("area_m2"), at("pixels_area_m2"));
        let row = |line: &str| {
            let cells: Vec<String> = line.split('\t').map(|c| c.trim_matches('"').to_owned()).collect();
            let of = |i: usize| cells[i].clone();
            Row {
                id: of(id),
                class: of(class),
                score: of(score),
                area: of(area),
                pixels: of(pixels),
                wkt: of(wkt),
            }
        };
        let mut rows: Vec<Row> = lines.map(row).collect();
        rows.sort();
        rows
    }

    /// SHA-256 of every artifact by file name; see [`named_hash`].
    pub fn hashes(&self) -> Vec<(String, String)> {
        let of = named_hash;
        self.manifest["artifacts"].as_array().unwrap().iter().map(of).collect()
    }
}

/// File name and SHA-256 of an artifact. `metadata.xml` has the day of its publication, and none is given for it: tests that
/// run around midnight would compare two days.
pub fn named_hash(artifact: &Value) -> (String, String) {
    let text = |key: &str| artifact[key].as_str().unwrap().to_owned();
    let name = text("href").rsplit('/').next().unwrap().to_owned();
    let hash = if name == "metadata.xml" { String::new() } else { text("sha256") };
    (name, hash)
}

/// Runs one of GDAL's programs.
pub fn gdal(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder in memory that goes with it.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    /// `None`, and a word on it, where nothing can be mounted.
    pub fn mount(folder: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        arpent_testing::skip("tmpfs", "no right to mount a small tmpfs");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
