//! Fragments as bytes.

use arpent_base::number::{fitted, wide};

use super::area::Q64_BITS;
use super::check::check_extent;
use super::counts::DrawnCounts;
use super::fragments::Fragments;
use super::lattice::Lattice;
use super::layout::{Connectivity, Layout};
use super::open::{Around, NONE, Open, Part, Whole};
use super::paths::Paths;
use super::side::{Half, Run, Segment};
use super::totals::Totals;
use crate::VectorError;
use crate::bytes::{Kind, MALFORMED, Numbers, put, put_float, put_window, seal, unseal, zigzag};

impl Fragments {
    /// As bytes, which show whether they are damaged.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_layout(&mut bytes, &self.layout);
        put(&mut bytes, wide(self.drawing.len()));
        self.drawing.iter().for_each(|number| put(&mut bytes, *number));
        put_drawn(&mut bytes, &self.drawn);
        put_open(&mut bytes, &self.open);
        seal(Kind::Fragments, &bytes)
    }

    /// Fragments that were written by [`Fragments::encode`].
    ///
    /// # Errors
    /// [`VectorError::DamagedBlock`].
    pub fn decode(bytes: &[u8]) -> Result<Self, VectorError> {
        let mut numbers = unseal(Kind::Fragments, bytes)?;
        read(&mut numbers).filter(|_| numbers.is_empty()).ok_or(MALFORMED)
    }
}

fn read(numbers: &mut Numbers<'_>) -> Option<Fragments> {
    let layout = read_layout(numbers)?;
    let drawing = (0..numbers.count()?).map(|_| numbers.next()).collect::<Option<_>>()?;
    let drawn = read_drawn(numbers)?;
    let open = read_open(numbers, &layout)?;
    Some(Fragments { layout, drawing, open, drawn })
}

fn put_layout(bytes: &mut Vec<u8>, layout: &Layout) {
    put_window(bytes, &layout.extent);
    put(bytes, layout.lattice.shift());
    put(bytes, layout.cells.map_or(0, |cells| cells.shift() + 1));
    put(bytes, layout.cut_runs);
    put(bytes, u8::from(layout.connectivity == Connectivity::Eight));
    put(bytes, u8::from(layout.is_coverage));
}

fn read_layout(numbers: &mut Numbers<'_>) -> Option<Layout> {
    let extent = numbers.window().filter(|extent| check_extent(*extent).is_ok())?;
    let lattice = Lattice::new(numbers.next().filter(|shift| *shift < 28)?);
    let cells: u32 = numbers.next().filter(|shift| *shift <= 28)?;
    let cells = cells.checked_sub(1).map(Lattice::new);
    let cut_runs = numbers.next()?;
    let connectivity = if numbers.flag()? { Connectivity::Eight } else { Connectivity::Four };
    Some(Layout { extent, lattice, cells, cut_runs, connectivity, is_coverage: numbers.flag()? })
}

fn put_drawn(bytes: &mut Vec<u8>, drawn: &DrawnCounts) {
    for number in [drawn.regions, drawn.cut_corners, drawn.squared] {
        put(bytes, number);
    }
    put_float(bytes, drawn.max_moved_share);
    put_float(bytes, drawn.max_drawn_share);
    put(bytes, drawn.moved_q64);
    put(bytes, drawn.drawn_q64);
}

fn read_drawn(numbers: &mut Numbers<'_>) -> Option<DrawnCounts> {
    Some(DrawnCounts {
        regions: numbers.next()?,
        cut_corners: numbers.next()?,
        squared: numbers.next()?,
        max_moved_share: numbers.float()?,
        max_drawn_share: numbers.float()?,
        moved_q64: numbers.next()?,
        drawn_q64: numbers.next()?,
    })
}

fn put_open(bytes: &mut Vec<u8>, open: &Open) {
    put(bytes, wide(open.traced.windows().len()));
    open.traced.windows().iter().for_each(|window| put_window(bytes, window));
    put(bytes, wide(open.regions.len()));
    for region in &open.regions {
        put(bytes, region.runs);
        put(bytes, wide(region.parts.len()));
    }
    // In the order of their regions.
    open.parts.iter().for_each(|part| put_part(bytes, part));
    put(bytes, wide(open.halves.len()));
    for (segment, half) in &open.halves {
        put(bytes, fitted::<u32>(segment.axis) << 1 | u32::from(half.is_after));
        put(bytes, segment.line);
        put(bytes, segment.start);
        put(bytes, wide(half.runs.len()));
        let mut last = segment.start;
        for run in &half.runs {
            put(bytes, run.start - last);
            put(bytes, run.end - run.start);
            put(bytes, run.of);
            last = run.end;
        }
    }
    put(bytes, wide(open.corners.len()));
    for (at, around) in &open.corners {
        put(bytes, at[0]);
        put(bytes, at[1]);
        put(bytes, around.traced);
        around.parts.iter().for_each(|part| put(bytes, part.wrapping_add(1)));
    }
}

fn put_part(bytes: &mut Vec<u8>, part: &Part) {
    let Part { class_id, totals, bbox, paths, squares, .. } = part;
    put(bytes, *class_id);
    for number in [totals.runs, totals.pixels, totals.confidence_sum, totals.scored] {
        put(bytes, number);
    }
    // The lowest bits of areas are often 0.
    put(bytes, totals.area_q64.rotate_left(Q64_BITS));
    for at in bbox {
        put(bytes, *at);
    }
    put(bytes, wide(paths.bytes().len()));
    bytes.extend_from_slice(paths.bytes());
    put(bytes, wide(squares.len()));
    for (vertex, outline) in squares {
        put(bytes, zigzag(vertex[0]));
        put(bytes, zigzag(vertex[1]));
        put(bytes, wide(outline.len()));
        outline.iter().flatten().for_each(|at| put_float(bytes, *at));
    }
}

fn read_open(numbers: &mut Numbers<'_>, layout: &Layout) -> Option<Open> {
    let mut open = Open::default();
    for _ in 0..numbers.count()? {
        let window = numbers.window().filter(|window| layout.has_block(window))?;
        open.traced.add(window).ok()?;
    }
    let mut parts = 0u32;
    for number in 0..fitted(numbers.count()?) {
        let runs = numbers.next()?;
        let end = parts.checked_add(numbers.next()?).filter(|end| *end < NONE)?;
        // Each part takes a byte or more.
        if wide(end as usize) > wide(numbers.left()) {
            return None;
        }
        open.regions.push(Whole { runs, waits: 0, parts: (parts..end).collect() });
        open.region_of.push(number);
        parts = end;
    }
    for region in 0..open.regions.len() {
        for _ in 0..open.regions[region].parts.len() {
            let part = read_part(numbers, layout)?;
            open.add_part(Part { region: fitted(region), ..part });
        }
    }
    read_halves(numbers, layout, &mut open)?;
    read_corners(numbers, layout, &mut open)?;
    Some(open)
}

fn read_part(numbers: &mut Numbers<'_>, layout: &Layout) -> Option<Part> {
    let class_id = numbers.next()?;
    let totals = Totals {
        runs: numbers.next()?,
        pixels: numbers.next().filter(|pixels| *pixels > 0)?,
        confidence_sum: numbers.next()?,
        scored: numbers.next()?,
        area_q64: numbers.next::<u128>()?.rotate_right(Q64_BITS),
    };
    let mut bbox = [0; 4];
    for at in &mut bbox {
        *at = numbers.next()?;
    }
    let (size, [west, north, east, south]) = (layout.size(), bbox);
    if west >= east || north >= south || east > size[0] || south > size[1] {
        return None;
    }
    let count = numbers.count()?;
    let paths = Paths::of_bytes(numbers.take(count)?, size)?;
    let mut squares = Vec::new();
    for _ in 0..numbers.count()? {
        let vertex = [numbers.next_signed()?, numbers.next_signed()?];
        let outline = (0..numbers.count()?)
            .map(|_| Some([numbers.float()?, numbers.float()?]))
            .collect::<Option<_>>()?;
        squares.push((vertex, outline));
    }
    Some(Part { class_id, totals, bbox, paths, squares, region: 0, waits: 0 })
}

fn read_halves(numbers: &mut Numbers<'_>, layout: &Layout, open: &mut Open) -> Option<()> {
    let size = layout.size();
    for _ in 0..numbers.count()? {
        let kind: u8 = numbers.next().filter(|kind| *kind < 4)?;
        let (axis, is_after) = (usize::from(kind >> 1), kind & 1 == 1);
        let line = numbers.next().filter(|line| *line > 0 && *line < size[axis])?;
        let start = numbers.next().filter(|start| *start < size[1 - axis])?;
        let segment = Segment { axis, line, start };
        let end = layout.next_line(1 - axis, start);
        let mut half = Half { is_after, runs: Vec::new() };
        let mut last = start;
        for _ in 0..numbers.count()? {
            let start = last.checked_add(numbers.next()?)?;
            let length = numbers.next().filter(|length| *length > 0)?;
            last = start.checked_add(length).filter(|stop| *stop <= end)?;
            let part = numbers.next().filter(|part| (*part as usize) < open.parts.len())?;
            half.runs.push(Run { start, end: last, of: part });
            open.wait(part);
        }
        if open.halves.insert(segment, half).is_some() {
            return None;
        }
    }
    Some(())
}

fn read_corners(numbers: &mut Numbers<'_>, layout: &Layout, open: &mut Open) -> Option<()> {
    let size = layout.size();
    for _ in 0..numbers.count()? {
        let at: [u32; 2] = [numbers.next()?, numbers.next()?];
        let traced = numbers.next().filter(|traced| *traced < 0b1111u8)?;
        let mut parts = [NONE; 4];
        for (number, part) in parts.iter_mut().enumerate() {
            *part = numbers.next::<u32>()?.wrapping_sub(1);
            if *part == NONE {
                continue;
            }
            if traced >> number & 1 == 0 || *part as usize >= open.parts.len() {
                return None;
            }
            open.wait(*part);
        }
        let is_inside = (0..2).all(|axis| at[axis] > 0 && at[axis] < size[axis]);
        if !is_inside || open.corners.insert(at, Around { traced, parts }).is_some() {
            return None;
        }
    }
    Some(())
}
