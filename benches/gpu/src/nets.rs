//! The networks that are measured: those that are shipped, and larger ones with weights of a fixed seed.

use anyhow::{Context, Result};
use arpent_model::{Architecture, Encoder, HandSet, ModelPackage, TensorShape, Weights, fold, initial};
use serde::Serialize;

/// The name under which single operations are measured.
pub(crate) const BARE: &str = "bare";

/// Classes of the made-up networks.
const CLASSES: u8 = 19;

/// Seed of their weights.
const SEED: u64 = 0x0041_7270_656e_7421;

/// A shipped package: name, `model.json`, weights.
type Shipped = (&'static str, &'static [u8], &'static [u8]);

macro_rules! shipped {
    ($($name:literal),*) => {
        &[$((
            $name,
            include_bytes!(concat!("../../../models/", $name, "/model.json")),
            include_bytes!(concat!("../../../models/", $name, "/weights.safetensors")),
        )),*]
    };
}

const SHIPPED: &[Shipped] = shipped!("land-cover-50cm", "road-cracks", "tree-health-10cm");

/// The made-up networks.
const MADE_UP: [&str; 3] = ["unet-33m", "resnet50-unet", "mobilenet-v2-unet"];

/// A network with its weights.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) package: ModelPackage,
    pub(crate) weights: Weights,
}

/// Every network's name, those first that matter most.
pub(crate) fn names() -> Vec<&'static str> {
    let [unet, resnet, mobilenet] = MADE_UP;
    let [land_cover, cracks, trees] = [SHIPPED[0].0, SHIPPED[1].0, SHIPPED[2].0];
    vec![land_cover, unet, resnet, mobilenet, cracks, trees]
}

/// The network of a name.
///
/// # Errors
/// A name that is not one of [`names`].
pub(crate) fn load(name: &str) -> Result<Net> {
    if let Some((_, description, weights)) = SHIPPED.iter().find(|(shipped, ..)| *shipped == name) {
        let package: ModelPackage = serde_json::from_slice(description)?;
        return Ok(Net { package, weights: Weights::from_bytes(weights)? });
    }
    let architecture = made_up(name).with_context(|| {
        format!("network `{name}` is not known\nhint: one of {}, {BARE}", names().join(", "))
    })?;
    let mut package = HandSet::segmentation(&["red", "green", "blue"], CLASSES).package(architecture);
    name.clone_into(&mut package.id);
    let weights = fold(&package.architecture, &initial(&package.architecture, normal))?;
    Ok(Net { package, weights })
}

fn made_up(name: &str) -> Option<Architecture> {
    let encoded = |encoder| Architecture::EncoderUnet {
        encoder,
        in_channels: 3,
        out_channels: usize::from(CLASSES),
        decoder: vec![256, 128, 64, 32, 16],
        dates: 1,
    };
    match name {
        "unet-33m" => Some(Architecture::Unet {
            in_channels: 3,
            out_channels: usize::from(CLASSES),
            widths: vec![64, 128, 256, 512, 1024],
            encoder_convs: vec![2, 2, 2, 2, 3],
            dates: 1,
        }),
        "resnet50-unet" => Some(encoded(Encoder::Resnet50)),
        "mobilenet-v2-unet" => Some(encoded(Encoder::MobilenetV2)),
        _ => None,
    }
}

/// Normally distributed numbers (Box and Muller) of a layer.
fn normal(layer: u64) -> impl FnMut() -> f64 {
    let mut even = even(SEED ^ layer.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    move || {
        let (radius, angle) = ((-2.0 * (1.0 - even()).ln()).sqrt(), std::f64::consts::TAU * even());
        radius * angle.cos()
    }
}

/// Numbers from 0 to below 1 (SplitMix64).
fn even(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}

/// Normalized values of a chip, plane by plane: slopes, waves and noise.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "made-up values")]
pub(crate) fn chip(bands: usize, side: usize, seed: u64) -> Vec<f32> {
    let mut even = even(seed);
    let wave = |at: usize, length: f64| (at as f64 * std::f64::consts::TAU / length).sin();
    let pixels = (0..bands * side * side).map(|i| {
        let (band, y, x) = (i / (side * side), i / side % side, i % side);
        let slope = (x + y) as f64 / side as f64 - 1.0;
        let texture = wave(x + 5 * band, 37.0) * wave(y, 23.0);
        (0.6 * slope + texture + 0.5 * (even() - 0.5)) as f32
    });
    pixels.collect()
}

/// A network as `twin.py` reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Description {
    name: &'static str,
    parameters: usize,
    architecture: Architecture,
    /// Name and shape of each tensor for prediction, in the order of use.
    tensors: Vec<(String, Vec<usize>)>,
}

/// Every network's description.
///
/// # Errors
/// As [`load`].
pub(crate) fn describe() -> Result<Vec<Description>> {
    let one = |name: &'static str| {
        let Net { package, weights } = load(name)?;
        let tensors = package.architecture.tensors();
        let tensors = tensors.into_iter().map(|TensorShape { name, shape }| (name, shape)).collect();
        Ok(Description {
            name,
            parameters: weights.parameters(),
            architecture: package.architecture,
            tensors,
        })
    };
    names().into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_is_there_and_large_ones_are_large() {
        let described = describe().unwrap();
        let parameters = |name: &str| described.iter().find(|d| d.name == name).unwrap().parameters;
        assert!(parameters("unet-33m") > 30_000_000 && parameters("resnet50-unet") > 30_000_000);
        assert!(parameters("land-cover-50cm") < 1_000_000);
        assert_eq!(described.len(), SHIPPED.len() + MADE_UP.len());
        assert!(load("unet").unwrap_err().to_string().contains("hint: one of land-cover-50cm"));
    }

    #[test]
    fn weights_are_the_same_each_time() {
        let [first, second] = [0, 1].map(|_| load("mobilenet-v2-unet").unwrap().weights);
        assert_eq!(first, second);
        let kernel = first.get("segmentation_head.0.weight").unwrap();
        assert!(kernel.data.iter().any(|v| *v > 0.0) && kernel.data.iter().any(|v| *v < 0.0));
    }
}
