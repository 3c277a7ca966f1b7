//! Where corrected outlines of a map may be.

use arpent_base::Result;
use arpent_gdal::Transformer;
use arpent_review::Statement;

use super::error::ReviewJobError;
use super::proposal::place_if_known;
use super::store::ReviewedMap;

/// How far outside of the map an outline may be, as a share of its longer side: objects at the edge go on.
const MARGIN: f64 = 0.25;

/// Where a map is, with a margin around it.
struct Place {
    /// From degrees to the CRS of the map.
    back: Transformer,
    /// In the CRS of the map.
    within: [f64; 4],
    /// West, south, east and north end, degrees.
    degrees: [f64; 4],
}

/// Where corrected outlines may be; read when it is asked for first.
#[derive(Default)]
pub(super) struct Extent {
    /// Whether it was read.
    is_read: bool,
    /// None for a map that does not say where it is.
    place: Option<Place>,
}

impl Extent {
    fn place(&mut self, map: &ReviewedMap) -> Result<Option<&Place>> {
        if !self.is_read {
            self.place = Place::of(map)?;
            self.is_read = true;
        }
        Ok(self.place.as_ref())
    }

    /// West, south, east and north end of where outlines may be, degrees; none for a map without `item.json`.
    pub(super) fn degrees(&mut self, map: &ReviewedMap) -> Result<Option<[f64; 4]>> {
        Ok(self.place(map)?.map(|place| place.degrees))
    }

    /// Checks that the corrected outline of a statement is where the map is. A map without `item.json` does not say where it is.
    ///
    /// # Errors
    /// [`ReviewJobError::OutsideMap`], or when `item.json` cannot be read.
    pub(super) fn check(&mut self, map: &ReviewedMap, statement: &Statement) -> Result<()> {
        let Some(geometry) = &statement.geometry else { return Ok(()) };
        let Some(place) = self.place(map)? else { return Ok(()) };
        for [x, y] in geometry.positions() {
            let [west, south, east, north] = place.within;
            // Outside of the domain of the projection is outside of the map.
            let is_inside = place
                .back
                .point(*x, *y)
                .is_ok_and(|(x, y)| (west..=east).contains(&x) && (south..=north).contains(&y));
            if !is_inside {
                let (feature, output) = (statement.feature.clone(), map.target.url().to_owned());
                return Err(ReviewJobError::OutsideMap { feature, x: *x, y: *y, output }.into());
            }
        }
        Ok(())
    }
}

impl Place {
    fn of(map: &ReviewedMap) -> Result<Option<Self>> {
        let Some((grid, window)) = place_if_known(map)? else { return Ok(None) };
        let [west, south, east, north] = grid.bbox(&window);
        let margin = MARGIN * (east - west).max(north - south);
        let within = [west - margin, south - margin, east + margin, north + margin];
        let to_degrees = Transformer::new(&grid.crs)?;
        let corners =
            [(0, 1), (0, 3), (2, 1), (2, 3)].map(|(x, y)| to_degrees.point(within[x], within[y]).ok());
        let mut degrees = [180.0_f64, 90.0, -180.0, -90.0];
        for corner in corners {
            // A corner outside of the domain of the projection: the page leaves the check to the server.
            let Some((x, y)) = corner else {
                degrees = WORLD;
                break;
            };
            degrees = [degrees[0].min(x), degrees[1].min(y), degrees[2].max(x), degrees[3].max(y)];
        }
        if degrees[2] - degrees[0] > 180.0 {
            // Across the antimeridian.
            degrees = WORLD;
        }
        Ok(Some(Self { back: Transformer::back(&grid.crs)?, within, degrees }))
    }
}

/// All longitudes and latitudes.
const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];
