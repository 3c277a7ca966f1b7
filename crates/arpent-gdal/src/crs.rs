//! Coordinate reference systems: descriptions from GDAL's objects, and transformations.

use arpent_base::short_hash;
use arpent_raster::{Crs, CrsKind};
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use crate::GdalError;
use crate::error::LOCAL_CRS;
use crate::ffi::{self, failure};
use crate::setup::quiet;

/// Describes a CRS given as `EPSG:2154`, WKT, PROJJSON, ...
///
/// # Errors
/// [`GdalError::BadCrs`] when GDAL does not recognize it, [`GdalError::UnusableCrs`] when a map cannot have it,
/// [`GdalError::NoProjDatabase`].
pub fn describe_crs(definition: &str) -> Result<Crs, GdalError> {
    describe(&spatial_ref(definition)?, definition)
}

/// GDAL's object for a definition, in x, y order.
pub(crate) fn spatial_ref(definition: &str) -> Result<SpatialRef, GdalError> {
    quiet();
    let mut srs = SpatialRef::from_definition(definition).map_err(|e| {
        let unknown = || GdalError::BadCrs { definition: definition.to_owned(), message: failure(&e) };
        check_database().err().unwrap_or_else(unknown)
    })?;
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(srs)
}

/// GDAL's object for a description.
pub(crate) fn spatial_ref_of(crs: &Crs) -> Result<SpatialRef, GdalError> {
    spatial_ref(&crs.wkt)
}

/// Refuses a PROJ without its database. It finds no code for any CRS: the map would lie on a lattice of its own, and fail when it
/// is written.
fn check_database() -> Result<(), GdalError> {
    SpatialRef::from_epsg(4326).map(|_| ()).map_err(|e| GdalError::NoProjDatabase(failure(&e)))
}

/// Describes a CRS found in `path`.
pub(crate) fn describe(srs: &SpatialRef, path: &str) -> Result<Crs, GdalError> {
    check_database()?;
    let name = srs.name().unwrap_or_default();
    let unusable = |reason: &str| GdalError::UnusableCrs {
        path: path.to_owned(),
        name: name.clone(),
        reason: reason.into(),
    };
    if srs.is_local() {
        return Err(unusable(LOCAL_CRS));
    }
    if !srs.is_projected() && !srs.is_geographic() {
        return Err(unusable("it is neither projected nor geographic"));
    }
    // Files of one survey often spell the same CRS differently: the definition of the registry is used.
    let declared = epsg_of(srs).and_then(|code| Some((code, SpatialRef::from_epsg(code).ok()?)));
    let (epsg, official) = match declared {
        Some((code, official)) => (Some(code), Some(official)),
        None => identified(srs),
    };
    let srs = official.as_ref().unwrap_or(srs);
    let message =
        |e: gdal::errors::GdalError| GdalError::BadCrs { definition: name.clone(), message: failure(&e) };
    let wkt = srs.to_wkt().map_err(message)?;
    Ok(Crs {
        name: match epsg {
            Some(code) => format!("EPSG:{code}"),
            // Unnamed systems with different definitions must not get the same name.
            None => format!("{} #{}", srs.name().unwrap_or_default(), &short_hash(wkt.as_bytes())[..8]),
        },
        epsg,
        kind: kind(srs).map_err(unusable)?,
        semi_major_m: srs.semi_major().map_err(message)?,
        inverse_flattening: ffi::inverse_flattening(srs).ok_or_else(|| unusable("it has no ellipsoid"))?,
        projjson: srs.to_projjson().map_err(message)?,
        wkt,
    })
}

fn epsg_of(srs: &SpatialRef) -> Option<u32> {
    let node = if srs.is_projected() { c"PROJCS" } else { c"GEOGCS" };
    let code = |srs: &SpatialRef| {
        let (authority, code) = ffi::authority(srs, Some(node))?;
        if authority.eq_ignore_ascii_case("EPSG") { code.parse().ok() } else { None }
    };
    code(srs)
        .or_else(|| {
            let mut copy = srs.clone();
            copy.auto_identify_epsg().ok()?;
            code(&copy)
        })
        // GeoTIFF writers without a PROJ database write only the code, as the name.
        .or_else(|| srs.name()?.strip_prefix("EPSG:")?.parse().ok())
}

/// The entry of PROJ's database that equals a system without an EPSG code, and its EPSG code, if any: method,
/// parameters, ellipsoid, prime meridian, units and datum are compared; the name of the system and the codes of other
/// registries are not. Different datums of one ellipsoid are not equal, and an unnamed datum equals none.
fn identified(srs: &SpatialRef) -> (Option<u32>, Option<SpatialRef>) {
    let anonymous = srs.to_wkt().ok().and_then(|wkt| SpatialRef::from_wkt(&anonymous(&wkt)).ok());
    let Some(mut anonymous) = anonymous else { return (None, None) };
    anonymous.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let mut found: Vec<_> = ffi::matches(&anonymous)
        .into_iter()
        .filter(|(_, confidence, is_same)| *is_same && *confidence >= SURE)
        .filter_map(|(found, ..)| {
            let (authority, code) = ffi::authority(&found, None)?;
            let epsg = if authority == "EPSG" { code.parse().ok() } else { None };
            Some(((epsg.is_none(), authority, epsg.unwrap_or(0), code), found, epsg))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    match found.into_iter().next() {
        // The object of another registry may have its own axes: it is created again from its code.
        Some((key, _, None)) => (None, SpatialRef::from_definition(&format!("{}:{}", key.1, key.3)).ok()),
        Some((_, _, Some(code))) => (Some(code), SpatialRef::from_epsg(code).ok()),
        None => (None, None),
    }
}

/// From this confidence on, all numbers and the datum are equal by PROJ (90: with other names; 70: only the name of the
/// datum is equal, which is compared again, `OSRIsSame`).
const SURE: i32 = 70;

/// WKT 1 without parts that do not define the system: its name, codes of registries, shifts to WGS 84, and the order
/// of longitude and latitude, which does not apply to rasters.
fn anonymous(wkt: &str) -> String {
    let mut text = wkt.to_owned();
    for node in ["AUTHORITY[", "TOWGS84["] {
        text = without(&text, node);
    }
    if text.starts_with("GEOGCS[") {
        text = without(&text, "AXIS[");
        text.insert_str(text.len() - 1, r#",AXIS["Latitude",NORTH],AXIS["Longitude",EAST]"#);
    }
    match (text.find('"'), text.match_indices('"').nth(1)) {
        (Some(from), Some((to, _))) => format!("{}\"unnamed{}", &text[..from], &text[to..]),
        _ => text,
    }
}

/// Removes the nodes with a name (`AXIS[`), each with the comma before it.
fn without(wkt: &str, node: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(wkt.len()), wkt);
    while let Some(at) = rest.find(&format!(",{node}")) {
        kept.push_str(&rest[..at]);
        let (mut depth, mut quoted, mut end) = (0_usize, false, rest.len());
        for (i, c) in rest.char_indices().skip_while(|(i, _)| *i <= at) {
            match c {
                '"' => quoted = !quoted,
                '[' if !quoted => depth += 1,
                ']' if !quoted => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        end = i + 1;
                        break;
                    }
                }
                _ => {}
            }
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

fn kind(srs: &SpatialRef) -> Result<CrsKind, &'static str> {
    if srs.is_geographic() {
        let degree = std::f64::consts::PI / 180.0;
        return if (srs.angular_units() / degree - 1.0).abs() < 1e-9 {
            Ok(CrsKind::Geographic)
        } else {
            Err("its angles are not in degrees")
        };
    }
    let meters_per_unit = srs.linear_units();
    let projection = srs.get_attr_value("PROJECTION", 0).ok().flatten().unwrap_or_default();
    if !projection.starts_with("Mercator") {
        return Ok(CrsKind::Projected { meters_per_unit });
    }
    let parameter = |name: &str| srs.get_proj_param(name).ok().flatten();
    if parameter("false_northing").is_some_and(|v| v != 0.0) {
        return Err("it is a Mercator projection with a false northing");
    }
    // The scale at the standard parallel is multiplied into the unit, so that areas are correct.
    let scale = match (parameter("scale_factor"), parameter("standard_parallel_1")) {
        (Some(scale), _) => scale,
        (None, Some(parallel)) => parallel_scale(srs, parallel.to_radians()),
        (None, None) => 1.0,
    };
    Ok(CrsKind::Mercator { meters_per_unit: meters_per_unit / scale })
}

/// Scale at the equator of a Mercator projection that is true at a parallel (Snyder, eq. 14-15 over the equator's).
fn parallel_scale(srs: &SpatialRef, latitude: f64) -> f64 {
    let f = ffi::inverse_flattening(srs).filter(|v| *v != 0.0).map_or(0.0, |v| 1.0 / v);
    let e2 = f * (2.0 - f);
    latitude.cos() / (1.0 - e2 * latitude.sin().powi(2)).sqrt()
}

/// Transforms coordinates of a CRS to WGS 84 longitudes and latitudes, or back. One per thread.
#[derive(Debug)]
pub struct Transformer {
    from: String,
    to: String,
    inner: CoordTransform,
}

const WGS84: &str = "EPSG:4326";

impl Transformer {
    /// A transformer to WGS 84.
    ///
    /// # Errors
    /// [`GdalError::BadCrs`] when PROJ has no transformation.
    pub fn new(crs: &Crs) -> Result<Self, GdalError> {
        let inner = CoordTransform::new(&spatial_ref_of(crs)?, &spatial_ref(WGS84)?)
            .map_err(|e| GdalError::BadCrs { definition: crs.name.clone(), message: failure(&e) })?;
        Ok(Self { from: crs.name.clone(), to: WGS84.into(), inner })
    }

    /// A transformer from WGS 84 longitudes and latitudes in degrees to a CRS.
    ///
    /// # Errors
    /// [`GdalError::BadCrs`] when PROJ has no transformation.
    pub fn back(crs: &Crs) -> Result<Self, GdalError> {
        let inner = CoordTransform::new(&spatial_ref(WGS84)?, &spatial_ref_of(crs)?)
            .map_err(|e| GdalError::BadCrs { definition: crs.name.clone(), message: failure(&e) })?;
        Ok(Self { from: WGS84.into(), to: crs.name.clone(), inner })
    }

    /// Longitude and latitude in degrees of a point.
    ///
    /// # Errors
    /// [`GdalError::Transform`] for a point outside the projection's domain.
    pub fn point(&self, x: f64, y: f64) -> Result<(f64, f64), GdalError> {
        let (mut xs, mut ys) = ([x], [y]);
        self.points(&mut xs, &mut ys)?;
        Ok((xs[0], ys[0]))
    }

    /// Transforms many points in place; those outside the projection's domain become NaN.
    pub fn known_points(&self, xs: &mut [f64], ys: &mut [f64]) {
        let (first_xs, first_ys) = (xs.to_vec(), ys.to_vec());
        if self.points(xs, ys).is_ok() {
            return;
        }
        // After an error, the others may not have been transformed.
        for (i, (x, y)) in first_xs.into_iter().zip(first_ys).enumerate() {
            (xs[i], ys[i]) = self.point(x, y).unwrap_or((f64::NAN, f64::NAN));
        }
    }

    /// Transforms many points in place.
    ///
    /// # Errors
    /// [`GdalError::Transform`], naming the first point, when one is outside the projection's domain.
    fn points(&self, xs: &mut [f64], ys: &mut [f64]) -> Result<(), GdalError> {
        let first = (xs.first().copied().unwrap_or(f64::NAN), ys.first().copied().unwrap_or(f64::NAN));
        let done = self.inner.transform_coords(xs, ys, &mut []);
        match done {
            Ok(()) if xs.iter().chain(ys.iter()).all(|v| v.is_finite()) => Ok(()),
            Ok(()) => Err(self.error(first, String::new())),
            Err(e) => Err(self.error(first, failure(&e))),
        }
    }

    /// Smallest longitude/latitude box `[west, south, east, north]` around a box of the CRS, from 21 points on each
    /// edge. West is greater than east across the antimeridian.
    ///
    /// # Errors
    /// [`GdalError::Transform`] when it is not in the projection's domain.
    pub fn bbox(&self, bbox: [f64; 4]) -> Result<[f64; 4], GdalError> {
        self.inner.transform_bounds(&bbox, 21).map_err(|e| self.error((bbox[0], bbox[1]), failure(&e)))
    }

    fn error(&self, (x, y): (f64, f64), message: String) -> GdalError {
        GdalError::Transform { from: self.from.clone(), to: self.to.clone(), x, y, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_systems_are_described() {
        let lambert = describe_crs("EPSG:2154").unwrap();
        assert_eq!((lambert.name.as_str(), lambert.epsg), ("EPSG:2154", Some(2154)));
        assert_eq!(lambert.kind, CrsKind::Projected { meters_per_unit: 1.0 });
        assert!(lambert.projjson.contains("Lambert"));
        assert_eq!(describe_crs("EPSG:4326").unwrap().kind, CrsKind::Geographic);
        for code in [3857, 3395] {
            let crs = describe_crs(&format!("EPSG:{code}")).unwrap();
            assert_eq!(crs.kind, CrsKind::Mercator { meters_per_unit: 1.0 }, "{code}");
        }
        // Compound: the horizontal part counts.
        assert_eq!(describe_crs("EPSG:2154+5720").unwrap().epsg, Some(2154));
        let feet = describe_crs("EPSG:2263").unwrap();
        let CrsKind::Projected { meters_per_unit } = feet.kind else { panic!("{feet:?}") };
        assert!((meters_per_unit - 0.304_800_609_6).abs() < 1e-9);
    }

    #[test]
    fn systems_without_a_code_are_distinguished() {
        let a = describe_crs("+proj=laea +lat_0=10 +lon_0=1 +datum=WGS84").unwrap();
        let b = describe_crs("+proj=laea +lat_0=11 +lon_0=1 +datum=WGS84").unwrap();
        assert!(a.epsg.is_none() && a.name != b.name && !a.is_same(&b));
    }

    #[test]
    fn unusable_systems_are_refused() {
        for definition in ["LOCAL_CS[\"x\",UNIT[\"meter\",1]]", "EPSG:4978", "EPSG:4807"] {
            let e = describe_crs(definition).unwrap_err();
            assert!(matches!(e, GdalError::UnusableCrs { .. }), "{definition}: {e:?}");
        }
        assert!(matches!(describe_crs("EPSG:999999"), Err(GdalError::BadCrs { .. })));
    }

    #[test]
    fn points_come_out_in_longitude_latitude_order() {
        let t = Transformer::new(&describe_crs("EPSG:2154").unwrap()).unwrap();
        // The false origin of Lambert-93 lies at 3 degrees east, 46.5 degrees north.
        let (lon, lat) = t.point(700_000.0, 6_600_000.0).unwrap();
        assert!((lon - 3.0).abs() < 1e-6 && (lat - 46.5).abs() < 1e-6, "{lon} {lat}");
        let [w, s, e, n] = t.bbox([700_000.0, 6_600_000.0, 701_000.0, 6_601_000.0]).unwrap();
        assert!((w - 3.0).abs() < 1e-6 && e > 3.01 && s > 46.4 && n < 46.6);
        let crs = describe_crs("EPSG:32631").unwrap();
        let utm = Transformer::new(&crs).unwrap();
        assert!(matches!(utm.point(1e30, 1e30), Err(GdalError::Transform { .. })));
        // And back, the known ones.
        let (mut xs, mut ys) = ([lon, 3.0, 3.5], [lat, 95.0, 47.0]);
        Transformer::back(&crs).unwrap().known_points(&mut xs, &mut ys);
        assert!((xs[0] - 500_000.0).abs() < 1e-3 && xs[1].is_nan() && xs[2] > 500_000.0, "{xs:?} {ys:?}");
    }
}
