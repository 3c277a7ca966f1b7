//! A probe of a network's speed on this machine.

use std::time::{Duration, Instant};

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_model::Predictor;
use arpent_raster::{Chip, Window};

/// Side of the core of the probe, pixels, where the window is not part of the model.
const SIDE: usize = 512;

/// Mpx/s of a network, the overlap not counted: the best of as many chips as fit a time, after a first.
///
/// # Errors
/// When the prediction fails.
pub fn mpx_per_s(
    predictor: &Predictor,
    bands: usize,
    pool: &rayon::ThreadPool,
    time: Duration,
) -> Result<f64> {
    let side = if predictor.window().is_some() { predictor.window_px() } else { SIDE };
    let core = Window::new(0, 0, side, side);
    let mut chip = Chip::empty(predictor.chip_of(&core), bands);
    chip.valid.fill(true);
    let (began, mut best) = (Instant::now(), f64::INFINITY);
    for round in 0.. {
        let start = Instant::now();
        pool.install(|| predictor.predict(&chip, &core))?;
        if round > 0 {
            best = best.min(start.elapsed().as_secs_f64());
        }
        if round > 0 && began.elapsed() >= time {
            break;
        }
    }
    Ok(exact(core.pixels()) / best / 1e6)
}
