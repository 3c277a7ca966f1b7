//! Ellipses in boxes: the part of a box that its object fills.

/// Whether the center of a pixel (column, row) lies in the ellipse of `part` times the half-sizes of a box, whose sides are west,
/// north, east and south, in pixels.
pub fn in_ellipse([x0, y0, x1, y1]: [f64; 4], part: f64, (x, y): (usize, usize)) -> bool {
    let unit =
        |v: usize, a: f64, b: f64| (real(v) + 0.5 - f64::midpoint(a, b)) / ((b - a).max(1.0) / 2.0 * part);
    unit(x, x0, x1).powi(2) + unit(y, y0, y1).powi(2) <= 1.0
}

/// The pixels of a picture of `width` x `height` whose centers lie in that ellipse, as their indices in it, row by row.
pub fn ellipse_pixels(
    sides: [f64; 4],
    part: f64,
    [width, height]: [usize; 2],
) -> impl Iterator<Item = usize> {
    let [columns, rows] = reach(sides, part.max(1.0), [width, height]);
    let places = rows.flat_map(move |y| columns.clone().map(move |x| (x, y)));
    places.filter(move |place| in_ellipse(sides, part, *place)).map(move |(x, y)| y * width + x)
}

/// Columns and rows of a picture that a box, `grown` times as large around its center, can touch.
fn reach([x0, y0, x1, y1]: [f64; 4], grown: f64, size: [usize; 2]) -> [std::ops::Range<usize>; 2] {
    let along = |a: f64, b: f64, size: usize| {
        let (middle, half) = (f64::midpoint(a, b), (b - a).max(1.0) / 2.0 * grown);
        index(middle - half).min(size)..index((middle + half).ceil()).min(size)
    };
    [along(x0, x1, size[0]), along(y0, y1, size[1])]
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and cut to a picture"
)]
fn index(at: f64) -> usize {
    at.max(0.0) as usize
}

#[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
fn real(pixels: usize) -> f64 {
    pixels as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_is_cut_to_its_picture_and_holds_the_pixels_of_the_formula() {
        for (sides, part) in
            [([2.0, 1.0, 8.0, 9.0], 0.65), ([-3.0, 5.0, 4.0, 30.0], 1.0), ([3.2, 3.2, 3.4, 3.4], 0.5)]
        {
            let found: Vec<usize> = ellipse_pixels(sides, part, [10, 12]).collect();
            let all: Vec<usize> = (0..120).filter(|i| in_ellipse(sides, part, (i % 10, i / 10))).collect();
            assert_eq!(found, all, "{sides:?} {part}");
        }
        // Radii 1.95 and 2.6 around (5, 5): four columns in the middle row.
        assert_eq!(ellipse_pixels([2.0, 1.0, 8.0, 9.0], 0.65, [10, 12]).filter(|i| i / 10 == 5).count(), 4);
    }
}
