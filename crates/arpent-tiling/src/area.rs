//! Area covered by several windows.

use arpent_raster::Window;

/// Number of pixels of `within` that lie in at least one of `windows`; saturates.
pub fn union_area(within: &Window, windows: &[Window]) -> u64 {
    let clipped: Vec<Window> = windows.iter().filter_map(|w| w.intersect(within)).collect();
    if let [only] = clipped.as_slice() {
        return only.pixels();
    }
    let mut rows: Vec<i64> = clipped.iter().flat_map(|w| [w.row, w.row_end()]).collect();
    rows.sort_unstable();
    rows.dedup();
    let bands = rows.windows(2);
    let pixels =
        bands.map(|pair| pair[1].abs_diff(pair[0]).saturating_mul(covered_columns(&clipped, pair[0])));
    pixels.fold(0, u64::saturating_add)
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

    #[test]
    fn more_pixels_than_there_are_numbers_are_the_largest_number() {
        let all = Window::between(i64::MIN, i64::MIN, i64::MAX, i64::MAX);
        let halves = [Window { width: all.width / 2, ..all }, Window { col: -1, ..all }];
        assert_eq!(union_area(&all, &halves), u64::MAX);
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
            // The same at the limits of the numbers.
            for (col, row) in [(i64::MIN, i64::MAX - 50), (i64::MAX - 50, i64::MIN)] {
                let moved = |w: &Window| Window { col: w.col + col, row: w.row + row, ..*w };
                let far: Vec<Window> = windows.iter().map(moved).collect();
                prop_assert_eq!(union_area(&moved(&within), &far), count);
            }
        }
    }
}
