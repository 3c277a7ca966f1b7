//! Measures the shift field of two images that are stored as rows of little-endian single precision numbers, and prints its
//! summary and the seconds as JSON.
//!
//!     cargo run --release -p arpent-change --example register -- FIRST SECOND COLUMNS [CELL]

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use arpent_change::register::{CellState, DateWindow, RegisterOptions, Registrar, ShiftField};
use ndarray::Array2;

fn read(path: &str, columns: usize) -> Result<Array2<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let values: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Array2::from_shape_vec((values.len() / columns, columns), values)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, columns, rest @ ..] = words.as_slice() else {
        return Err("usage: register FIRST SECOND COLUMNS [CELL]".into());
    };
    let columns = columns.parse()?;
    let cell = rest.first().map_or(Ok(256), |word| word.parse())?;
    let (before, after) = (read(first, columns)?, read(second, columns)?);
    let valid = Array2::from_elem(before.dim(), true);
    let start = Instant::now();
    let registrar = Registrar::new(RegisterOptions { cell, ..RegisterOptions::default() })?;
    let first = DateWindow { values: before.view(), valid: valid.view() };
    let second = DateWindow { values: after.view(), valid: valid.view() };
    let field = ShiftField::new(registrar.cells([0, 0], first, second)?)?;
    let seconds = start.elapsed().as_secs_f64();
    let count = |state| field.cells().iter().filter(|cell| cell.state == state).count();
    let states =
        [CellState::Good, CellState::Unreliable, CellState::Outlier, CellState::BeyondMax].map(count);
    let cells: Vec<_> =
        field.cells().iter().map(|c| (c.col, c.row, c.shift, c.error, c.reliability, c.state)).collect();
    let report = serde_json::json!({
        "seconds": seconds,
        "good": states[0],
        "unreliable": states[1],
        "outliers": states[2],
        "beyond_max": states[3],
        "summary": field.summary().ok(),
        "cells": cells,
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
