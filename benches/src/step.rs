//! Training steps alone, for comparison with PyTorch: `benches/peers/speed_step.py` requests runs in turn.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use arpent_base::number::{exact, narrow, signed};
use arpent_model::{Architecture, Encoder, Network, initial};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Channels of the decoder, as in segmentation_models_pytorch.
const DECODER: [usize; 5] = [256, 128, 64, 32, 16];

/// The network and its batches.
#[derive(Debug)]
pub struct Steps {
    /// Encoder of the U-Net.
    pub encoder: String,
    /// Chips in a step.
    pub batch: usize,
    /// Side of a chip, pixels.
    pub size: usize,
    /// Classes.
    pub classes: usize,
    /// Threads.
    pub threads: usize,
}

impl Steps {
    /// Reads commands: `run` does a step on synthetic chips and prints its milliseconds, `quit` ends.
    ///
    /// # Errors
    /// An unknown encoder, an invalid command.
    pub fn serve(&self, lines: impl BufRead, mut out: impl Write) -> Result<()> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let mut training = Training::begin(self)?;
        for line in lines.lines() {
            match line?.as_str() {
                "run" => {}
                "quit" => return Ok(()),
                other => bail!("`{other}`: expected `run` or `quit`"),
            }
            let began = Instant::now();
            training.step()?;
            writeln!(out, "{:.3}", began.elapsed().as_secs_f64() * 1e3)?;
            out.flush()?;
        }
        Ok(())
    }
}

struct Training {
    network: Network,
    optimizer: ModuleOptimizer,
    chips: Tensor<4>,
    truth: Tensor<4, Int>,
}

impl Training {
    fn begin(of: &Steps) -> Result<Self> {
        let encoder = Encoder::ALL.into_iter().find(|e| e.name() == of.encoder).context("no such encoder")?;
        let architecture = Architecture::EncoderUnet {
            encoder,
            in_channels: 3,
            out_channels: of.classes,
            decoder: DECODER.to_vec(),
            dates: 1,
        };
        let device = Device::flex().autodiff();
        // Uniformly distributed values; times do not depend on them.
        let mut state = 1u64;
        let mut even = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            exact(state >> 40) / f64::from(1 << 23) - 1.0
        };
        let weights = initial(&architecture, |_| {
            let mut stream = even;
            move || stream()
        });
        let values = (0..of.batch * 3 * of.size * of.size).map(|_| narrow(even())).collect::<Vec<_>>();
        let truth: Vec<i64> = (0..of.batch * of.size * of.size).map(|i| signed(i / 7 % of.classes)).collect();
        Ok(Self {
            network: Network::for_training(&architecture, &weights, &device)?,
            optimizer: AdamWConfig::new().init(),
            chips: Tensor::from_data(TensorData::new(values, [of.batch, 3, of.size, of.size]), &device),
            truth: Tensor::from_data(TensorData::new(truth, [of.batch, 1, of.size, of.size]), &device),
        })
    }

    /// Cross-entropy, its gradients, `AdamW`.
    fn step(&mut self) -> Result<()> {
        let scores = self.network.forward(self.chips.clone());
        let loss = log_softmax(scores, 1).gather(1, self.truth.clone()).mean().neg();
        let value = loss.clone().into_data().try_into_vec::<f32>().map_err(|e| anyhow!("{e:?}"))?;
        if !value.iter().all(|v| v.is_finite()) {
            bail!("the loss is {value:?}");
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(1e-3, self.network.clone(), gradients);
        Ok(())
    }
}
