//! Places where a model was validated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place where a model was validated: a name, a name with a bounding box, or a name with polygons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a name, a table { name, bbox = [west, south, east, north] }, or a table { name, geometry } with a Polygon or MultiPolygon of GeoJSON"
)]
pub enum Territory {
    /// A name.
    Name(String),
    /// A name with a bounding box.
    Place(Place),
    /// A name with polygons.
    Area(Area),
}

/// A place with its name and bounding box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name.
    pub name: String,
    /// West, south, east, north, degrees of WGS 84; west is greater than east across the antimeridian.
    pub bbox: [f64; 4],
}

/// A place with its name and polygons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The name.
    pub name: String,
    /// Its polygons.
    pub geometry: Outline,
}

/// A ring of longitudes and latitudes, closed.
type Ring = Vec<[f64; 2]>;

/// A geometry of GeoJSON (RFC 7946), degrees of WGS 84. Across the antimeridian, it has polygons on both sides, or
/// longitudes beyond 180 or -180.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Outline {
    /// A polygon: its outer ring, and its holes.
    Polygon {
        /// Rings.
        coordinates: Vec<Ring>,
    },
    /// Several polygons.
    MultiPolygon {
        /// Polygons, each of rings.
        coordinates: Vec<Vec<Ring>>,
    },
}

impl Territory {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Place(place) => &place.name,
            Self::Area(area) => &area.name,
        }
    }

    /// The bounding box, if known: west, south, east, north, degrees of WGS 84.
    pub fn bbox(&self) -> Option<[f64; 4]> {
        match self {
            Self::Name(_) => None,
            Self::Place(place) => Some(place.bbox),
            Self::Area(area) => area.geometry.bbox(),
        }
    }

    /// Whether it contains a point of longitude and latitude, degrees; `None` if its location is not known. A point on
    /// the border of a bounding box is inside.
    ///
    /// ```
    /// use arpent_model::{Outline, Territory};
    ///
    /// let fiji: Territory = serde_json::from_str(r#"{"name": "Fiji", "geometry": {"type": "Polygon",
    ///     "coordinates": [[[176, -20], [182, -20], [182, -15], [176, -15], [176, -20]]]}}"#)?;
    /// assert_eq!(fiji.contains(-179.0, -17.0), Some(true));
    /// assert_eq!(fiji.contains(0.0, -17.0), Some(false));
    /// assert_eq!(Territory::from("Fiji".to_owned()).contains(-179.0, -17.0), None);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn contains(&self, lon: f64, lat: f64) -> Option<bool> {
        match self {
            Self::Name(_) => None,
            Self::Place(Place { bbox: [west, south, east, north], .. }) => {
                let in_columns =
                    if west <= east { (west..=east).contains(&&lon) } else { lon >= *west || lon <= *east };
                Some(in_columns && (south..=north).contains(&&lat))
            }
            Self::Area(area) => Some(Shape::all(&area.geometry).any(|shape| shape.holds(lon, lat))),
        }
    }

    /// What is wrong with its location, as the end of a message.
    pub(super) fn problem(&self) -> Option<String> {
        let name = self.name();
        match self {
            Self::Name(_) => None,
            Self::Place(place) => {
                let [west, south, east, north] = place.bbox;
                let in_world = [west, east].iter().all(|v| (-180.0..=180.0).contains(v));
                let fits = in_world && -90.0 <= south && south <= north && north <= 90.0;
                (!fits).then(|| format!("`{name}` needs a bbox of west, south, east, north in degrees"))
            }
            Self::Area(area) => {
                area.geometry.problem().map(|problem| format!("`{name}` has a geometry {problem}"))
            }
        }
    }
}

impl Outline {
    /// The polygons, each of rings.
    fn polygons(&self) -> impl Iterator<Item = &[Ring]> {
        let (one, many) = match self {
            Self::Polygon { coordinates } => (Some(coordinates.as_slice()), [].as_slice()),
            Self::MultiPolygon { coordinates } => (None, coordinates.as_slice()),
        };
        one.into_iter().chain(many.iter().map(Vec::as_slice))
    }

    fn bbox(&self) -> Option<[f64; 4]> {
        bbox_of(self.polygons().flatten().flatten())
    }

    fn problem(&self) -> Option<&'static str> {
        let mut rings = self.polygons().flatten().peekable();
        if rings.peek().is_none() || self.polygons().any(<[Ring]>::is_empty) {
            return Some("without a ring");
        }
        for ring in rings {
            if ring.len() < 4 || ring.first() != ring.last() {
                return Some("with a ring that is not closed, or has less than 4 positions");
            }
            let on_earth =
                |[lon, lat]: &[f64; 2]| (-360.0..=360.0).contains(lon) && (-90.0..=90.0).contains(lat);
            if !ring.iter().all(on_earth) {
                return Some("whose positions are no longitudes and latitudes in degrees");
            }
        }
        None
    }
}

/// Territories for many points: the bounding box of each polygon is computed once.
#[derive(Debug)]
pub struct TerritoryIndex<'a> {
    places: Vec<&'a Territory>,
    shapes: Vec<Shape<'a>>,
    /// Whether all have a location.
    located: bool,
}

impl<'a> TerritoryIndex<'a> {
    /// Of the territories of a model.
    pub fn new(all: &'a [Territory]) -> Self {
        let (mut places, mut shapes, mut located) = (Vec::new(), Vec::new(), true);
        for territory in all {
            match territory {
                Territory::Name(_) => located = false,
                Territory::Place(_) => places.push(territory),
                Territory::Area(area) => shapes.extend(Shape::all(&area.geometry)),
            }
        }
        Self { places, shapes, located }
    }

    /// Whether one of the territories contains a point of longitude and latitude, degrees; `None` if none is known to, and
    /// the location of one is not known.
    pub fn contains(&self, lon: f64, lat: f64) -> Option<bool> {
        let is_inside = self.places.iter().any(|place| place.contains(lon, lat) == Some(true))
            || self.shapes.iter().any(|shape| shape.holds(lon, lat));
        (is_inside || self.located).then_some(is_inside)
    }
}

/// A polygon and its bounding box: west, south, east, north.
#[derive(Debug)]
struct Shape<'a> {
    bbox: [f64; 4],
    rings: &'a [Ring],
}

impl<'a> Shape<'a> {
    fn all(outline: &'a Outline) -> impl Iterator<Item = Self> {
        outline.polygons().filter_map(|rings| Some(Self { bbox: bbox_of(rings.iter().flatten())?, rings }))
    }

    /// Whether it contains a point, or the same one a turn around the earth to the east or west.
    fn holds(&self, lon: f64, lat: f64) -> bool {
        let [west, south, east, north] = self.bbox;
        let at = |lon: f64| (west..=east).contains(&lon) && holds(self.rings, lon, lat);
        (south..=north).contains(&lat) && [0.0, 360.0, -360.0].into_iter().any(|turn| at(lon + turn))
    }
}

fn bbox_of<'a>(points: impl Iterator<Item = &'a [f64; 2]>) -> Option<[f64; 4]> {
    points.fold(None, |all: Option<[f64; 4]>, [x, y]| {
        let [west, south, east, north] = all.unwrap_or([*x, *y, *x, *y]);
        Some([west.min(*x), south.min(*y), east.max(*x), north.max(*y)])
    })
}

/// Whether a polygon contains a point: a line from it to the east crosses its rings an odd number of times.
fn holds(rings: &[Ring], x: f64, y: f64) -> bool {
    let lines = rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().skip(1)));
    let crosses = |&([x0, y0], [x1, y1]): &(&[f64; 2], &[f64; 2])| {
        (*y0 > y) != (*y1 > y) && x < x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    };
    lines.filter(crosses).count() % 2 == 1
}

impl From<String> for Territory {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl PartialEq<&str> for Territory {
    fn eq(&self, name: &&str) -> bool {
        self.name() == *name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(geometry: &str) -> Territory {
        serde_json::from_str(&format!(r#"{{"name": "a", "geometry": {geometry}}}"#)).unwrap()
    }

    #[test]
    fn boxes_may_cross_the_antimeridian() {
        let place = |bbox| Territory::Place(Place { name: "p".into(), bbox });
        let fiji = place([176.0, -20.0, -178.0, -15.0]);
        let holds = |lon, lat| fiji.contains(lon, lat) == Some(true);
        assert!(holds(179.0, -17.0) && holds(-179.0, -17.0) && !holds(0.0, -17.0));
        let paris = place([2.0, 48.0, 3.0, 49.0]);
        assert_eq!([paris.contains(2.5, 48.5), paris.contains(2.5, 50.0)], [Some(true), Some(false)]);
    }

    #[test]
    fn polygons_have_holes_and_sides_of_the_antimeridian() {
        let ring = "[[0,0],[10,0],[10,10],[0,10],[0,0]]";
        let hole = "[[4,4],[6,4],[6,6],[4,6],[4,4]]";
        let with_hole = area(&format!(r#"{{"type": "Polygon", "coordinates": [{ring}, {hole}]}}"#));
        let at = |lon, lat| with_hole.contains(lon, lat).unwrap();
        assert!(at(1.0, 1.0) && at(7.0, 5.0) && !at(5.0, 5.0) && !at(11.0, 5.0) && !at(-1.0, 5.0));
        let both = area(
            r#"{"type": "MultiPolygon", "coordinates": [[[[176,-20],[180,-20],[180,-15],[176,-15],[176,-20]]],
               [[[-180,-20],[-178,-20],[-178,-15],[-180,-15],[-180,-20]]]]}"#,
        );
        let beyond = area(
            r#"{"type": "Polygon", "coordinates": [[[-184,-20],[-178,-20],[-178,-15],[-184,-15],[-184,-20]]]}"#,
        );
        for of in [&both, &beyond] {
            let at = |lon| of.contains(lon, -17.0).unwrap();
            assert!(at(179.0) && at(-179.0) && at(176.5) && !at(175.0) && !at(-177.0), "{of:?}");
        }
        assert_eq!(both.bbox(), Some([-180.0, -20.0, 180.0, -15.0]));
    }

    #[test]
    fn a_point_is_outside_only_where_all_locations_are_known() {
        let square = area(r#"{"type": "Polygon", "coordinates": [[[0,0],[10,0],[10,10],[0,10],[0,0]]]}"#);
        let far = area(r#"{"type": "Polygon", "coordinates": [[[176,0],[184,0],[184,9],[176,9],[176,0]]]}"#);
        let place = Territory::Place(Place { name: "p".into(), bbox: [20.0, 0.0, 30.0, 10.0] });
        let mut all = vec![square, far, place];
        let seen = |all: &[Territory], lon: f64| TerritoryIndex::new(all).contains(lon, 5.0);
        let at = |all: &[Territory]| [5.0, 25.0, -178.0, 50.0].map(|lon| seen(all, lon));
        assert_eq!(at(&all), [Some(true), Some(true), Some(true), Some(false)]);
        all.push("a town".to_owned().into());
        assert_eq!(at(&all), [Some(true), Some(true), Some(true), None]);
    }

    #[test]
    fn the_box_of_a_polygon_changes_no_answer() {
        let star = area(
            r#"{"type": "MultiPolygon", "coordinates": [[[[0,0],[8,1],[4,9],[3,3],[0,0]],[[4,3],[5,3],[4,5],[4,3]]],
               [[[170,0],[188,4],[179,8],[170,0]]]]}"#,
        );
        let Territory::Area(Area { geometry, .. }) = &star else { unreachable!() };
        let mut inside = 0;
        for (x, y) in
            (-720..=720).flat_map(|x| (-4..=20).map(move |y| (f64::from(x) / 4.0, f64::from(y) / 2.0)))
        {
            let turns = [0.0, 360.0, -360.0];
            let plain = turns.iter().any(|turn| geometry.polygons().any(|p| holds(p, x + turn, y)));
            assert_eq!(star.contains(x, y), Some(plain), "{x} {y}");
            inside += u32::from(plain);
        }
        assert!(inside > 100, "{inside}");
    }

    #[test]
    fn geometries_that_are_none_are_refused() {
        let problem = |geometry: &str| area(geometry).problem().unwrap_or_default();
        let polygon = |rings: &str| format!(r#"{{"type": "Polygon", "coordinates": [{rings}]}}"#);
        assert_eq!(problem(&polygon("[[0,0],[1,0],[1,1],[0,0]]")), "");
        assert!(problem(&polygon("")).contains("without a ring"));
        assert!(problem(r#"{"type": "MultiPolygon", "coordinates": [[]]}"#).contains("without a ring"));
        assert!(problem(&polygon("[[0,0],[1,0],[1,1],[0,1]]")).contains("not closed"));
        assert!(problem(&polygon("[[0,0],[1,0],[0,0]]")).contains("less than 4"));
        assert!(
            problem(&polygon("[[448000,5411000],[448001,5411000],[448001,5411001],[448000,5411000]]"))
                .contains("longitudes")
        );
        assert!(
            serde_json::from_str::<Territory>(
                r#"{"name": "a", "geometry": {"type": "Point", "coordinates": [0, 0]}}"#
            )
            .is_err()
        );
    }
}
