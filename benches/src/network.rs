//! Arpent's networks alone, for comparison with other engines: `benches/peers/speed.py` requests runs in turn.

use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use arpent_base::number::exact_f32;
use arpent_engine::{Answers, Engine, Picture, PixelSource};
use arpent_model::ModelPackage;
use npyz::WriterBuilder;

/// A square picture, plane by plane.
struct Planes {
    data: Vec<f32>,
    side: usize,
}

impl PixelSource for Planes {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (c, plane) in self.data.chunks_exact(self.side * self.side).skip(start).take(count).enumerate() {
            let row = &plane[y * self.side + cols.0..y * self.side + cols.1];
            to.chunks_exact_mut(count).zip(row).for_each(|(to, v)| to[c] = *v);
        }
    }
}

/// The network and its input.
#[derive(Debug)]
pub struct Network {
    /// Model package.
    pub model: PathBuf,
    /// Side of the picture, pixels.
    pub size: usize,
    /// Threads.
    pub threads: usize,
    /// A picture as .npy, 1 x bands x size x size; without it, synthetic values.
    pub input: Option<PathBuf>,
}

impl Network {
    /// Reads commands: `run` runs the network once and prints its milliseconds, `save PATH` writes the last output as
    /// .npy (1 x classes x size x size), `quit` ends.
    ///
    /// # Errors
    /// An invalid package, picture or command.
    pub fn serve(&self, lines: impl BufRead, mut out: impl Write) -> Result<()> {
        let (package, weights) = ModelPackage::load(&self.model)?;
        let engine = arpent_model::engine(&package, &weights)?;
        let planes = self.planes(package.architecture.in_channels())?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build()?;
        let mut answer = Vec::new();
        for line in lines.lines() {
            let line = line?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("run", "") => {}
                ("quit", "") => return Ok(()),
                ("save", path) => {
                    save(Path::new(path), &answer, engine.channels(), self.size)?;
                    writeln!(out, "saved")?;
                    out.flush()?;
                    continue;
                }
                _ => bail!("`{line}`: expected `run`, `save PATH` or `quit`"),
            }
            let began = Instant::now();
            pool.install(|| self.run(&engine, &planes, &mut answer))?;
            writeln!(out, "{:.3}", began.elapsed().as_secs_f64() * 1e3)?;
            out.flush()?;
        }
        Ok(())
    }

    fn run(&self, engine: &Engine, planes: &Planes, answer: &mut Vec<f32>) -> Result<()> {
        let size = self.size;
        let picture = Picture { width: size, height: size, first_row: 0, cols: (0, size), rows: (0, size) };
        answer.clear();
        let take = |answers: &Answers| {
            let (start, end) = answers.span();
            (start..end).for_each(|y| answer.extend_from_slice(answers.row(y)));
        };
        Ok(engine.run(&picture, planes, take)?)
    }

    fn planes(&self, bands: usize) -> Result<Planes> {
        let count = bands * self.size * self.size;
        let data = match &self.input {
            Some(path) => {
                let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
                npyz::NpyFile::new(file)?.into_vec::<f32>()?
            }
            None => (0..count).map(|i| exact_f32(i * 7919 % 1013) / 500.0 - 1.0).collect(),
        };
        ensure!(data.len() == count, "the picture has {} values, expected {count}", data.len());
        Ok(Planes { data, side: self.size })
    }
}

/// Writes an output, which is stored pixel by pixel, plane by plane.
fn save(path: &Path, answer: &[f32], classes: usize, size: usize) -> Result<()> {
    let shape = [1, classes as u64, size as u64, size as u64];
    let file =
        BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    let mut npy = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
    for class in 0..classes {
        npy.extend(answer.iter().skip(class).step_by(classes).copied())?;
    }
    Ok(npy.finish()?)
}
