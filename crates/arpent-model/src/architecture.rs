//! Shapes of networks, as written in `model.json`.

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Smallest width of a level of a U-Net: narrower convolutions would take another path through the engine's
/// matrix product on small chips, and round differently (see `tiles.rs`).
pub const MIN_WIDTH: usize = 4;

/// The shape of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// An encoder-decoder of 3 x 3 convolutions with skip connections and a 1 x 1 head.
    Unet {
        /// Bands that go in.
        in_channels: usize,
        /// Channels that come out.
        out_channels: usize,
        /// Channels of each level, finest first; between two levels the picture is halved.
        widths: Vec<usize>,
        /// 3 x 3 convolutions of each level on the way down.
        encoder_convs: Vec<usize>,
    },
    /// One convolution and nothing else: for exact-answer tests and as a stand-in in benchmarks.
    Linear {
        /// Bands that go in.
        in_channels: usize,
        /// Channels that come out.
        out_channels: usize,
        /// Side of the kernel: 1 or 3.
        kernel: usize,
    },
}

impl Architecture {
    /// What people call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unet { .. } => "U-Net",
            Self::Linear { .. } => "linear",
        }
    }

    /// Bands that go in.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::Unet { in_channels, .. } | Self::Linear { in_channels, .. } => *in_channels,
        }
    }

    /// Channels that come out.
    pub fn out_channels(&self) -> usize {
        match self {
            Self::Unet { out_channels, .. } | Self::Linear { out_channels, .. } => *out_channels,
        }
    }

    /// Shapes (out, in, kernel height, kernel width) of the convolutions by name, in the order in which the
    /// network runs them. Each has a tensor `<name>.weight` of that shape and a tensor `<name>.bias`.
    pub fn convolutions(&self) -> Vec<(String, [usize; 4])> {
        match self {
            Self::Linear { in_channels, out_channels, kernel } => {
                vec![("head".to_owned(), [*out_channels, *in_channels, *kernel, *kernel])]
            }
            Self::Unet { in_channels, out_channels, widths, encoder_convs } => {
                unet_convolutions(*in_channels, *out_channels, widths, encoder_convs)
            }
        }
    }

    /// Floating-point operations per pixel of the chip.
    #[allow(clippy::cast_precision_loss, reason = "layer sizes are small")]
    pub fn flop_per_pixel(&self) -> f64 {
        let level = |name: &str| name.split('.').nth(1).and_then(|l| l.parse::<i32>().ok()).unwrap_or(0);
        let cost = |(name, shape): (String, [usize; 4])| {
            2.0 * shape.iter().product::<usize>() as f64 / 4f64.powi(level(&name))
        };
        self.convolutions().into_iter().map(cost).sum()
    }

    /// Checks that such a network can be built.
    ///
    /// # Errors
    /// [`ModelError::Inconsistent`] naming the number that cannot be.
    pub fn check(&self, id: &str) -> Result<(), ModelError> {
        let bad =
            |problem: String| ModelError::Inconsistent { id: id.to_owned(), field: "architecture", problem };
        if self.in_channels() == 0 || self.out_channels() == 0 {
            return Err(bad("has no input or no output channel".into()));
        }
        match self {
            Self::Linear { kernel: 1 | 3, .. } => Ok(()),
            Self::Linear { kernel, .. } => Err(bad(format!("kernel is {kernel}, want 1 or 3"))),
            Self::Unet { widths, encoder_convs, .. } => {
                if widths.is_empty() || widths.len() > 7 || widths.len() != encoder_convs.len() {
                    return Err(bad("wants 1 to 7 widths and as many encoder_convs".into()));
                }
                if widths.iter().any(|w| !(MIN_WIDTH..=1024).contains(w)) {
                    return Err(bad(format!("wants widths of {MIN_WIDTH} to 1024")));
                }
                if encoder_convs.iter().any(|n| !(1..=8).contains(n)) {
                    return Err(bad("wants 1 to 8 convolutions per level".into()));
                }
                Ok(())
            }
        }
    }
}

fn unet_convolutions(
    in_channels: usize,
    out_channels: usize,
    widths: &[usize],
    encoder_convs: &[usize],
) -> Vec<(String, [usize; 4])> {
    let mut all = Vec::new();
    let mut channels = in_channels;
    for (level, (&width, &count)) in widths.iter().zip(encoder_convs).enumerate() {
        for i in 0..count {
            all.push((format!("encoder.{level}.{i}"), [width, channels, 3, 3]));
            channels = width;
        }
    }
    for level in (0..widths.len() - 1).rev() {
        // Narrowing before the upsampling keeps the costly fine levels cheap.
        let out = widths[level.saturating_sub(1)];
        all.push((format!("decoder.{level}"), [out, channels + widths[level], 3, 3]));
        channels = out;
    }
    all.push(("head".to_owned(), [out_channels, channels, 1, 1]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_chain_from_band_to_class() {
        let net = Architecture::Unet {
            in_channels: 3,
            out_channels: 5,
            widths: vec![8, 12, 16],
            encoder_convs: vec![1, 2, 1],
        };
        let shapes: Vec<_> = net.convolutions().into_iter().map(|(_, [o, i, ..])| (i, o)).collect();
        assert_eq!(shapes, [(3, 8), (8, 12), (12, 12), (12, 16), (28, 8), (16, 8), (8, 5)]);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let unet = |widths: &[usize], convs: &[usize]| Architecture::Unet {
            in_channels: 3,
            out_channels: 2,
            widths: widths.into(),
            encoder_convs: convs.into(),
        };
        for net in [unet(&[], &[]), unet(&[8], &[1, 1]), unet(&[3], &[1]), unet(&[8], &[0])] {
            assert!(net.check("x").is_err(), "{net:?}");
        }
        assert!(Architecture::Linear { in_channels: 1, out_channels: 1, kernel: 2 }.check("x").is_err());
        unet(&[8, 16], &[1, 2]).check("x").unwrap();
    }
}
