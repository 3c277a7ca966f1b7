//! Made-up ground: a sum of bumps of several sizes, which can be drawn at any shift without resampling.

use arpent_base::SplitMix64;
use ndarray::Array2;

/// Random numbers from a seed.
pub(crate) struct Noise(SplitMix64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0.unit()
    }

    /// Nearly normal, of deviation 1: the sum of 12 uniform numbers.
    pub(crate) fn normal(&mut self) -> f32 {
        ((0..12).map(|_| self.share()).sum::<f64>() - 6.0) as f32
    }
}

struct Bump {
    at: [f64; 2],
    radius: f64,
    height: f64,
}

pub(crate) struct Texture(Vec<Bump>);

impl Texture {
    /// Ground for images of `side` x `side` pixels and shifts up to 30 px: bumps with deviations of 1.2 to 25 px.
    pub(crate) fn new(seed: u64, side: usize) -> Self {
        let mut random = Noise::new(seed);
        let length = side as f64 + 160.0;
        let mut bumps = Vec::new();
        for (radius, height) in [(1.2_f64, 15.0), (3.0, 18.0), (8.0, 20.0), (25.0, 25.0)] {
            let count = (0.3 * length * length / (radius * radius * 12.0)).ceil() as usize;
            for _ in 0..count {
                let at = [random.share() * length - 80.0, random.share() * length - 80.0];
                bumps.push(Bump { at, radius, height: height * (2.0 * random.share() - 1.0) });
            }
        }
        Self(bumps)
    }

    /// The ground moved by `shift` (eastward, southward), around 100.
    pub(crate) fn draw(&self, side: usize, [dx, dy]: [f64; 2]) -> Array2<f32> {
        let mut image = Array2::<f64>::from_elem((side, side), 100.0);
        for Bump { at, radius, height } in &self.0 {
            let [x, y] = [at[0] + dx, at[1] + dy];
            let reach = 5.0 * radius;
            let range = |center: f64| {
                let bound = |v: f64| v.clamp(0.0, side as f64) as usize;
                bound((center - reach).ceil())..bound((center + reach).floor() + 1.0)
            };
            let across: Vec<f64> =
                range(x).map(|col| (-(col as f64 - x).powi(2) / (2.0 * radius * radius)).exp()).collect();
            for row in range(y) {
                let along = height * (-(row as f64 - y).powi(2) / (2.0 * radius * radius)).exp();
                for (col, factor) in range(x).zip(&across) {
                    image[[row, col]] += along * factor;
                }
            }
        }
        image.mapv(|v| v as f32)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kernel {
    Bilinear,
    Cubic,
    Lanczos3,
}

impl Kernel {
    fn at(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Cubic if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x * x + 1.0,
            Self::Cubic if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x * x - 4.0 * x + 2.0,
            Self::Lanczos3 if x < 1e-9 => 1.0,
            Self::Lanczos3 if x < 3.0 => {
                let p = std::f64::consts::PI * x;
                3.0 * p.sin() * (p / 3.0).sin() / (p * p)
            }
            Self::Cubic | Self::Lanczos3 => 0.0,
        }
    }
}

/// The image moved by resampling, with the edge repeated outside.
pub(crate) fn resampled(image: &Array2<f32>, [dx, dy]: [f64; 2], kernel: Kernel) -> Array2<f32> {
    let along = |length: usize, shift: f64, value: &dyn Fn(usize) -> f32, at: usize| -> f32 {
        let from = at as f64 - shift;
        let first = from.floor() as i64 - 2;
        let (mut sum, mut total) = (0.0, 0.0);
        for place in first..first + 6 {
            let weight = kernel.at(place as f64 - from);
            sum += weight * f64::from(value(place.clamp(0, length as i64 - 1) as usize));
            total += weight;
        }
        (sum / total) as f32
    };
    let (rows, cols) = image.dim();
    let wide = Array2::from_shape_fn((rows, cols), |(row, col)| along(cols, dx, &|c| image[[row, c]], col));
    Array2::from_shape_fn((rows, cols), |(row, col)| along(rows, dy, &|r| wide[[r, col]], row))
}
