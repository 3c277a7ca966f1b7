//! Charts as inline SVG.

use arpent_base::number::{exact, offset, rounded, wide};
use arpent_change::register::{Cell, CellState};
use maud::{Markup, html};

use super::words::Words;

/// A bar with its name, length and the text behind it.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) text: String,
}

/// Horizontal bars.
pub(crate) fn bars(label: &str, bars: &[Bar]) -> Markup {
    const ROW: f64 = 26.0;
    const LEFT: f64 = 150.0;
    const LONGEST: f64 = 330.0;
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let length = |value: f64| if most > 0.0 { LONGEST * value / most } else { 0.0 };
    let height = ROW * exact(bars.len()) + 4.0;
    html! {
        svg.chart role="img" aria-label=(label) viewBox={ "0 0 680 " (height) } width="680" height=(height) {
            @for (i, bar) in bars.iter().enumerate() {
                @let y = ROW * exact(i) + 4.0;
                @let long = length(bar.value);
                text x=(LEFT - 8.0) y=(y + 14.0) text-anchor="end" { (bar.name) }
                rect x=(LEFT) y=(y) width=(round(long.max(1.0))) height="18" fill="#1a5a96" {}
                text x=(round(LEFT + long + 8.0)) y=(y + 14.0) { (bar.text) }
            }
        }
    }
}

/// Arrows of a side at most.
const ARROWS: usize = 40;

/// The field of shifts: an arrow for each good cell, a dot for the others, and the length of the longest arrow in pixels.
/// Of many cells, every so many are shown.
pub(crate) fn field(words: Words, label: &str, cells: &[Cell]) -> Option<(Markup, f64)> {
    let first = [cells.iter().map(|cell| cell.col).min()?, cells.iter().map(|cell| cell.row).min()?];
    let last = [cells.iter().map(|cell| cell.col).max()?, cells.iter().map(|cell| cell.row).max()?];
    let cols = offset(last[0] - first[0]) + 1;
    let rows = offset(last[1] - first[1]) + 1;
    let every = cols.max(rows).div_ceil(ARROWS);
    let side = (600.0 / exact(cols.div_ceil(every))).min(60.0);
    let is_shown = |cell: &&Cell| {
        offset(cell.col - first[0]).is_multiple_of(every) && offset(cell.row - first[1]).is_multiple_of(every)
    };
    let shown: Vec<&Cell> = cells.iter().filter(is_shown).collect();
    let shift = |cell: &Cell| cell.shift.filter(|_| cell.state == CellState::Good);
    let longest = shown.iter().filter_map(|cell| shift(cell)).map(|[x, y]| x.hypot(y)).fold(0.0, f64::max);
    let scale = if longest > 0.0 { 0.9 * side / longest } else { 0.0 };
    let extent = |count: usize| round(side * exact(count.div_ceil(every)));
    let (width, height) = (extent(cols), extent(rows));
    let middle = |at: i64, first: i64| side * (exact(wide(offset(at - first) / every)) + 0.5);
    let svg = html! {
        svg.field role="img" aria-label=(label) viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
            defs { marker id={ "tip-" (words.code()) } viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5"
                orient="auto" { path d="M0 0 6 3 0 6z" fill="#1a5a96" {} } }
            rect width=(width) height=(height) fill="#fafafa" stroke="#767676" {}
            @for cell in &shown {
                @let (x, y) = (middle(cell.col, first[0]), middle(cell.row, first[1]));
                @match shift(cell) {
                    Some([dx, dy]) => line x1=(round(x - 0.5 * scale * dx)) y1=(round(y - 0.5 * scale * dy))
                        x2=(round(x + 0.5 * scale * dx)) y2=(round(y + 0.5 * scale * dy))
                        stroke="#1a5a96" stroke-width="1.5" marker-end={ "url(#tip-" (words.code()) ")" } {},
                    None => circle cx=(round(x)) cy=(round(y)) r="1.5" fill="#767676" {},
                }
            }
        }
    };
    Some((svg, longest))
}

/// A coordinate with few digits.
fn round(px: f64) -> f64 {
    rounded(px, 2)
}
