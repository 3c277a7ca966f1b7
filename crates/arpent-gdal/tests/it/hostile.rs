//! Malicious files: paths in them are not opened, sizes that they declare are not trusted.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arpent_base::Diagnostic as _;
use arpent_gdal::inside::area_of_wkb;
use arpent_gdal::{
    GdalError, LayerSource, MosaicReader, PublishedRaster, SceneSource, allow_in_vrt, count_bands,
    describe_crs, fingerprint, group_scenes, open_scene, read_aoi, read_features, read_labels, read_picture,
    resampled,
};
use arpent_raster::{Grid, ReadAs, Resampling, Window, lattice};
use gdal::Metadata as _;

use crate::common::{HERE, folder, mosaic, open, picture, source};
use crate::remote::serve;

const PLACE: &str = "<SRS>EPSG:2154</SRS><GeoTransform>650000,0.2,0,6860000,0,-0.2</GeoTransform>";

/// Somebody who must not be called: counts the calls.
struct Listener {
    address: String,
    calls: Arc<AtomicUsize>,
}

impl Listener {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Self { address, calls }
    }

    fn url(&self, name: &str) -> String {
        format!("/vsicurl/http://{}/{name}", self.address)
    }

    #[track_caller]
    fn assert_quiet(&self) {
        assert_eq!(self.calls.load(Ordering::SeqCst), 0, "a hostile file made a connection");
    }
}

fn simple(attributes: &str, name: &str) -> String {
    let size = r#"xOff="0" yOff="0" xSize="16" ySize="16""#;
    format!(
        r#"<SimpleSource><SourceFilename {attributes}>{name}</SourceFilename><SourceBand>1</SourceBand>
        <SourceProperties RasterXSize="16" RasterYSize="16" DataType="Byte" BlockXSize="16" BlockYSize="16"/>
        <SrcRect {size}/><DstRect {size}/></SimpleSource>"#
    )
}

fn vrt_of(size: &str, inside: &str, bands: &str) -> String {
    format!("<VRTDataset {size}>{PLACE}{inside}{bands}</VRTDataset>")
}

const SIZE: &str = r#"rasterXSize="16" rasterYSize="16""#;

fn band(inside: &str) -> String {
    vrt_of(SIZE, "", &format!(r#"<VRTRasterBand dataType="Byte" band="1">{inside}</VRTRasterBand>"#))
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    path
}

#[track_caller]
fn refused(path: &Path) -> GdalError {
    let error = open_scene(&source(path)).expect_err("must be refused");
    assert!(error.to_string().contains(&*path.to_string_lossy()), "where: {error}");
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "no hint: {error}");
    error
}

/// As [`refused`], for what a file names.
#[track_caller]
fn refused_reference(path: &Path) {
    let error = refused(path);
    assert!(matches!(error, GdalError::Reference { .. }), "{error:?}");
}

#[test]
fn vrts_do_not_reach_the_network() {
    let (dir, other) = (folder(), Listener::new());
    let url = other.url("x.tif");
    let inner = simple("", &url);
    let plain = format!("http://{}/x.tif", other.address);
    let cases = [
        band(&inner),
        band(&simple(r#"relativeToVRT="1""#, &url)),
        band(&simple("", &format!("vrt://{url}?bands=1"))),
        band(&simple("", &plain)),
        band(&simple("", &format!("/vsizip/{url}/a.tif"))),
        band(&simple("", &format!("&#47;vsicurl/{plain}"))),
        band(&simple("", &format!("<![CDATA[{url}]]>"))),
        band(&inner.replace("SimpleSource", "ComplexSource")),
        band(&inner.replace("SourceFilename", "sourcefilename")),
        band(&format!(r#"<SimpleSource SourceFilename="{url}"><SourceBand>1</SourceBand></SimpleSource>"#)),
        band(&format!(
            "<Overview><SourceFilename>{url}</SourceFilename><SourceBand>1</SourceBand></Overview>"
        )),
        band(&format!("<MaskBand><VRTRasterBand dataType=\"Byte\">{inner}</VRTRasterBand></MaskBand>")),
        band(&simple("", &format!("&lt;VRTDataset {SIZE}&gt;{}", inner.replace('<', "&lt;")))),
        band(&format!("<SimpleSource>{}</SimpleSource>", band(&inner))),
        vrt_of(
            SIZE,
            &format!("<Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">{url}</MDI></Metadata>"),
            "",
        ),
        vrt_of(
            SIZE,
            &format!("<Metadata domain=\"GEOLOCATION\"><MDI key=\"X_DATASET\">{url}</MDI></Metadata>"),
            "",
        ),
        vrt_of(
            &format!(r#"{SIZE} subClass="VRTWarpedDataset""#),
            &format!(
                "<GDALWarpOptions><SourceDataset relativeToVRT=\"0\">{url}</SourceDataset></GDALWarpOptions>"
            ),
            "",
        ),
        vrt_of(SIZE, &format!("<UnheardOf>{url}</UnheardOf>"), ""),
    ];
    for (i, xml) in cases.iter().enumerate() {
        refused_reference(&write(dir.path().join(format!("{i}.vrt")), xml));
        // The name of a file means nothing to GDAL.
        refused_reference(&write(dir.path().join(format!("{i}.tif")), xml));
        // VRTs that name such a VRT.
        let outer = band(&simple(r#"relativeToVRT="1""#, &format!("{i}.tif")));
        let outer = write(dir.path().join(format!("outer_{i}.vrt")), &outer);
        refused_reference(&outer);
    }
    other.assert_quiet();
}

#[test]
fn files_beside_a_raster_do_not_reach_the_network() {
    let (dir, other) = (folder(), Listener::new());
    let url = other.url("x.tif");
    for suffix in ["ovr", "msk"] {
        let path = picture(16, 16, 1).write(&dir.path().join(format!("{suffix}.tif")));
        write(dir.path().join(format!("{suffix}.tif.{suffix}")), &band(&simple("", &url)));
        refused_reference(&path);
    }
    let path = picture(16, 16, 1).write_with(&dir.path().join("metadata.tif"), |ds| {
        ds.set_metadata_item("OVERVIEW_FILE", &url, "OVERVIEWS").unwrap();
    });
    refused_reference(&path);
    let path = picture(16, 16, 1).write(&dir.path().join("aux.tif"));
    let xml = format!(
        "<PAMDataset><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">{url}</MDI></Metadata></PAMDataset>"
    );
    write(dir.path().join("aux.tif.aux.xml"), &xml);
    refused_reference(&path);
    other.assert_quiet();
}

#[test]
fn every_way_to_open_a_raster_is_guarded() {
    let (dir, other) = (folder(), Listener::new());
    let bad = band(&simple("", &other.url("x.tif")));
    let path = picture(16, 16, 1).write(&dir.path().join("a.tif"));
    // A scene that was harmless when it was opened.
    let scene = open(&path);
    write(path.clone(), &bad);
    let uri = path.to_string_lossy().into_owned();
    let errors = [
        read_picture(&uri, None, ReadAs::Raw).map(drop).unwrap_err(),
        count_bands(&uri).map(drop).unwrap_err(),
        read_labels(&uri).map(drop).unwrap_err(),
        fingerprint(&source(&path)).map(drop).unwrap_err(),
        PublishedRaster::open(&uri).map(drop).unwrap_err(),
    ];
    assert!(errors.iter().all(|e| matches!(e, GdalError::Reference { .. })), "{errors:#?}");
    let mosaic = group_scenes(vec![scene]).remove(0);
    let error = MosaicReader::new(&mosaic, &[vec![1]]).unwrap().read(mosaic.window).unwrap_err();
    assert!(error.to_string().contains("not a local file"), "{error}");
    other.assert_quiet();
}

#[test]
fn names_that_are_instructions_are_not_opened() {
    let (_dir, other) = (folder(), Listener::new());
    let url = other.url("x.tif");
    for name in [band(&simple("", &url)), format!("vrt://{url}"), format!("d/{}", band(&simple("", &url)))] {
        let error = open_scene(&SceneSource::new(&name)).unwrap_err();
        assert!(matches!(error, GdalError::Reference { .. } | GdalError::Missing { .. }), "{error:?}");
    }
    other.assert_quiet();
}

#[test]
fn vrts_bring_no_code_and_read_no_raw_bytes() {
    let dir = folder();
    let derived = |inside: &str| {
        let band = format!(
            r#"<VRTRasterBand dataType="Byte" band="1" subClass="VRTDerivedRasterBand">
            <PixelFunctionType>f</PixelFunctionType>{inside}</VRTRasterBand>"#
        );
        vrt_of(SIZE, "", &band)
    };
    let raw = r#"<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
        <SourceFilename>/etc/passwd</SourceFilename><ImageOffset>0</ImageOffset></VRTRasterBand>"#;
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let entities = format!("<!DOCTYPE a [<!ENTITY b \"x\">]>{}", band("&b;"));
    let cases = [
        derived("<PixelFunctionLanguage>Python</PixelFunctionLanguage>"),
        derived("<PixelFunctionLanguage> python </PixelFunctionLanguage>"),
        derived("<PixelFunctionCode><![CDATA[def f(): pass]]></PixelFunctionCode>"),
        vrt_of(SIZE, "", raw),
        vrt_of(&format!(r#"{SIZE} subClass="VRTProcessedDataset""#), "", ""),
        band(&simple(r#"relativeToVRT="yes""#, "a.tif")),
        band(&simple("", "a<!-- -->b.tif")),
        vrt_of(SIZE, "<unclosed>", ""),
        // A document type stands before the element by which GDAL recognizes a VRT.
        format!("<VRTDataset {SIZE}/>{entities}"),
    ];
    for (i, xml) in cases.iter().enumerate() {
        let error = refused(&write(dir.path().join(format!("{i}.vrt")), xml));
        assert!(matches!(error, GdalError::BadVrt { .. }), "{i}: {error:?}");
    }
    // Deep nesting is no stack overflow; what GDAL makes of it does not matter.
    let _ = open_scene(&source(&write(dir.path().join("deep.vrt"), &vrt_of(SIZE, &deep, ""))));
    // VRTs that name each other end.
    let [a, b] = ["a", "b"].map(|n| dir.path().join(format!("{n}.vrt")));
    write(a.clone(), &band(&simple(r#"relativeToVRT="1""#, "b.vrt")));
    write(b, &band(&simple(r#"relativeToVRT="1""#, "a.vrt")));
    let _ = open_scene(&source(&a));
    for i in 0..20 {
        let next = band(&simple(r#"relativeToVRT="1""#, &format!("chain_{}.vrt", i + 1)));
        write(dir.path().join(format!("chain_{i}.vrt")), &next);
    }
    let error = refused(&dir.path().join("chain_0.vrt"));
    assert!(matches!(error, GdalError::BadVrt { .. }), "{error:?}");
}

#[test]
fn harmless_vrts_are_read() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let tif = picture(16, 16, 1).write(&dir.path().join("sub/a.tif"));
    let metadata = r#"<Metadata><MDI key="TIFFTAG_COPYRIGHT">see https://example.org/vsi</MDI></Metadata>"#;
    let lut = "<SimpleSource><SourceFilename";
    for (i, inside) in [
        simple(r#"relativeToVRT="1""#, "sub/a.tif"),
        simple(r#"relativeToVRT="1""#, "../sub/a.tif").replace("../sub", "sub/../sub"),
        simple(r#"relativeToVRT="0""#, &tif.to_string_lossy()),
    ]
    .iter()
    .enumerate()
    {
        assert!(inside.starts_with(lut));
        let bands = format!(r#"<VRTRasterBand dataType="Byte" band="1">{inside}</VRTRasterBand>"#);
        let path = write(dir.path().join(format!("{i}.vrt")), &vrt_of(SIZE, metadata, &bands));
        let outer = band(&simple(r#"relativeToVRT="1""#, &format!("{i}.vrt")));
        let outer = write(dir.path().join(format!("outer_{i}.vrt")), &outer);
        for path in [path, outer] {
            let m = mosaic(vec![open(&path)]);
            let chip = MosaicReader::new(&m, &[vec![1]]).unwrap().read(m.window).unwrap();
            assert_eq!(chip.data[5], f32::from(crate::common::value(5, 0, 0)), "{}", path.display());
        }
    }
}

#[test]
fn only_the_drivers_of_imagery_are_there() {
    let (dir, other) = (folder(), Listener::new());
    let wms = format!(
        "<GDAL_WMS><Service name=\"TMS\"><ServerUrl>http://{}/${{z}}</ServerUrl></Service></GDAL_WMS>",
        other.address
    );
    let path = write(dir.path().join("wms.tif"), &wms);
    let error = open_scene(&source(&path)).unwrap_err();
    assert!(matches!(error, GdalError::NotARaster { .. }), "{error:?}");
    // GDAL opens what a VRT names with any driver that it has.
    let outer = write(dir.path().join("a.vrt"), &band(&simple(r#"relativeToVRT="1""#, "wms.tif")));
    let m = mosaic(vec![open(&outer)]);
    let error = MosaicReader::new(&m, &[vec![1]]).unwrap().read(m.window).unwrap_err();
    assert!(error.to_string().contains("not recognized"), "{error}");
    // Vectors: a virtual one, and one that fetches its schema.
    let virtual_layer = format!(
        "<OGRVRTDataSource><OGRVRTLayer name=\"a\"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        other.url("x.geojson")
    );
    let schema = format!(
        "http://{}/wfs?service=WFS&amp;version=2.0.0&amp;request=DescribeFeatureType&amp;typeName=a",
        other.address
    );
    let gml = format!(
        "<wfs:FeatureCollection xmlns:wfs=\"http://www.opengis.net/wfs/2.0\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:gml=\"http://www.opengis.net/gml/3.2\" \
         xsi:schemaLocation=\"http://a {schema}\"><wfs:member/></wfs:FeatureCollection>"
    );
    for (name, text) in [("a.vrt", virtual_layer), ("a.gml", gml)] {
        let path = write(dir.path().join(name), &text);
        let error = read_aoi(&path.to_string_lossy(), &grid(2154), &HERE).unwrap_err();
        assert!(matches!(error, GdalError::NotAVector { .. } | GdalError::NoGeometry { .. }), "{error:?}");
    }
    other.assert_quiet();
}

#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    let dir = folder();
    let path = dir.path().join("pipe.tif");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = open_scene(&source(&path)).unwrap_err();
    assert!(matches!(error, GdalError::NotARaster { .. }), "{error:?}");
    let outer = write(dir.path().join("a.vrt"), &band(&simple(r#"relativeToVRT="1""#, "pipe.tif")));
    let error = refused(&outer);
    assert!(matches!(error, GdalError::Reference { .. }), "{error:?}");
}

#[test]
fn remote_vrts_stay_where_they_are() {
    let (dir, other) = (folder(), Listener::new());
    let tif = picture(16, 16, 1).write(&dir.path().join("a.tif"));
    let relative = |name: &str| band(&simple(r#"relativeToVRT="1""#, name));
    let stranger = other.url("x.tif");
    let base = serve(vec![
        ("/a.tif", std::fs::read(&tif).unwrap()),
        ("/good.vrt", relative("a.tif").into()),
        ("/good/deep.vrt", relative("../good.vrt").into()),
        ("/file.vrt", band(&simple("", &tif.to_string_lossy())).into()),
        ("/stranger.vrt", band(&simple("", &stranger)).into()),
        ("/hidden.tif", band(&simple("", &tif.to_string_lossy())).into()),
        ("/outer.vrt", relative("hidden.tif").into()),
    ]);
    let remote = |name: &str| SceneSource::new(&format!("{base}/{name}"));
    for good in ["good.vrt", "good/deep.vrt"] {
        let m = mosaic(vec![open_scene(&remote(good)).unwrap()]);
        let chip = MosaicReader::new(&m, &[vec![1]]).unwrap().read(m.window).unwrap();
        assert_eq!(chip.data[5], f32::from(crate::common::value(5, 0, 0)));
        let target = lattice(&m.grid.crs, [0.4; 2]);
        let coarse = resampled(&m.scenes[0], &target, Resampling::Average);
        assert_eq!((coarse.window.width, coarse.window.height), (8, 8));
    }
    for bad in ["file.vrt", "stranger.vrt", "outer.vrt"] {
        let error = open_scene(&remote(bad)).unwrap_err();
        assert!(matches!(error, GdalError::Reference { .. }), "{bad}: {error:?}");
    }
    // A local VRT may name a host once it is allowed.
    let local = write(dir.path().join("local.vrt"), &band(&simple("", &format!("/vsicurl/{base}/a.tif"))));
    refused_reference(&local);
    allow_in_vrt(&[format!("{base}/")]).unwrap();
    let m = mosaic(vec![open(&local)]);
    let chip = MosaicReader::new(&m, &[vec![1]]).unwrap().read(m.window).unwrap();
    assert_eq!(chip.data[5], f32::from(crate::common::value(5, 0, 0)));
    allow_in_vrt(&[]).unwrap();
    refused_reference(&local);
    other.assert_quiet();
}

#[track_caller]
fn too_large(result: Result<(), GdalError>, expected: &str) {
    let error = result.expect_err("must be refused");
    assert!(matches!(&error, GdalError::TooLarge { what, .. } if what.contains(expected)), "{error:?}");
    assert!(error.hint().is_some());
}

#[test]
fn absurd_rasters_are_refused() {
    let dir = folder();
    let bands = |n: usize, attributes: &str| -> String {
        let band = |b: usize| format!(r#"<VRTRasterBand dataType="Byte" band="{b}" {attributes}/>"#);
        (1..=n).map(band).collect::<Vec<_>>().concat()
    };
    let sized = |side: u32| format!(r#"rasterXSize="{side}" rasterYSize="{side}""#);
    for (name, expected, xml) in [
        ("side", "side", vrt_of(&sized(i32::MAX as u32), "", &bands(1, ""))),
        ("pixels", "pixels", vrt_of(&sized(1 << 25), "", &bands(1, ""))),
        ("bands", "bands", vrt_of(&sized(16), "", &bands(10_001, ""))),
        ("block", "block", vrt_of(&sized(60_000), "", &bands(1, r#"blockXSize="60000" blockYSize="60000""#))),
    ] {
        let path = write(dir.path().join(format!("{name}.vrt")), &xml);
        // GDAL before 3.9 takes no block size from a VRT, and reads no more than 65,536 bands.
        if name == "block" && arpent_gdal::version().as_str() < "3.9" {
            continue;
        }
        too_large(open_scene(&source(&path)).map(drop), expected);
    }
    let path = write(dir.path().join("picture.vrt"), &vrt_of(&sized(60_000), "", &bands(3, "")));
    let uri = path.to_string_lossy();
    too_large(read_picture(&uri, None, ReadAs::Raw).map(drop), "as a whole");
    assert_eq!(count_bands(&uri).unwrap(), 3);
    let path = write(dir.path().join("labels.vrt"), &vrt_of(&sized(60_000), "", &bands(1, "")));
    too_large(read_labels(&path.to_string_lossy()).map(drop), "as a whole");
}

#[test]
fn a_tiff_of_one_huge_block_is_refused() {
    let dir = folder();
    let mut p = picture(64, 64, 3);
    p.options.push("COMPRESS=DEFLATE");
    let path = p.write(&dir.path().join("a.tif"));
    let mut bytes = std::fs::read(&path).unwrap();
    let mut set = |tag: u16, value: u16| {
        let start = [&tag.to_le_bytes()[..], &[3, 0, 1, 0, 0, 0]].concat();
        let at = bytes.windows(8).position(|w| w == start).unwrap();
        bytes[at + 8..at + 10].copy_from_slice(&value.to_le_bytes());
    };
    // Width and height of the raster, and of its tiles.
    for tag in [256, 257, 322, 323] {
        set(tag, 60_000);
    }
    std::fs::write(&path, bytes).unwrap();
    too_large(open_scene(&source(&path)).map(drop), "block");
}

/// A polygon in well-known binary.
fn wkb(ring: &[[f64; 2]]) -> Vec<u8> {
    let mut bytes = vec![1, 3, 0, 0, 0, 1, 0, 0, 0];
    bytes.extend(u32::try_from(ring.len()).unwrap().to_le_bytes());
    bytes.extend(ring.iter().flatten().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// Found by fuzzing: at the end of the numbers, masks and intersections did not agree; rings that are not closed have an
/// inside all the same.
#[test]
fn polygons_beyond_all_numbers_are_cut() {
    for ring in [
        vec![[1.0, -1.0], [1e300, -1e300], [5.0, 1e18], [1.0, -1.0]],
        vec![[1.0, -1.0], [9.0, -1.0], [9.0, -9.0], [1.0, -9.0]],
    ] {
        let area = area_of_wkb(&wkb(&ring), &grid(2154)).unwrap();
        let all = area.window();
        for col in [all.col - 1, all.col_end() - 31] {
            let window = Window::new(col, all.row, 32, 32);
            assert_eq!(area.intersects(&window), area.mask(window).data().contains(&true), "{window:?}");
        }
        assert!(all.pixels() > 0 && all.col_end() < i64::MAX / 2, "{all:?}");
    }
    assert!(area_of_wkb(&wkb(&[[f64::NAN, 0.0], [1.0, 0.0], [1.0, 1.0]]), &grid(2154)).is_none());
    let open = area_of_wkb(&wkb(&[[1.0, -1.0], [9.0, -1.0], [9.0, -9.0], [1.0, -9.0]]), &grid(2154)).unwrap();
    assert_eq!(open.mask(Window::new(0, 0, 12, 12)).data().iter().filter(|inside| **inside).count(), 64);
}

fn grid(epsg: u32) -> Grid {
    let crs = Arc::new(describe_crs(&format!("EPSG:{epsg}")).unwrap());
    Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 1.0, gsd_y: 1.0 }
}

#[test]
fn absurd_areas_and_layers_are_refused() {
    let dir = folder();
    // A comb: each of its teeth is as long as the whole, so that reprojection would put 256 points on each side.
    let teeth = 4_000;
    let tooth = |i: usize| {
        let at = f64::from(u32::try_from(i).unwrap()) / f64::from(u32::try_from(teeth).unwrap());
        format!("[{},45],[{},46],", 2.0 + at, 2.0 + at + 1e-6)
    };
    let comb: String = (0..teeth).map(tooth).collect();
    let text = format!(
        r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{comb}[3,44.99],[2,44.99],[2,45]]]}}}}"#
    );
    let path = write(dir.path().join("comb.geojson"), &text);
    let refused = read_aoi(&path.to_string_lossy(), &grid(2154), &HERE).unwrap_err();
    // As the hint says: teeth of a degree go.
    let hint = refused.hint().unwrap();
    let command = hint.split(": ").last().unwrap().replace("TOLERANCE", "1.5").replace("IN", "comb.geojson");
    let done =
        std::process::Command::new("sh").arg("-c").arg(&command).current_dir(dir.path()).status().unwrap();
    assert!(done.success(), "{command}");
    let simple = read_aoi(&dir.path().join("OUT.gpkg").to_string_lossy(), &grid(2154), &HERE).unwrap();
    assert!(!simple.window().is_empty() && simple.counts().read == 1);
    too_large(Err(refused), "vertices");
    assert!(read_aoi(&path.to_string_lossy(), &grid(4326), &HERE).is_ok());

    // Far beyond the Earth, where numbers of pixels have no meaning.
    let text = r#"{"type":"Polygon","coordinates":[[[0,0],[1e200,0],[1e200,1e200],[0,0]]]}"#;
    let path = write(dir.path().join("space.geojson"), text);
    let error = read_aoi(&path.to_string_lossy(), &grid(4326), &HERE).unwrap_err();
    assert!(matches!(&error, GdalError::FeaturePlace { feature: 1, .. }), "{error:?}");

    // A sparse file: nothing is written.
    let path = write(dir.path().join("large.geojson"), "{");
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3 << 30).unwrap();
    let uri = path.to_string_lossy().into_owned();
    too_large(read_aoi(&uri, &grid(2154), &HERE).map(drop), "bytes");
    let crs = describe_crs("EPSG:2154").unwrap();
    let layer = |uri: &str| -> Result<(), GdalError> {
        read_features(&LayerSource::new(uri, &crs), &mut |_| Ok::<_, GdalError>(())).map(drop)
    };
    too_large(layer(&uri), "bytes of text");

    let far = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}},
        "features":[{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[0,0],[1e15,1]]}}]}"#;
    let path = write(dir.path().join("far.geojson"), far);
    too_large(layer(&path.to_string_lossy()), "vertices");
    // Found by fuzzing: a slip of the decimal point, which took minutes.
    let slip = r#"{"type":"Polygon","coordinates":[[[2,48],[3,48],[3,50],[2,48]],[[2.2,4842],[2.2,48.4],[2.4,48.4],[2.2,4842]]]}"#;
    let path = write(dir.path().join("slip.geojson"), slip);
    let no_place = |path: &Path| {
        let error = layer(&path.to_string_lossy()).unwrap_err();
        assert!(matches!(error, GdalError::FeaturePlace { feature: 1, .. }), "{error}");
    };
    no_place(&path);
    // Found by fuzzing: once around the Earth and on, in a ring that is not valid; to repair it took half a minute.
    let around = r#"{"type":"Polygon","coordinates":[[[2,48],[3,48],[3,49],[1,49],[2,49]],[[2.2,48.2],[2.2,48.7],[2.4,48.4],[522,48.2]]]}"#;
    no_place(&write(dir.path().join("around.geojson"), around));
}
