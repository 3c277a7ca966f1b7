//! Splits one node's work on one band into tasks.

use rayon::prelude::*;

use crate::kernels::Patch;
use crate::numbers::{signed, size, wide};
use crate::schedule::Span;

/// Most values that a task reads and writes: the size of a core's second-level cache minus the kernel.
const TASK_VALUES: usize = 64 << 10;

/// Smallest number of pixels of a row in a task.
const FEWEST_COLS: i64 = 48;

/// Number of multiplications below which a node's band is one task.
const SMALL: u64 = 60_000;

/// The cost of a pixel of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Values read and written.
    pub(crate) values: usize,
    /// Multiplications.
    pub(crate) products: u64,
}

/// Rows that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Number of rows.
    pub(crate) rows: i64,
    /// First row of a group, modulo that number.
    pub(crate) first: i64,
}

/// Calls `work` for patches that cover `rows` x `cols`, on the threads of the pool. Patches begin at the start of a
/// group of rows.
pub(crate) fn each(rows: Span, cols: Span, cost: Cost, group: Group, work: impl Fn(&Patch) + Sync) {
    let (height, width) = (rows.1 - rows.0, cols.1 - cols.0);
    if height <= 0 || width <= 0 {
        return;
    }
    let pixels = wide(size(height * width));
    let threads = if pixels * cost.products < SMALL { 1 } else { rayon::current_num_threads() };
    let step = group.rows;
    let most = (TASK_VALUES / cost.values.max(1)).max(1);
    let (mut across, mut down) = cut(height, width, signed(most), step);
    // A few tasks for each thread, for load balancing.
    let wanted = if threads == 1 { 1 } else { 4 * signed(threads) };
    while across * ceil(height, down) < wanted && (down > step || width / (across + 1) >= FEWEST_COLS) {
        if down > step {
            down = ceil(down / 2, step) * step;
        } else {
            across += 1;
        }
    }
    let origin = rows.0 - (rows.0 - group.first).rem_euclid(step);
    let lines = ceil(rows.1 - origin, down);
    let patch = |task: usize| {
        let task = signed(task);
        let (line, part) = (task / across, task % across);
        let first = origin + line * down;
        let at = |part: i64| cols.0 + width * part / across;
        Patch { rows: first.max(rows.0)..(first + down).min(rows.1), cols: at(part)..at(part + 1) }
    };
    let tasks = size(lines * across);
    if threads == 1 {
        (0..tasks).for_each(|task| work(&patch(task)));
    } else {
        (0..tasks).into_par_iter().with_max_len(1).for_each(|task| work(&patch(task)));
    }
}

/// Number of parts across and rows of each part, so that a part has `most` pixels.
fn cut(height: i64, width: i64, most: i64, step: i64) -> (i64, i64) {
    let most = most.max(FEWEST_COLS * step);
    if width * step <= most {
        return (1, (most / width / step * step).clamp(step, height.max(step)));
    }
    (ceil(width * step, most).min((width / FEWEST_COLS).max(1)), step)
}

fn ceil(n: i64, by: i64) -> i64 {
    (n + by - 1).div_euclid(by)
}
