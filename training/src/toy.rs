//! Configurations of small trainings for tests: the data are drawn by the test, so that paths are not used.

use crate::config::{Config, Overrides};

/// What differs between the trainings of tests, in TOML.
pub(crate) struct Toy<'a> {
    /// `task`, which is also the model's id.
    pub(crate) task: &'a str,
    /// Further keys of `[model]`: at least the architecture.
    pub(crate) model: &'a str,
    /// Number, name and color of each class.
    pub(crate) classes: &'a [(u8, &'a str, &'a str)],
    /// The tables after the data set: `[fit]`, `[loss]`, ...
    pub(crate) rest: &'a str,
}

impl Toy<'_> {
    /// The parsed configuration, as of a file in `folder`.
    pub(crate) fn config(&self, folder: &std::path::Path) -> Config {
        let Self { task, model, classes, rest } = self;
        let class = |(id, name, color): &(u8, &str, &str)| {
            format!("[[classes]]\nid = {id}\nname = \"{name}\"\ncolor = \"{color}\"\n")
        };
        let classes: String = classes.iter().map(class).collect();
        let text = format!(
            r#"
task = "{task}"
output = "unused"
[model]
id = "{task}"
version = "0.0.0"
title = "Toy"
license = "CC0-1.0"
gsd_m = {{ nominal = 1.0, min = 0.5, max = 2.0 }}
value_range = [0.0, 255.0]
sample_types = ["uint8"]
{model}
{classes}
[[sets]]
layout = "image-mask"
path = "unused"
card = "unused"
splits = "unused"
{rest}"#
        );
        Config::parse(&folder.join("train.toml"), &text, &Overrides::default()).unwrap()
    }
}
