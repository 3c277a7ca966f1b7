//! Medians of repeated runs, the warm-up apart.

use std::time::Instant;

use crate::gauge::{Gauge, Reading};
use crate::lines::Rate;

/// Samples of a figure.
pub(crate) const SAMPLES: usize = 5;
/// More say no more.
const MOST_SAMPLES: usize = 50;
/// A sample has as many batches as this takes, so that waiting for the device is no part of it.
const SAMPLE_S: f64 = 0.05;
/// How much longer than asked for it may take to get five samples.
const PATIENCE: f64 = 4.0;

/// Runs `batches` batches and waits for their end.
pub(crate) type Once<'a> = &'a mut dyn FnMut(usize) -> Result<(), String>;

/// Seconds since some moment.
pub(crate) type Clock<'a> = &'a dyn Fn() -> f64;

/// Seconds of one batch.
///
/// # Errors
/// Those of `run`.
pub(crate) fn once(run: Once) -> Result<f64, String> {
    let began = Instant::now();
    run(1)?;
    Ok(began.elapsed().as_secs_f64())
}

/// Measures for about `seconds` what has been warmed up, `pixels` pixels a batch.
///
/// # Errors
/// Those of `run`.
pub(crate) fn measure(gauge: Option<&Gauge>, seconds: f64, pixels: usize, run: Once) -> Result<Rate, String> {
    let origin = Instant::now();
    measure_by(&|| origin.elapsed().as_secs_f64(), gauge, seconds, pixels, run)
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of batches"
)]
fn measure_by(
    now: Clock,
    gauge: Option<&Gauge>,
    seconds: f64,
    pixels: usize,
    run: Once,
) -> Result<Rate, String> {
    let start = now();
    run(1)?;
    let alone = now() - start;
    let batches = (SAMPLE_S / alone.max(1e-6)).ceil().clamp(1.0, 256.0) as usize;
    let mut samples = Vec::new();
    let gauging = gauge.map(Gauge::begin);
    let began = now();
    while samples.len() < MOST_SAMPLES {
        let limit = if samples.len() < SAMPLES { PATIENCE * seconds } else { seconds };
        if !samples.is_empty() && now() - began + alone * batches as f64 > limit {
            break;
        }
        let start = now();
        run(batches)?;
        samples.push((now() - start) / batches as f64);
    }
    let passed = now() - began;
    let Reading { busy, joules } = gauging.map(|gauging| gauging.end(passed)).unwrap_or_default();
    samples.sort_by(f64::total_cmp);
    let median_s = median(&samples);
    let mpx = pixels as f64 / 1e6;
    Ok(Rate {
        mpx_s: mpx / median_s,
        median_s,
        least_s: samples[0],
        most_s: samples[samples.len() - 1],
        samples: samples.len(),
        batches,
        busy,
        joules_per_mpx: joules.map(|joules| joules / (mpx * (samples.len() * batches) as f64)),
    })
}

/// The middle of sorted figures; NaN of none.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Measures what takes so long, by a clock of its own; with how many batches were run.
    fn of(batch_s: f64, seconds: f64) -> (Rate, usize) {
        let (time, ran) = (Cell::new(0.0), Cell::new(0));
        let mut run = |batches: usize| {
            let taken = (0..batches).fold(0.0, |sum, _| sum + batch_s);
            time.set(time.get() + taken);
            ran.set(ran.get() + batches);
            Ok(())
        };
        let rate = measure_by(&|| time.get(), None, seconds, 1_000_000, &mut run).unwrap();
        (rate, ran.get())
    }

    #[test]
    fn at_least_five_samples_and_more_where_there_is_time() {
        let (short, ran) = of(0.02, 0.1);
        assert_eq!((short.samples, short.batches, ran), (5, 3, 1 + 5 * 3));
        assert!((short.mpx_s - 50.0).abs() < 1e-6, "{}", short.mpx_s);
        let (long, _) = of(0.02, 0.63);
        assert_eq!((long.samples, long.batches), (10, 3));
        assert!(long.least_s <= long.median_s && long.median_s <= long.most_s);
        assert_eq!(of(1e-9, 100.0).0.batches, 256);
        assert_eq!(of(0.06, 100.0).0.samples, MOST_SAMPLES);
    }

    #[test]
    fn a_slow_one_has_fewer_samples_and_a_failure_is_passed_on() {
        assert_eq!(of(10.0, 1.0).0.samples, 1);
        assert_eq!(of(1.5, 1.0).0.samples, 2);
        assert_eq!(measure(None, 0.1, 1, &mut |_| Err("lost".into())).unwrap_err(), "lost");
        assert!(once(&mut |batches| if batches == 1 { Ok(()) } else { Err("more".into()) }).unwrap() >= 0.0);
    }

    #[test]
    fn the_middle() {
        assert!((median(&[1.0, 2.0, 9.0]) - 2.0).abs() < 1e-12 && (median(&[1.0, 2.0]) - 1.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }
}
