//! Writes the scores of whole windows, to compare networks with those of other programs (`benches/peers/cloud_masks.py`):
//!
//! ```sh
//! cargo run --release -p arpent-model --example scores -- PACKAGE < windows.f32 > scores.f32
//! ```
//!
//! Input: raw values of windows that are part of the model (`window.side_px` of the package), float32, little-endian, by
//! window, band, row, column; all pixels are valid. Output: scores before the softmax of the cores, by window, class, row,
//! column. The time of the prediction goes to stderr.

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use arpent_base::number::signed;
use arpent_model::{DeviceChoice, ModelPackage, Predictor};
use arpent_raster::{Chip, Window};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of a package")?;
    let (package, weights) = ModelPackage::load(Path::new(&folder))?;
    let window = package.window.ok_or("expected a package whose window is part of the model")?;
    let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu)?;
    let (bands, core) = (package.bands.len(), window.core_px());
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let values: Vec<f32> = input.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let windows = values.chunks_exact(bands * window.side_px * window.side_px);
    if windows.len() == 0 || !windows.remainder().is_empty() {
        return Err(format!("expected windows of {bands} bands and {} px", window.side_px).into());
    }
    let (mut output, mut spent) = (std::io::stdout().lock(), Duration::ZERO);
    for values in windows {
        // Any cell of the lattice: the place changes no score.
        let core = Window::new(0, signed(core), core, core);
        let mut chip = Chip::empty(predictor.chip_of(&core), bands);
        chip.data.copy_from_slice(values);
        chip.valid.fill(true);
        let begun = Instant::now();
        let scores = predictor.scores(&chip, &core)?;
        spent += begun.elapsed();
        for score in &scores {
            output.write_all(&score.to_le_bytes())?;
        }
    }
    writeln!(std::io::stderr(), "{:.3} s", spent.as_secs_f64())?;
    Ok(())
}
