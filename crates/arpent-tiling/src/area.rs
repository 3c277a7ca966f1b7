//! Area covered by several windows.

use arpent_raster::Window;

/// Number of pixels of `within` that lie in at least one of `windows`.
pub fn union_area(within: &Window, windows: &[Window]) -> u64 {
    let clipped: Vec<Window> = windows.iter().filter_map(|w| w.intersect(within)).collect();
    if let [only] = clipped.as_slice() {
        return only.pixels();
    }
    let mut rows: Vec<i64> = clipped.iter().flat_map(|w| [w.row, w.row_end()]).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.windows(2).map(|pair| (pair[1] - pair[0]).unsigned_abs() * covered_columns(&clipped, pair[0])).sum()
}

/// Number of columns of one row that lie in at least one window.
fn covered_columns(windows: &[Window], row: i64) -> u64 {
    let mut spans: Vec<(i64, i64)> =
        windows.iter().filter(|w| w.row <= row && row < w.row_end()).map(|w| (w.col, w.col_end())).collect();
    spans.sort_unstable();
    let mut covered = 0;
    let mut reached = i64::MIN;
    for (start, end) in spans {
        let start = start.max(reached);
        if end > start {
            covered += end.abs_diff(start);
            reached = end;
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn small()(col in 0i64..30, row in 0i64..30, width in 1usize..20, height in 1usize..20) -> Window {
            Window { col, row, width, height }
        }
    }

    proptest! {
        #[test]
        fn equals_counting_pixels(within in small(), windows in prop::collection::vec(small(), 0..6)) {
            let mut count = 0;
            for row in within.row..within.row_end() {
                for col in within.col..within.col_end() {
                    count += u64::from(windows.iter().any(|w| w.contains_pixel(col, row)));
                }
            }
            prop_assert_eq!(union_area(&within, &windows), count);
        }
    }
}
