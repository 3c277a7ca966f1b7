//! What is not settled, and what was settled, as bytes.

use std::collections::HashSet;

use arpent_base::number::wide;
use arpent_raster::Window;

use super::borders::{Beside, BorderRun, Borders, Unsettled};
use super::settled::Settled;
use crate::VectorError;
use crate::bytes::{Kind, MALFORMED, Numbers, put, put_window, seal, unseal};
use crate::polygonize::{Rim, check_extent};

impl Borders {
    /// As bytes, which show whether they are damaged.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_window(&mut bytes, &self.extent);
        put_window(&mut bytes, &self.block);
        put(&mut bytes, self.rules);
        put(&mut bytes, wide(self.regions.len()));
        for region in &self.regions {
            put(&mut bytes, region.class_id);
            put(&mut bytes, region.strata);
            // The lowest bits of areas are often 0.
            put(&mut bytes, region.area_q64.rotate_left(64));
            put(&mut bytes, region.first.0);
            put(&mut bytes, region.first.1);
            put(&mut bytes, wide(region.beside.len()));
            for (beside, sides) in &region.beside {
                put_beside(&mut bytes, *beside);
                put(&mut bytes, *sides);
            }
        }
        put(&mut bytes, wide(self.runs.len()));
        for run in &self.runs {
            put(&mut bytes, run.side);
            put(&mut bytes, run.start);
            put(&mut bytes, run.end - run.start);
            put_beside(&mut bytes, run.region);
        }
        seal(Kind::Borders, &bytes)
    }

    /// Borders that were written by [`Borders::encode`].
    ///
    /// # Errors
    /// [`VectorError::DamagedBlock`].
    pub fn decode(bytes: &[u8]) -> Result<Self, VectorError> {
        let mut numbers = unseal(Kind::Borders, bytes)?;
        read_borders(&mut numbers).filter(|_| numbers.is_empty()).ok_or(MALFORMED)
    }
}

impl Settled {
    /// As bytes, which show whether they are damaged.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_window(&mut bytes, &self.extent);
        put_window(&mut bytes, &self.block);
        put(&mut bytes, self.rules);
        put(&mut bytes, wide(self.classes.len()));
        for ((row, col), class_id) in &self.classes {
            put(&mut bytes, *row);
            put(&mut bytes, *col);
            put(&mut bytes, *class_id);
        }
        seal(Kind::Settled, &bytes)
    }

    /// What was written by [`Settled::encode`].
    ///
    /// # Errors
    /// [`VectorError::DamagedBlock`].
    pub fn decode(bytes: &[u8]) -> Result<Self, VectorError> {
        let mut numbers = unseal(Kind::Settled, bytes)?;
        read_settled(&mut numbers).filter(|_| numbers.is_empty()).ok_or(MALFORMED)
    }
}

/// A class is an odd number.
fn put_beside(bytes: &mut Vec<u8>, beside: Beside) {
    match beside {
        Beside::Unsettled(number) => put(bytes, u64::from(number) << 1),
        Beside::Settled(class_id) => put(bytes, u64::from(class_id) << 1 | 1),
    }
}

fn read_beside(numbers: &mut Numbers<'_>, regions: usize) -> Option<Beside> {
    let number: u64 = numbers.next()?;
    if number & 1 == 1 {
        return u8::try_from(number >> 1).ok().map(Beside::Settled);
    }
    u32::try_from(number >> 1).ok().filter(|number| (*number as usize) < regions).map(Beside::Unsettled)
}

fn read_windows(numbers: &mut Numbers<'_>) -> Option<[Window; 2]> {
    let extent = numbers.window().filter(|extent| check_extent(*extent).is_ok())?;
    let block = numbers.window()?;
    let is_inside = extent.offset_of(&block).is_some()
        && block.col_end() <= extent.col_end()
        && block.row_end() <= extent.row_end();
    is_inside.then_some([extent, block])
}

/// The row and the column of a pixel of a block, counted from the corner of the extent.
fn read_first(numbers: &mut Numbers<'_>, rim: &Rim) -> Option<(u32, u32)> {
    let (row, col): (u32, u32) = (numbers.next()?, numbers.next()?);
    let is_in =
        |at: u32, axis: usize| at.checked_sub(rim.corner()[axis]).is_some_and(|at| at < rim.size()[axis]);
    (is_in(row, 1) && is_in(col, 0)).then_some((row, col))
}

fn read_borders(numbers: &mut Numbers<'_>) -> Option<Borders> {
    let [extent, block] = read_windows(numbers)?;
    let (rim, rules) = (Rim::new(&block, &extent), numbers.next()?);
    let count = numbers.count()?;
    let mut regions = Vec::new();
    for _ in 0..count {
        let (class_id, strata) = (numbers.next()?, numbers.next()?);
        let area_q64 = numbers.next::<u128>()?.rotate_right(64);
        let first = read_first(numbers, &rim)?;
        let beside = (0..numbers.count()?)
            .map(|_| Some((read_beside(numbers, count)?, numbers.next().filter(|sides| *sides > 0)?)))
            .collect::<Option<_>>()?;
        regions.push(Unsettled { class_id, strata, area_q64, first, beside });
    }
    let firsts: HashSet<(u32, u32)> = regions.iter().map(|region: &Unsettled| region.first).collect();
    if firsts.len() != count {
        return None;
    }
    let mut runs: Vec<BorderRun> = Vec::new();
    for _ in 0..numbers.count()? {
        let side = numbers.next().filter(|side| *side < 4 && rim.is_shared(*side))?;
        let start: u32 = numbers.next()?;
        let end = start.checked_add(numbers.next().filter(|length| *length > 0)?)?;
        let [first, last] = rim.ends(side);
        let is_next = runs.last().is_none_or(|run| (run.side, run.end) <= (side, start));
        if start < first || end > last || !is_next {
            return None;
        }
        runs.push(BorderRun { side, start, end, region: read_beside(numbers, count)? });
    }
    Some(Borders { extent, block, rules, regions, runs })
}

fn read_settled(numbers: &mut Numbers<'_>) -> Option<Settled> {
    let [extent, block] = read_windows(numbers)?;
    let (rim, rules) = (Rim::new(&block, &extent), numbers.next()?);
    let classes: Vec<((u32, u32), u8)> = (0..numbers.count()?)
        .map(|_| Some((read_first(numbers, &rim)?, numbers.next()?)))
        .collect::<Option<_>>()?;
    let is_sorted = classes.windows(2).all(|pair| pair[0].0 < pair[1].0);
    is_sorted.then_some(Settled { extent, block, rules, classes })
}
