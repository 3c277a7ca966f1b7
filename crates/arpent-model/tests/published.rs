//! Published networks, without Burn: names of tensors, and the CPU engine's answers.

mod common;

use arpent_model::Architecture;
use common::{encoder, json, number};

/// Names and shapes of all tensors, by their hash.
#[test]
fn every_efficientnet_has_the_tensors_of_pytorch() {
    for row in json("unet-hashes.json")["networks"].as_array().unwrap() {
        let architecture = Architecture::EncoderUnet {
            encoder: encoder(row["encoder"].as_str().unwrap()),
            in_channels: 4,
            out_channels: 3,
            decoder: vec![256, 128, 64, 32, 16],
            dates: 1,
        };
        let mut lines: Vec<String> =
            architecture.training_tensors().iter().map(|t| format!("{}: {:?}\n", t.name, t.shape)).collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), number(&row["tensors"]), "{row}");
        assert_eq!(
            arpent_base::sha256_hex(lines.concat().as_bytes()),
            row["sha256"].as_str().unwrap(),
            "{row}"
        );
    }
}
