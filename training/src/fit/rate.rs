//! The learning rate.

use arpent_base::number::exact;

use crate::config::Fit;

/// A rise over the share of warm-up, then a cosine to 0.
pub(crate) fn rate(fit: &Fit, step: usize, total: usize) -> f64 {
    let warm = (exact(total) * fit.warmup_share.get()).max(1.0);
    let (at, total) = (exact(step), exact(total));
    let shape = if at < warm {
        (at + 1.0) / (warm + 1.0)
    } else {
        0.5 * (1.0 + (std::f64::consts::PI * at / total).cos())
    };
    fit.learning_rate * shape
}

#[cfg(test)]
mod tests {
    use arpent_base::{ChipSide, Count, Share, Threads};

    use super::*;
    use crate::config::Keep;

    #[test]
    fn the_rate_rises_and_falls() {
        let fit = Fit {
            seed: 0,
            epochs: Count::ONE,
            steps_per_epoch: Count::new(100).unwrap(),
            batch: Count::ONE,
            chip_px: ChipSide::new(32).unwrap(),
            learning_rate: 0.01,
            weight_decay: 0.0,
            warmup_share: Share::new(0.03).unwrap(),
            early_stopping: 0,
            keep: Keep::Last,
            score: None,
            validate_every: Count::ONE,
            threads: Threads::ALL,
            device: arpent_model::DeviceChoice::Cpu,
            precision: arpent_model::Precision::F32,
        };
        let rates: Vec<f64> = (0..100).map(|s| rate(&fit, s, 100)).collect();
        assert!(rates[0] < rates[3] && rates[3] > rates[50] && rates[99] < 1e-4);
        assert!(rates.iter().all(|r| *r > 0.0 && *r <= 0.01));
    }
}
