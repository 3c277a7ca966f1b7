//! `arpent`: from a scene to published features.
fn main() {}
