//! Tiles of the web, their order and the world's coordinates.

use std::f64::consts::PI;

use arpent_base::number::{fitted, round};

/// The deepest zoom of an archive.
pub const DEEPEST: u8 = 22;

/// Steps of the world's side in scratch files: 2^44, 2 micrometers at the equator.
pub(crate) const WORLD_BITS: u8 = 44;

/// Latitude at which Web Mercator ends, degrees.
pub(crate) const LAST_LATITUDE: f64 = 85.051_128_779_806_59;

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// Zoom.
    pub z: u8,
    /// Column, from the west.
    pub x: u32,
    /// Row, from the north.
    pub y: u32,
}

impl TileId {
    /// The tile of a zoom that holds a place, longitude and latitude in degrees; `None` beyond the deepest zoom, and outside
    /// of Web Mercator.
    pub fn holding(z: u8, [longitude, latitude]: [f64; 2]) -> Option<Self> {
        if z > DEEPEST || !(-180.0..180.0).contains(&longitude) || latitude.abs() > LAST_LATITUDE {
            return None;
        }
        let [x, y] = world(longitude, latitude)?;
        let at = |step: i64| fitted::<u32>(step >> (WORLD_BITS - z)).min((1u32 << z) - 1);
        Some(Self { z, x: at(x), y: at(y) })
    }

    pub(crate) fn parent(self) -> Self {
        Self { z: self.z - 1, x: self.x / 2, y: self.y / 2 }
    }

    /// The tile of another zoom that contains it: of its own or one above, `z` is at most its zoom.
    #[must_use]
    pub fn above(self, z: u8) -> Self {
        let by = self.z - z;
        Self { z, x: self.x >> by, y: self.y >> by }
    }

    /// Longitude and latitude in degrees of a place in the tile: shares of its side from the west and from the north.
    pub fn place_of(self, [east, south]: [f64; 2]) -> [f64; 2] {
        let tiles = 2f64.powi(i32::from(self.z));
        degrees([(f64::from(self.x) + east) / tiles, (f64::from(self.y) + south) / tiles])
    }

    /// The four tiles below it, in their order.
    pub(crate) fn children(self) -> [Self; 4] {
        let child = |i: u32, j: u32| Self { z: self.z + 1, x: 2 * self.x + i, y: 2 * self.y + j };
        let mut all = [child(0, 0), child(1, 0), child(0, 1), child(1, 1)];
        all.sort_unstable_by_key(|child| child.place());
        all
    }

    /// West, north, east and south, steps of the world.
    pub(crate) fn bounds(self) -> [i64; 4] {
        let side = 1i64 << (WORLD_BITS - self.z);
        let (x, y) = (i64::from(self.x) * side, i64::from(self.y) * side);
        [x, y, x + side, y + side]
    }

    /// Column and row among its parent's four.
    pub(crate) fn quadrant(self) -> (u32, u32) {
        (self.x % 2, self.y % 2)
    }

    /// Place on the Hilbert curve of its zoom, as PMTiles has it: tiles of one parent follow each other.
    pub(crate) fn place(self) -> u64 {
        let (mut x, mut y, mut d) = (self.x, self.y, 0u64);
        for bit in (0..self.z).rev() {
            let (rx, ry) = ((x >> bit) & 1, (y >> bit) & 1);
            d = (d << 2) | u64::from((3 * rx) ^ ry);
            if ry == 0 {
                if rx == 1 {
                    (x, y) = (!x, !y);
                }
                (x, y) = (y, x);
            }
        }
        d
    }

    /// Its number in an archive: tiles of all zooms above count first.
    pub(crate) fn number(self) -> u64 {
        ((1u64 << (2 * self.z)) - 1) / 3 + self.place()
    }

    /// The tile with a number; `None` beyond the deepest zoom.
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let first = |z: u8| ((1u64 << (2 * z)) - 1) / 3;
        let z = (0..=DEEPEST).rev().find(|z| first(*z) <= number)?;
        let mut place = number - first(z);
        if place >> (2 * z) != 0 {
            return None;
        }
        let (mut x, mut y) = (0u32, 0u32);
        for bit in 0..z {
            let (side, two) = (1u32 << bit, place & 3);
            let (rx, ry) = (two >> 1, (two ^ (two >> 1)) & 1);
            if ry == 0 {
                if rx == 1 {
                    (x, y) = (side - 1 - x, side - 1 - y);
                }
                (x, y) = (y, x);
            }
            x += if rx == 1 { side } else { 0 };
            y += if ry == 1 { side } else { 0 };
            place >>= 2;
        }
        Some(Self { z, x, y })
    }
}

/// A coordinate in degrees as steps of the world, x to the east, y to the south; latitudes beyond Web Mercator's end
/// become the end. `None` if it is not on the globe.
pub(crate) fn world(longitude: f64, latitude: f64) -> Option<[i64; 2]> {
    if !(longitude.abs() <= 180.0 && latitude.abs() <= 90.0) {
        return None;
    }
    let side = 2f64.powi(i32::from(WORLD_BITS));
    let latitude = latitude.clamp(-LAST_LATITUDE, LAST_LATITUDE).to_radians();
    let y = 0.5 - latitude.sin().atanh() / (2.0 * PI);
    let step = |share: f64| round::<i64>(share * side).clamp(0, 1 << WORLD_BITS);
    Some([step((longitude + 180.0) / 360.0), step(y)])
}

/// Longitude and latitude of steps of the world, degrees.
pub(crate) fn lon_lat(steps: [i64; 2]) -> [f64; 2] {
    let side = 2f64.powi(i32::from(WORLD_BITS));
    degrees(steps.map(|v| arpent_base::number::exact(v) / side))
}

/// Longitude and latitude of shares of the world from the west and from the north.
fn degrees([x, y]: [f64; 2]) -> [f64; 2] {
    [x * 360.0 - 180.0, (PI * (1.0 - 2.0 * y)).sinh().atan().to_degrees()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        let id = |z, x, y| TileId { z, x, y }.number();
        assert_eq!(
            [id(0, 0, 0), id(1, 0, 0), id(1, 0, 1), id(1, 1, 1), id(1, 1, 0), id(2, 0, 0)],
            [0, 1, 2, 3, 4, 5]
        );
        // https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md, and the readers' tests.
        assert_eq!(id(12, 3423, 1763), 19_078_479);
    }

    #[test]
    fn tiles_are_found_by_their_places() {
        // `morecantile`, `WebMercatorQuad`.
        assert_eq!(TileId::holding(19, [5.3698, 43.2965]), Some(TileId { z: 19, x: 269_964, y: 192_057 }));
        assert_eq!(TileId::holding(19, [0.0001, -0.0001]), Some(TileId { z: 19, x: 262_144, y: 262_144 }));
        assert_eq!(TileId::holding(0, [-180.0, 85.0]), Some(TileId { z: 0, x: 0, y: 0 }));
        for place in [[180.0, 0.0], [0.0, 86.0], [f64::NAN, 0.0], [0.0, f64::NAN]] {
            assert_eq!(TileId::holding(3, place), None, "{place:?}");
        }
        assert_eq!(TileId::holding(23, [0.0, 0.0]), None);
    }

    #[test]
    fn tiles_are_found_by_their_numbers() {
        for number in (0..5000).chain([19_078_479, 123_456_789_012]) {
            let tile = TileId::of_number(number).unwrap();
            assert_eq!(tile.number(), number, "{tile:?}");
        }
        let last = TileId { z: DEEPEST, x: (1 << DEEPEST) - 1, y: 0 };
        assert_eq!(TileId::of_number(last.number()), Some(last));
        assert_eq!(TileId::of_number(last.number() + 1), None);
        assert_eq!(TileId::of_number(u64::MAX), None);
    }

    #[test]
    fn tiles_of_one_parent_follow_each_other() {
        for (x, y) in [(0, 0), (3, 5), (7, 1)] {
            let parent = TileId { z: 3, x, y };
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let child = TileId { z: 4, x: 2 * x + i, y: 2 * y + j };
                assert_eq!((child.parent(), child.place() / 4), (parent, parent.place()));
            }
        }
    }

    #[test]
    fn places_come_back() {
        for (lon, lat) in [(0.0, 0.0), (-180.0, 85.0), (179.999_999, -12.345_678), (2.35, 48.85)] {
            let [x, y] = lon_lat(world(lon, lat).unwrap());
            assert!((x - lon).abs() < 1e-9 && (y - lat).abs() < 1e-9, "{lon} {lat}: {x} {y}");
        }
        assert_eq!(world(0.0, 90.0).unwrap()[1], 0);
        assert_eq!(world(0.0, -90.0).unwrap()[1], 1 << WORLD_BITS);
        assert!(world(181.0, 0.0).is_none() && world(f64::NAN, 0.0).is_none());
    }
}
