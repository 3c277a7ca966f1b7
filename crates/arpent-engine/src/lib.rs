//! Runs a convolutional network over a picture of any height, row by row, on the CPU.
//!
//! [`Engine::new`] lowers a network (its [`Step`]s) to a plan: convolution, activation and residual sum are one, an
//! upsampling never leaves the convolution that follows it, and kernels are packed once. [`Engine::run`] then goes down a
//! picture: every layer computes the rows that the next ones need and keeps no more than they will still read. Memory is
//! bounded by the picture's width; only what the wanted pixels depend on is computed.
//!
//! **Same pixel, same answer.** The terms of a sum are added in one order, whatever is computed beside it: bit for bit,
//! for any picture, part of it, and number of threads, on one instruction set ([`Isa`]). Where four rows are computed
//! together ([`Options::winograd`]), an answer depends on all rows that these fours see, which lie on the lattice of the
//! grid: [`Engine::reach`] says how far.
//!
//! **8 bits.** [`Engine::new_int8`] keeps layers after a [`Activation::Relu`] in 7 bits and computes the convolutions that
//! read them with whole numbers: faster, close to f32, and bit for bit the same on every instruction set.
//! [`Engine::ranges`] calibrates it.

#![allow(
    clippy::inline_always,
    reason = "kernels are compiled for an instruction set by being inlined into code that has it"
)]

mod engine;
mod forms;
mod fusions;
mod kernels;
mod lower;
mod numbers;
mod ranges;
mod schedule;
mod spec;
mod tasks;
pub mod training;
mod winners;

pub use engine::{Answers, Engine, Picture, Source};
pub use kernels::Isa;
pub use lower::Options;
pub use spec::{Activation, Conv, EngineError, Op, Step};
pub use winners::winners;
