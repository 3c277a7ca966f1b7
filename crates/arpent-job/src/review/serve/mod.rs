//! `arpent review serve`: a review in the browser. The host of `arpent-viewer` lets requests through; here they become
//! answers and decisions, one after the other, in one thread.

mod call;
mod desk;
mod log;
mod queue;
mod wire;

pub use call::{ReviewCall, ReviewServeOptions, asking};
pub use desk::ReviewDesk;
