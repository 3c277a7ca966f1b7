//! Runs a convolutional network over a picture of any height, row by row, on the CPU.
//!
//! [`Engine::new`] lowers a network (its [`Step`]s) to a plan: convolution, activation and residual sum are fused, an
//! upsampling is fused with the convolution after it, and kernels are packed once. [`Engine::run`] then processes a
//! picture from north to south: every layer computes the rows that the next ones need, and keeps only rows that will
//! still be read. Memory is bounded by the picture's width; only what the requested pixels depend on is computed.
//!
//! **Same pixel, same answer.** The terms of a sum are added in one order, whatever is computed next to it: results
//! are bit-identical for any picture, part of it, and number of threads, on one instruction set ([`Isa`]). If four
//! rows are computed together ([`Options::winograd`]), an output pixel depends on all input rows of its group of
//! four, which is aligned to the lattice of the grid: [`Engine::reach`] returns how far.
//!
//! **Networks that look at the whole picture** (ADR 0022): means over the picture, and what they scale. A layer that is
//! read whole is computed first, itself in bands; layers that are not used at the same time share memory. Answers are
//! bit-identical for the same picture, any requested part of it, and any number of threads.
//!
//! **8 bits.** [`Engine::new_int8`] stores layers after a [`Activation::Relu`] in 7 bits and computes the
//! convolutions that read them in integers: faster, close to f32, and bit-identical on every instruction set.
//! [`Engine::ranges`] measures the ranges for it.

#![allow(
    clippy::inline_always,
    reason = "kernels are compiled for an instruction set by being inlined into code that has it"
)]

mod compute;
mod engine;
mod extent;
mod forms;
mod fusions;
mod kernels;
mod lower;
mod memory;
mod numbers;
mod ranges;
mod rewrite;
mod schedule;
mod shapes;
mod spec;
mod tasks;
pub mod training;
mod winners;

pub use compute::PixelSource;
pub use engine::{Answers, Engine, Picture};
pub use kernels::Isa;
pub use lower::Options;
pub use spec::{Activation, Attention, AttentionWindow, Conv, EngineError, Normalization, Op, Step};
pub use winners::winners;
