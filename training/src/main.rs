//! `arpent-train`: from labels to a model package.
fn main() {}
