//! `arpent-train` as its users call it.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "test helpers; numbers are small")]

mod applicability;
mod bands;
mod change;
mod configs;
mod cross;
mod crowns;
mod damaged;
mod drawn;
mod embeddings;
mod gated;
mod guide;
mod image_mask;
mod installed;
mod land_cover;
mod land_cover_sparse;
mod mapped;
mod place;
mod refused;
mod resume;
mod road_damage;
mod silent;
mod smokes;
mod tree_boxes;
mod values;
