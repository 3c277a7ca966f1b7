//! A package that was made from polygons over a scene finds the bands of that scene, whatever they are called.

use std::fmt::Write;
use std::fs;

use arpent_gdal::{SceneSource, open_scene};
use arpent_model::ModelPackage;

use crate::drawn::{CORNER, Desk, GSD, SIDE};

/// A band of a scene: its color interpretation and its description, empty where there is none.
type Said<'a> = (&'a str, &'a str);

/// Scale and offset that a band declares.
pub(crate) type Meaning = Option<(f64, f64)>;

/// `scene.vrt` over the desk's scene: bands of a type, which say this, with a nodata value or none.
fn vrt(desk: &Desk, sample_type: &str, bands: &[Said<'_>], nodata: Option<&str>) {
    let bands: Vec<(Said<'_>, Meaning)> = bands.iter().map(|said| (*said, None)).collect();
    write_vrt(desk, "scene.vrt", sample_type, &bands, nodata);
}

/// The desk's scene as a type, whose bands declare a scale and an offset.
pub(crate) fn scaled_vrt(desk: &Desk, name: &str, sample_type: &str, meanings: &[Meaning; 3]) {
    let colors = ["Red", "Green", "Blue"].map(|color| (color, ""));
    let bands: Vec<(Said<'_>, Meaning)> = colors.into_iter().zip(meanings.iter().copied()).collect();
    write_vrt(desk, name, sample_type, &bands, None);
}

fn write_vrt(
    desk: &Desk,
    name: &str,
    sample_type: &str,
    bands: &[(Said<'_>, Meaning)],
    nodata: Option<&str>,
) {
    let mut text = format!(
        "<VRTDataset rasterXSize=\"{SIDE}\" rasterYSize=\"{SIDE}\">\n<SRS>EPSG:32631</SRS>\n\
         <GeoTransform>{}, {GSD}, 0, {}, 0, -{GSD}</GeoTransform>\n",
        CORNER.0 as f64 * GSD,
        -CORNER.1 as f64 * GSD
    );
    for (i, ((color, description), meaning)) in bands.iter().enumerate() {
        let number = i + 1;
        writeln!(text, "<VRTRasterBand dataType=\"{sample_type}\" band=\"{number}\">").unwrap();
        if !description.is_empty() {
            writeln!(text, "<Description>{description}</Description>").unwrap();
        }
        if let Some(nodata) = nodata {
            writeln!(text, "<NoDataValue>{nodata}</NoDataValue>").unwrap();
        }
        if let Some((scale, offset)) = meaning {
            writeln!(text, "<Offset>{offset}</Offset><Scale>{scale}</Scale>").unwrap();
        }
        if !color.is_empty() {
            writeln!(text, "<ColorInterp>{color}</ColorInterp>").unwrap();
        }
        writeln!(
            text,
            "<SimpleSource><SourceFilename relativeToVRT=\"1\">scene.tif</SourceFilename><SourceBand>{}</SourceBand>\
             </SimpleSource></VRTRasterBand>",
            1 + i % 3
        )
        .unwrap();
    }
    fs::write(desk.path(name), text + "</VRTDataset>\n").unwrap();
}

/// Fits on `scene.vrt`; the names of the package's bands, and their numbers in the scene that it learned from.
fn fitted(desk: &Desk, more: &[&str]) -> (Vec<String>, Vec<Option<usize>>) {
    let options = ["--epochs", "1", "--restart"];
    let ran = desk.fit_on("fields.gpkg", &["scene.vrt"], &[&options[..], more].concat()).done();
    assert!(!ran.err.contains("bands = {"), "nothing more needs to be said: {}", ran.err);
    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    let scene = open_scene(&SceneSource::new(desk.path("scene.vrt").to_str().unwrap())).unwrap();
    let found = package.bands.iter().map(|band| band.in_scene(&scene)).collect();
    for band in package.bands.iter().filter_map(|b| b.in_scene(&scene)) {
        let info = &scene.bands[band - 1];
        assert!(package.sample_types.contains(&info.sample_type));
    }
    assert!((package.gsd_m.min..=package.gsd_m.max).contains(&scene.gsd_m));
    (package.bands.into_iter().map(|b| b.name).collect(), found)
}

#[test]
fn bands_of_any_name_type_and_number_are_found_again() {
    let desk = Desk::new();
    let emb: Vec<String> = (0..64).map(|i| format!("A{i:02}")).collect();
    let emb: Vec<Said<'_>> = emb.iter().map(|name| ("", name.as_str())).collect();
    let unnamed = [("Undefined", ""); 5];
    let cases: [(&str, &[Said<'_>], Option<&str>); 9] = [
        ("Float32", &emb, Some("nan")),
        ("UInt16", &unnamed, Some("0")),
        ("Byte", &[("Gray", "")], None),
        ("Float64", &[("Gray", "")], Some("-9999")),
        ("Int16", &[("", " Emb_00 "), ("", "emb_01"), ("", "EMB  02")], None),
        // Names that stand for common ones, twice, and that look like numbers of others.
        (
            "UInt16",
            &[("", "B5"), ("", "B05"), ("", "B06"), ("", "band1"), ("", "#2"), ("", "x"), ("", "X")],
            None,
        ),
        ("Int32", &[("Red", ""), ("", "red"), ("", "nir_before"), ("", "B8A")], Some("-1")),
        // A band that the file calls alpha is no data, and shifts no number.
        ("Byte", &[("Alpha", ""), ("", ""), ("", "height")], None),
        ("UInt32", &[("Red", ""), ("Green", ""), ("Blue", ""), ("Undefined", "")], None),
    ];
    for (sample_type, bands, nodata) in cases {
        vrt(&desk, sample_type, bands, nodata);
        let (names, found) = fitted(&desk, &[]);
        let data = |i: &usize| bands[i - 1].0 != "Alpha";
        let wanted: Vec<Option<usize>> = (1..=bands.len()).filter(data).map(Some).collect();
        assert_eq!(found, wanted, "{sample_type} {bands:?}: {names:?}");
    }
}

#[test]
fn names_that_were_given_are_found_where_the_scene_names_nothing() {
    let desk = Desk::new();
    vrt(&desk, "Byte", &[("Undefined", ""), ("Undefined", ""), ("Undefined", ""), ("Alpha", "")], None);
    let (names, found) = fitted(&desk, &["--bands", "red,green,blue,nir"]);
    assert_eq!(names, ["red", "green", "blue", "nir"]);
    assert_eq!(
        found,
        [Some(1), Some(2), Some(3), Some(4)],
        "a band that is named is data, whatever the file says"
    );
    let (names, found) = fitted(&desk, &["--bands", "a,b,c"]);
    assert_eq!((names.len(), found), (3, vec![Some(1), Some(2), Some(3)]));

    // In another scene that names its bands, numbers are not guessed.
    let (package, _) = ModelPackage::load(&desk.path("map")).unwrap();
    let named = open_scene(&SceneSource::new(desk.path("scene.tif").to_str().unwrap())).unwrap();
    assert_eq!(package.bands.iter().map(|b| b.in_scene(&named)).collect::<Vec<_>>(), [None, None, None]);
    let path = desk.path("fields.gpkg");
    let refused = desk.fit_on(path.to_str().unwrap(), &["scene.vrt"], &["--bands", "a,b", "--restart"]);
    assert!(refused.code == 2 && refused.err.contains("3 bands (and 1 flagged as alpha)"), "{}", refused.err);
    let date = desk.fit_on("fields.gpkg", &["scene.vrt"], &["--bands", "a,b,c_after", "--restart"]);
    assert!(date.code == 2 && date.err.contains("`c_after`"), "{}", date.err);
}
