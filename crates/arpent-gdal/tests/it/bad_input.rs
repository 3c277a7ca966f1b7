//! Every reason to refuse a scene has its own error with a hint.

use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_gdal::{GdalError, MosaicReader, group_scenes, open_scene};
use gdal::raster::{ColorEntry, ColorTable};

use crate::common::{Picture, folder, picture, source};

fn refused(path: &Path) -> (GdalError, String) {
    let error = open_scene(&source(path)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&*path.to_string_lossy()), "where: {text}");
    let hint = error.hint().unwrap_or_default();
    (error, hint)
}

#[test]
fn missing_file() {
    let dir = folder();
    let (e, hint) = refused(&dir.path().join("no.tif"));
    assert!(matches!(e, GdalError::Missing { .. }), "{e:?}");
    assert!(!hint.is_empty());
}

#[test]
fn not_a_raster() {
    let dir = folder();
    let path = dir.path().join("a.tif");
    std::fs::write(&path, "these are words, not pixels\n".repeat(50)).unwrap();
    let (e, hint) = refused(&path);
    assert!(matches!(e, GdalError::NotARaster { .. }), "{e:?}");
    assert!(hint.contains("gdalinfo"));
}

#[test]
fn empty_file() {
    let dir = folder();
    let path = dir.path().join("a.tif");
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(refused(&path).0, GdalError::EmptyFile { .. }));
}

#[test]
fn truncated_anywhere() {
    let dir = folder();
    let whole = picture(64, 64, 3).write(&dir.path().join("whole.tif"));
    let bytes = std::fs::read(whole).unwrap();
    let path = dir.path().join("cut.tif");
    for length in [5, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let (e, _) = refused(&path);
        assert!(matches!(e, GdalError::Corrupt { .. } | GdalError::Truncated { .. }), "{length}: {e:?}");
    }
}

#[test]
fn corrupt_header() {
    let dir = folder();
    let whole = picture(64, 64, 3).write(&dir.path().join("whole.tif"));
    let mut bytes = std::fs::read(whole).unwrap();
    let directory = usize::try_from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
    bytes[directory..directory + 60].fill(0xa5);
    let path = dir.path().join("bad.tif");
    std::fs::write(&path, bytes).unwrap();
    let (e, _) = refused(&path);
    assert!(matches!(e, GdalError::Corrupt { .. }), "{e:?}");
}

#[test]
fn corrupt_blocks_are_named_when_read() {
    let dir = folder();
    let mut p = picture(64, 64, 1);
    p.options.push("COMPRESS=DEFLATE");
    let path = p.write(&dir.path().join("scene_7.tif"));
    let mut bytes = std::fs::read(&path).unwrap();
    let ds = gdal::Dataset::open(&path).unwrap();
    let item = |key: &str| -> usize {
        gdal::Metadata::metadata_item(&ds.rasterband(1).unwrap(), key, "TIFF").unwrap().parse().unwrap()
    };
    let (at, size) = (item("BLOCK_OFFSET_1_1"), item("BLOCK_SIZE_1_1"));
    drop(ds);
    bytes[at..at + size].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mosaic = group_scenes(vec![open_scene(&source(&path)).unwrap()]).remove(0);
    let mut reader = MosaicReader::new(&mosaic, &[vec![1]]).unwrap();
    let e = reader.read(mosaic.window).unwrap_err();
    assert!(matches!(&e, GdalError::ReadWindow { scene_id, .. } if scene_id == "scene_7"), "{e:?}");
    // The intact part of the same scene can still be read.
    let mut intact = mosaic.window;
    (intact.width, intact.height) = (16, 16);
    assert!(reader.read(intact).unwrap().valid.iter().all(|v| *v));
}

#[test]
fn zero_size() {
    let dir = folder();
    let whole = picture(64, 64, 1).write(&dir.path().join("whole.tif"));
    let mut bytes = std::fs::read(whole).unwrap();
    // The entry of ImageWidth (tag 256, one short) in the directory.
    let entry = bytes.windows(8).position(|w| w == [0, 1, 3, 0, 1, 0, 0, 0]).unwrap();
    bytes[entry + 8..entry + 12].fill(0);
    let path = dir.path().join("zero.tif");
    std::fs::write(&path, bytes).unwrap();
    let (e, _) = refused(&path);
    assert!(matches!(e, GdalError::ZeroSize { .. }), "{e:?}");
    let path = dir.path().join("a.vrt");
    let band = r#"<VRTRasterBand dataType="Byte" band="1"/>"#;
    std::fs::write(&path, format!(r#"<VRTDataset rasterXSize="0" rasterYSize="0">{band}</VRTDataset>"#))
        .unwrap();
    let (e, _) = refused(&path);
    assert!(matches!(e, GdalError::ZeroSize { .. }), "{e:?}");
}

#[test]
fn no_crs() {
    let dir = folder();
    let p = Picture { epsg: None, ..picture(8, 8, 1) };
    let (e, hint) = refused(&p.write(&dir.path().join("a.tif")));
    assert!(matches!(e, GdalError::NoCrs { .. }), "{e:?}");
    assert!(hint.contains("gdal_translate -a_srs EPSG:xxxx") && hint.contains("gdal_edit.py"), "{hint}");
}

#[test]
fn local_crs() {
    let dir = folder();
    let p = Picture { epsg: None, ..picture(8, 8, 1) };
    let path = p.write_with(&dir.path().join("a.tif"), |ds| {
        ds.set_projection("LOCAL_CS[\"site\",UNIT[\"meter\",1]]").unwrap();
    });
    let (e, _) = refused(&path);
    assert!(matches!(e, GdalError::UnusableCrs { .. } | GdalError::NoCrs { .. }), "{e:?}");
}

#[test]
fn rotated_and_mirrored() {
    let dir = folder();
    for gt in [[0.0, 0.2, 0.1, 0.0, 0.1, -0.2], [0.0, -0.2, 0.0, 0.0, 0.0, 0.2]] {
        let p = Picture { geotransform: Some(gt), ..picture(8, 8, 1) };
        let path = p.write(&dir.path().join("my scene.tif"));
        let (e, hint) = refused(&path);
        assert!(matches!(e, GdalError::Rotated { .. }), "{e:?}");
        let expected = format!("gdalwarp -r bilinear -dstalpha '{}' 'my scene_north_up.tif'", path.display());
        assert_eq!(hint, expected);
    }
}

/// As GDAL before 3.7 writes VRTs of signed bytes.
#[test]
fn bytes_that_lost_their_sign() {
    let dir = folder();
    picture(8, 8, 1).write(&dir.path().join("a.tif"));
    let vrt = dir.path().join("a.vrt");
    let text = "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><SRS>EPSG:2154</SRS><GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform>\
                <VRTRasterBand dataType=\"Byte\" band=\"1\"><NoDataValue>-128</NoDataValue><SimpleSource>\
                <SourceFilename relativeToVRT=\"1\">a.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>";
    std::fs::write(&vrt, text).unwrap();
    let (e, hint) = refused(&vrt);
    assert!(e.to_string().contains("the sign of bytes was lost"), "{e}");
    assert!(hint.contains("GDAL 3.7"), "{hint}");
}

#[test]
fn no_geotransform() {
    let dir = folder();
    let p = Picture { geotransform: None, ..picture(8, 8, 1) };
    let (e, hint) = refused(&p.write(&dir.path().join("a.tif")));
    assert!(matches!(e, GdalError::NoGeotransform { has_gcps: false, .. }), "{e:?}");
    assert!(hint.contains("-a_ullr"), "{hint}");
}

#[test]
fn palette_one_bit_complex_and_wide_integers() {
    let dir = folder();
    let path = picture(8, 8, 1).write_with(&dir.path().join("palette.tif"), |ds| {
        let mut table = ColorTable::default();
        table.set_color_entry(0, &ColorEntry::rgba(1, 2, 3, 255));
        ds.rasterband(1).unwrap().set_color_table(&table);
    });
    let (e, hint) = refused(&path);
    assert!(matches!(e, GdalError::Palette { band: 1, .. }), "{e:?}");
    assert!(hint.contains("gdal_translate -expand rgb"));

    let mut p = Picture::new((8, 8), vec![vec![1u8; 64]]);
    p.options.push("NBITS=1");
    let (e, hint) = refused(&p.write(&dir.path().join("bit.tif")));
    assert!(matches!(e, GdalError::OneBit { .. }), "{e:?}");
    // GDAL gives such a file a color table: its values are indices, which scaling would leave as they are.
    assert!(hint.contains("gdal_translate -expand rgb"));

    let path = dir.path().join("complex.vrt");
    let gt = "<SRS>EPSG:2154</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>";
    for kind in ["CFloat32", "CInt16", "Int64"] {
        let xml = format!(
            r#"<VRTDataset rasterXSize="5" rasterYSize="5">{gt}<VRTRasterBand dataType="{kind}" band="1"/></VRTDataset>"#
        );
        std::fs::write(&path, xml).unwrap();
        let (e, _) = refused(&path);
        assert!(matches!(&e, GdalError::UnsupportedType { type_name, .. } if type_name == kind), "{e:?}");
    }
}

#[test]
fn a_band_that_is_not_there() {
    let dir = folder();
    let path = picture(8, 8, 3).write(&dir.path().join("a.tif"));
    let mosaic = group_scenes(vec![open_scene(&source(&path)).unwrap()]).remove(0);
    let e = MosaicReader::new(&mosaic, &[vec![1, 4]]).unwrap_err();
    assert!(matches!(e, GdalError::NoSuchBand { band: 4, bands: 3, .. }), "{e:?}");
}

#[test]
fn a_vrt_whose_source_is_gone() {
    let dir = folder();
    let path = dir.path().join("a.vrt");
    let xml = r#"<VRTDataset rasterXSize="50" rasterYSize="50"><SRS>EPSG:2154</SRS>
        <GeoTransform>0,1,0,0,0,-1</GeoTransform><VRTRasterBand dataType="Byte" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">gone.tif</SourceFilename><SourceBand>1</SourceBand>
        <SourceProperties RasterXSize="50" RasterYSize="50" DataType="Byte" BlockXSize="50" BlockYSize="1"/>
        <SrcRect xOff="0" yOff="0" xSize="50" ySize="50"/><DstRect xOff="0" yOff="0" xSize="50" ySize="50"/>
        </SimpleSource></VRTRasterBand></VRTDataset>"#;
    std::fs::write(&path, xml).unwrap();
    let (e, _) = refused(&path);
    assert!(matches!(e, GdalError::MissingSource { .. }), "{e:?}");
    assert!(e.to_string().contains("gone.tif"), "{e}");
}
