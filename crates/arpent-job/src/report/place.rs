//! Pixels and extent of a published output without a raster.

use std::sync::Arc;

use arpent_gdal::describe_crs;
use arpent_raster::{Grid, Window};
use serde_json::Value;

/// The grid and the window of an output, as its STAC item has them.
///
/// # Errors
/// Why it has none, in words.
pub(crate) fn place_of_item(item: &[u8]) -> Result<(Grid, Window), String> {
    let item: Value = serde_json::from_slice(item).map_err(|error| format!("item.json: {error}"))?;
    let properties = &item["properties"];
    let crs = match properties["proj:code"].as_str() {
        Some(code) => describe_crs(code),
        None if properties["proj:projjson"].is_object() => {
            describe_crs(&properties["proj:projjson"].to_string())
        }
        None => return Err("item.json has no CRS".to_owned()),
    };
    let crs = crs.map_err(|error| error.to_string())?;
    let transform: Option<[f64; 6]> = serde_json::from_value(properties["proj:transform"].clone()).ok();
    let shape: Option<[usize; 2]> = serde_json::from_value(properties["proj:shape"].clone()).ok();
    let ([gsd_x, shear_x, x, shear_y, gsd_y, y], [height, width]) =
        transform.zip(shape).ok_or("item.json has no proj:transform and proj:shape")?;
    let placement = Grid::place(Arc::new(crs), [x, gsd_x, shear_x, y, shear_y, gsd_y], width, height);
    let placement = placement.map_err(|error| error.to_string())?;
    Ok((placement.grid, placement.window))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pixels_are_those_of_the_item() {
        let item = |properties: Value| json!({ "properties": properties }).to_string().into_bytes();
        let transform = [0.2, 0.0, 650_000.0, 0.0, -0.2, 6_860_000.0];
        let whole =
            item(json!({ "proj:code": "EPSG:2154", "proj:transform": transform, "proj:shape": [30, 40] }));
        let (grid, window) = place_of_item(&whole).unwrap();
        assert_eq!((window.width, window.height), (40, 30));
        let bbox = grid.bbox(&window);
        let expected = [650_000.0, 6_859_994.0, 650_008.0, 6_860_000.0];
        assert!(bbox.iter().zip(expected).all(|(found, wanted)| (found - wanted).abs() < 1e-6), "{bbox:?}");
        for (bytes, why) in [
            (b"[".to_vec(), "item.json: "),
            (item(json!({})), "no CRS"),
            (item(json!({ "proj:code": "EPSG:2154" })), "no proj:transform"),
        ] {
            let error = place_of_item(&bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
