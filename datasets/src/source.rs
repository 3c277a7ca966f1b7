//! Where data come from, for cards and model packages.

/// A data set's name, licence and origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Short name.
    pub name: &'static str,
    /// Licence.
    pub licence: &'static str,
    /// Origin, with its version.
    pub source: &'static str,
}

impl Source {
    /// Crown crops of dead and live trees.
    pub const NEON_CROWNS: Self = Self {
        name: "neon_dead_alive_crops",
        licence: "MIT (annotations), CC0-1.0 (NEON imagery)",
        source: "https://github.com/weecology/DeepTreeAttention, commit cae13f1e4271b5386e2379068f8239de3033ec40",
    };
    /// The tile OSBS_029 with crown boxes.
    pub const NEON_OSBS_029: Self = Self {
        name: "neon_osbs_029",
        licence: "MIT (annotations), CC0-1.0 (NEON imagery)",
        source: "https://github.com/weecology/DeepForest, commit 1bad4419b3e6f7b4981a367e85acc2dda29cfc7b",
    };
    /// A tile of SJER with crown boxes.
    pub const NEON_SJER: Self = Self {
        name: "neon_sjer",
        licence: "MIT (annotations), CC0-1.0 (NEON imagery)",
        source: "https://github.com/weecology/DeepForest, commit 1bad4419b3e6f7b4981a367e85acc2dda29cfc7b",
    };
    /// The west of another part of a YELL tile with crown boxes; its east is the demo's.
    pub const NEON_YELL_528000_WEST: Self = Self {
        name: "neon_yell_528000_4978000_west",
        licence: "MIT (boxes), CC0-1.0 (NEON imagery), CC0-1.0 (our marks of dead trees and ground)",
        source: "PyPI deepforest 2.1.0, deepforest/data/2019_YELL_2_528000_4978000_image_crop2.png and .xml, columns 0 to 959 of 2299",
    };
    /// A part of a YELL tile with crown boxes.
    pub const NEON_YELL_541000: Self = Self {
        name: "neon_yell_541000_4977000",
        licence: "MIT (boxes), CC0-1.0 (NEON imagery), CC0-1.0 (our marks of dead trees and ground)",
        source: "PyPI deepforest 2.1.0, deepforest/data/2019_YELL_2_541000_4977000_image_crop.png and .xml",
    };
}
