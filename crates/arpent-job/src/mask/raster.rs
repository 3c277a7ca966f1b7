//! A raster of classes as a mask, on any grid of its CRS: a pixel of the map has the class of the pixel of the raster that
//! contains its center.

use arpent_base::Result;
use arpent_base::number::{exact, floor, offset, signed};
use arpent_gdal::PublishedRaster;
use arpent_raster::{Grid, Window};

use super::classes::UNKNOWN;

/// Pixels of the raster that are read at a time, unless a single row has more.
const PIXELS_AT_A_TIME: usize = 4_000_000;
/// A center that lies on the border of two pixels of the raster belongs to the one in the east or the south, however its
/// coordinate is rounded; pixels.
const ON_BORDER: f64 = 1e-6;

/// An open raster.
#[derive(Debug)]
pub(crate) struct RasterMask {
    raster: PublishedRaster,
    /// The number of the reason of each value: [`OBSERVED`](super::classes::OBSERVED), [`UNKNOWN`], or a reason.
    reasons: Box<[u8; 256]>,
    pixels_at_a_time: usize,
}

impl RasterMask {
    /// Opens a raster.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(address: &str, reasons: &[u8; 256]) -> Result<Self> {
        let raster = PublishedRaster::open(address)?;
        Ok(Self { raster, reasons: Box::new(*reasons), pixels_at_a_time: PIXELS_AT_A_TIME })
    }

    /// The numbers of the reasons of the pixels of a window of a grid in the CRS of the raster, row by row; [`UNKNOWN`]
    /// beside the raster. The same for a pixel in every window.
    ///
    /// # Errors
    /// When the raster cannot be read.
    pub(crate) fn reasons(&self, grid: &Grid, window: &Window) -> Result<Vec<u8>> {
        let mut found = vec![UNKNOWN; window.width * window.height];
        let (own, here) = (self.raster.grid(), self.raster.window());
        let place = |v: f64| floor::<i64>(v + ON_BORDER);
        let col_of = |i: usize| {
            let (x, _) = grid.ground(exact(window.col + signed(i)) + 0.5, 0.0);
            place(own.pixel(x, 0.0).0)
        };
        let row_of = |i: usize| {
            let (_, y) = grid.ground(0.0, exact(window.row + signed(i)) + 0.5);
            place(own.pixel(0.0, y).1)
        };
        let cols: Vec<i64> = (0..window.width).map(col_of).collect();
        let rows: Vec<i64> = (0..window.height).map(row_of).collect();
        let inside = |all: &[i64], from: i64, to: i64| {
            all.partition_point(|at| *at < from)..all.partition_point(|at| *at < to)
        };
        let across = inside(&cols, here.col, here.col_end());
        let down = inside(&rows, here.row, here.row_end());
        if across.is_empty() || down.is_empty() {
            return Ok(found);
        }
        let (west, east) = (cols[across.start], cols[across.end - 1] + 1);
        let mut first = down.start;
        while first < down.end {
            let most = (self.pixels_at_a_time / offset(east - west)).max(1);
            let count = rows[first..down.end].partition_point(|row| row - rows[first] < signed(most));
            let read = Window::between(west, rows[first], east, rows[first + count - 1] + 1);
            let values = self.raster.read(read)?;
            for i in first..first + count {
                let from = values.row(offset(rows[i] - read.row));
                let to = &mut found[i * window.width..][..window.width];
                for j in across.clone() {
                    to[j] = self.reasons[usize::from(from[offset(cols[j] - west)])];
                }
            }
            first += count;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_gdal::{RasterKind, StripWriter, describe_crs};
    use arpent_raster::{Class, Color, Nomenclature};
    use proptest::prelude::*;
    use std::path::Path;
    use std::sync::Arc;

    fn grid(gsd: f64, phase: f64) -> Grid {
        let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
        Grid { crs, origin_x: phase * gsd, origin_y: -phase * gsd, gsd_x: gsd, gsd_y: gsd }
    }

    fn value(col: i64, row: i64) -> u8 {
        u8::try_from((col * 7 + row * 13).rem_euclid(5)).unwrap()
    }

    fn raster(folder: &Path, grid: &Grid, window: Window) -> RasterMask {
        let class = |id: u8| Class {
            id,
            name: format!("c{id}"),
            name_fr: None,
            code: None,
            color: Color([id; 3]),
            features: true,
        };
        let classes = Nomenclature::new((0..5).map(class).collect()).unwrap();
        let path = folder.join("mask.tif");
        let mut writer =
            StripWriter::create(&folder.join("part.tif"), window, grid, RasterKind::Labels(&classes))
                .unwrap();
        let values: Vec<u8> = (window.row..window.row_end())
            .flat_map(|row| (window.col..window.col_end()).map(move |col| value(col, row)))
            .collect();
        writer.write_rows(window.row, &values).unwrap();
        writer.finish_cog(&path, 1).unwrap();
        let mut reasons = [0; 256];
        for value in 0..5 {
            reasons[usize::from(value)] = value;
        }
        reasons[255] = UNKNOWN;
        RasterMask::open(path.to_str().unwrap(), &reasons).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn a_pixel_has_the_class_at_its_center_in_every_window(
            own in prop::sample::select(vec![0.2, 0.1, 0.5, 0.6, 10.0, 0.07]), phase in prop::sample::select(vec![0.0, 0.25, 0.5]),
            gsd in prop::sample::select(vec![0.2, 0.4]), left in -30i64..30, top in -30i64..30, at_a_time in 1usize..4000,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let (own, grid) = (grid(own, phase), grid(gsd, 0.0));
            // Around one place: 60 x 50 pixels of the map, half of them beside the raster.
            let middle = grid.ground(3_260_000.0, 34_310_000.0);
            let at = own.pixel(middle.0, middle.1);
            let side = (8.0 / own.gsd_x).ceil().max(2.0);
            let here = Window::new(floor::<i64>(at.0), floor::<i64>(at.1), floor::<i64>(side).try_into().unwrap(), floor::<i64>(side).try_into().unwrap());
            let mut mask = raster(dir.path(), &own, here);
            let window = Window::new(3_260_000 + left, 34_310_000 + top, 60, 50);
            let whole = mask.reasons(&grid, &window).unwrap();
            for (i, found) in whole.iter().enumerate() {
                let (col, row) = (window.col + signed(i % 60), window.row + signed(i / 60));
                let (x, y) = grid.ground(exact(col) + 0.5, exact(row) + 0.5);
                let (c, r) = own.pixel(x, y);
                let at = (floor::<i64>(c + ON_BORDER), floor::<i64>(r + ON_BORDER));
                let is_inside = (here.col..here.col_end()).contains(&at.0) && (here.row..here.row_end()).contains(&at.1);
                prop_assert_eq!(*found, if is_inside { value(at.0, at.1) } else { UNKNOWN });
            }
            // Neither the window nor what is read at a time changes anything.
            mask.pixels_at_a_time = at_a_time;
            let mut parts = vec![UNKNOWN; whole.len()];
            for part in window.split_rows(7).flat_map(|rows| rows.split_columns(11).collect::<Vec<_>>()) {
                let of = mask.reasons(&grid, &part).unwrap();
                let (left, top) = window.offset_of(&part).unwrap();
                for (i, reason) in of.iter().enumerate() {
                    parts[(top + i / part.width) * 60 + left + i % part.width] = *reason;
                }
            }
            prop_assert_eq!(parts, whole);
        }
    }
}
