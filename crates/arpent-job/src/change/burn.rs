//! Vector layers of land cover on the grid of a comparison: read once into an indexed copy, then burnt in blocks of rows.
//!
//! A pixel has the class of the polygon that contains its center. Where polygons overlap, the lowest class id counts, and
//! of polygons of one class the lowest use: neither the order of the layer nor the window that is read matters.

use std::collections::BTreeSet;
use std::path::Path;

use arpent_base::number::exact;
use arpent_base::{Result, redacted};
use arpent_gdal::{
    LayerCounts, LayerFacts, LayerShapes, LayerSource, PublishedRaster, RasterKind, ReferenceIndex,
    ReferenceKind, StripWriter, layer_facts, layer_file,
};
use arpent_publish::Warning;
use arpent_raster::{Crs, Grid, LABEL_NODATA, Nomenclature, PixelArea, Window};
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;

use super::burnt::{BurntLayer, CoverRecord};
use super::classes::Values;
use super::cover::{Columns, Content, Meaning, UNKNOWN_USE, Unknown, year_of, years_in_name};
use super::dated::DatedMap;
use super::error::ChangeJobError;
use super::ocs_ge;
use crate::config::DateInputs;
use crate::reference::burn;
use crate::warnings::layer_warnings;

/// Pixels that are burnt at a time, unless a single row has more.
const PIXELS_AT_A_TIME: usize = 8_000_000;
/// Numbers of vintages in a raster, at most.
const VINTAGES: usize = 254;

/// A layer that is the map of a date, before its polygons are read.
pub(crate) struct CoverLayer {
    pub(crate) uri: String,
    pub(crate) facts: LayerFacts,
    pub(crate) columns: Columns,
    later: bool,
}

/// The grid and the pixels to burn.
pub(crate) struct Place<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) window: Window,
    pixels_at_a_time: usize,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(grid: &'a Grid, window: Window) -> Self {
        Self { grid, window, pixels_at_a_time: PIXELS_AT_A_TIME }
    }
}

/// The polygons of a layer, indexed.
pub(crate) struct IndexedCover {
    of: CoverLayer,
    index: ReferenceIndex,
    meaning: Meaning,
    years: Vec<i32>,
    record: CoverRecord,
}

impl CoverLayer {
    /// Opens a layer; no polygon is read.
    pub(crate) fn open(uri: &str, date: &DateInputs, later: bool) -> Result<Self> {
        let facts = layer_facts(uri)?;
        let columns = Columns::of(uri, &facts, date, later)?;
        Ok(Self { uri: uri.to_owned(), facts, columns, later })
    }

    pub(crate) fn is_differential(&self) -> bool {
        self.columns.content == Content::Differential
    }

    /// Reads the polygons that touch a rectangle of a CRS (all without one) into an indexed copy in `folder`.
    pub(crate) fn index(
        self,
        crs: &Crs,
        within: Option<[f64; 4]>,
        (date, classes): (&DateInputs, &Nomenclature),
        folder: &Path,
    ) -> Result<IndexedCover> {
        const EVERYWHERE: [f64; 4] = [-1e12, -1e12, 1e12, 1e12];
        let stage = Stage::begin("read land cover", 0);
        let meaning = Meaning::new(date, classes)?;
        let fields = self.columns.names();
        let source =
            LayerSource { shapes: LayerShapes::Areas, fields: &fields, ..LayerSource::new(&self.uri, crs) };
        let path = folder.join(format!("cover-{}.gpkg", self.word()));
        let (mut years, mut record) = (BTreeSet::new(), self.record());
        let mut known = 0u64;
        let mut seen = |values: &[_], near: bool| {
            if !near {
                return;
            }
            record.near += 1;
            let [class, usage, year, _] = self.columns.values(values);
            let has_value = |value: &&arpent_base::Value| !arpent_gdal::value_key(value).is_empty();
            match class.filter(has_value) {
                None => record.without_class += 1,
                Some(value) if meaning.class(value).is_none() => record.unknown.add(value),
                Some(_) => known += 1,
            }
            match (self.columns.usage.is_some(), usage.filter(has_value)) {
                (true, None) => record.without_use += 1,
                (true, Some(value)) if meaning.usage(Some(value)) == UNKNOWN_USE => {
                    record.unknown_uses.add(value);
                }
                _ => {}
            }
            years.extend(year.and_then(year_of));
        };
        let within = within.unwrap_or(EVERYWHERE);
        let index = ReferenceIndex::build(&source, ReferenceKind::Areas(None), within, &path, &mut seen)?;
        let LayerCounts { read, empty, .. } = index.counts();
        record.polygons = read;
        if read == empty {
            return Err(ChangeJobError::EmptyLayer { layer: redacted(&self.uri) }.into());
        }
        if record.near > 0 && known == 0 {
            let (column, values) = (self.columns.class.clone(), record.unknown.listed());
            return Err(ChangeJobError::NoKnownValue { layer: redacted(&self.uri), column, values }.into());
        }
        if years.len() > VINTAGES {
            let column = self.columns.year.clone().unwrap_or_default();
            return Err(ChangeJobError::TooManyVintages {
                layer: redacted(&self.uri),
                column,
                found: years.len(),
            }
            .into());
        }
        let mut years: Vec<i32> = years.into_iter().collect();
        if years.is_empty() {
            years.extend(self.named_year());
        }
        record.years.clone_from(&years);
        stage.end(&format!("{} polygons of {}", count(record.near), redacted(&self.uri)));
        Ok(IndexedCover { of: self, index, meaning, years, record })
    }

    /// The year in the names of its columns, else in that of its file.
    fn named_year(&self) -> Option<i32> {
        let of_name = || {
            let years = years_in_name(&self.uri);
            match (self.columns.content, &*years) {
                (Content::Differential, [from, to]) => Some(if self.later { *to } else { *from }),
                (Content::Occupation, [year]) => Some(*year),
                _ => None,
            }
        };
        self.columns.named_year.or_else(of_name)
    }

    const fn word(&self) -> &'static str {
        if self.later { "after" } else { "before" }
    }

    fn record(&self) -> CoverRecord {
        CoverRecord {
            layer: self.facts.name.clone(),
            content: self.columns.content,
            columns: self.facts.columns.iter().map(|column| column.name.clone()).collect(),
            class_column: self.columns.class.clone(),
            use_column: self.columns.usage.clone(),
            year_column: self.columns.year.clone(),
            years: Vec::new(),
            polygons: 0,
            near: 0,
            unknown: Unknown::default(),
            without_class: 0,
            unknown_uses: Unknown::default(),
            without_use: 0,
            overlap_m2: 0.0,
            overlap_of_classes_m2: 0.0,
            disagrees_m2: None,
        }
    }
}

/// The polygons of a pixel: class, use, vintage and class at the other date of the one that counts.
#[derive(Clone, Copy)]
struct Pixel {
    /// In the order of what counts: the lowest is kept.
    answer: [u8; 4],
    polygons: u8,
    highest_class: u8,
}

impl Pixel {
    const NONE: Self = Self { answer: [LABEL_NODATA; 4], polygons: 0, highest_class: 0 };

    fn take(&mut self, answer: [u8; 4]) {
        self.answer = if self.polygons == 0 { answer } else { self.answer.min(answer) };
        self.highest_class = self.highest_class.max(answer[0]);
        self.polygons = self.polygons.saturating_add(1);
    }
}

/// The map of the other date below a differential.
struct Below<'a> {
    map: &'a DatedMap,
    values: &'a Values,
    uses: Option<&'a PublishedRaster>,
}

impl IndexedCover {
    pub(crate) fn is_differential(&self) -> bool {
        self.of.is_differential()
    }

    /// The polygons' bounding box, in the CRS of the grid; `None` if none was near.
    pub(crate) fn bbox(&self) -> Option<[f64; 4]> {
        self.index.bbox()
    }

    /// The pixels of the polygons' bounding box; `None` if none was near.
    pub(crate) fn window(&self, grid: &Grid) -> Option<Window> {
        self.index.bbox().map(|bbox| grid.window_of(bbox))
    }

    /// Burns the polygons; those of a differential over the map of the other date. Warnings about the layer.
    pub(crate) fn burn(
        self,
        place: &Place<'_>,
        classes: &Nomenclature,
        other: Option<(&DatedMap, &Values)>,
        folder: &Path,
    ) -> Result<(BurntLayer, Vec<Warning>)> {
        let Self { of, index, meaning, years, mut record } = self;
        let stage = Stage::begin("burn land cover", place.window.pixels());
        let below = other.filter(|_| of.is_differential());
        let below = below.map(|(map, values)| Below { map, values, uses: map.uses() });
        let has_uses = of.columns.usage.is_some() && below.as_ref().is_none_or(|below| below.uses.is_some());
        let create = |what: &str, names: &Nomenclature| -> Result<StripWriter> {
            let path = folder.join(format!("{what}-{}.tif", of.word()));
            Ok(StripWriter::create(&path, place.window, place.grid, RasterKind::Labels(names))?)
        };
        let mut cover = create("cover", classes)?;
        let mut uses = has_uses.then(|| create("uses", &ocs_ge::uses())).transpose()?;
        let mut vintages = (years.len() > 1).then(|| create("vintages", classes)).transpose()?;
        let (area, reference) = (PixelArea::new(place.grid), index.open()?);
        let mut sums = Sums::default();
        for window in place.window.strips_of(place.pixels_at_a_time) {
            let mut pixels = vec![Pixel::NONE; window.width * window.height];
            reference.each_in(place.grid.bbox(&window), &mut |polygon| -> Result<()> {
                let [class, usage, year, other_class] = of.columns.values(&polygon.values);
                let year = year.and_then(year_of).and_then(|year| years.binary_search(&year).ok());
                let class_of =
                    |value: Option<_>| value.and_then(|value| meaning.class(value)).unwrap_or(LABEL_NODATA);
                let answer = [
                    class_of(class),
                    meaning.usage(usage),
                    year.and_then(|at| u8::try_from(at).ok()).unwrap_or(LABEL_NODATA),
                    class_of(other_class),
                ];
                burn(polygon, place.grid, &window, |at| pixels[at].take(answer));
                Ok(())
            })?;
            sums.add(&pixels, &window, &area);
            if let Some(below) = &below {
                let base = below.map.read(window, below.values)?;
                let base_uses = below.uses.map(|uses| uses.read(window)).transpose()?;
                sums.add_disagreement(&pixels, base.data(), &window, &area);
                for (at, pixel) in pixels.iter_mut().enumerate().filter(|(_, pixel)| pixel.polygons == 0) {
                    pixel.answer[0] = base.data()[at];
                    pixel.answer[1] = base_uses.as_ref().map_or(LABEL_NODATA, |uses| uses.data()[at]);
                }
            }
            let rows = [Some(&mut cover), uses.as_mut(), vintages.as_mut()];
            for (raster, which) in rows.into_iter().zip(0..) {
                let Some(raster) = raster else { continue };
                let values: Vec<u8> = pixels.iter().map(|pixel: &Pixel| pixel.answer[which]).collect();
                raster.write_rows(window.row, &values)?;
            }
            stage.advance(window.pixels());
        }
        record.overlap_m2 = sums.overlap;
        record.overlap_of_classes_m2 = sums.overlap_of_classes;
        record.disagrees_m2 = below.is_some().then_some(sums.disagrees);
        let opened = |raster: StripWriter| -> Result<PublishedRaster> {
            Ok(PublishedRaster::open(&raster.finish()?.to_string_lossy())?)
        };
        let burnt = BurntLayer {
            uri: of.uri.clone(),
            raster: opened(cover)?,
            fingerprint: arpent_gdal::fingerprint_layer(&of.uri)?,
            uses: uses.map(opened).transpose()?,
            vintages: vintages.map(StripWriter::finish).transpose()?,
            read: serde_json::json!([
                record.layer,
                &of.uri[layer_file(&of.uri).len()..],
                of.columns.names(),
                meaning,
                below.map(|below| below.map.content()),
            ]),
            record,
        };
        stage.end(&redacted(&burnt.uri));
        let mut warnings = layer_warnings(of.word(), &burnt.uri, "polygons", index.counts());
        warnings.extend(burnt.warnings(of.word()));
        Ok((burnt, warnings))
    }
}

/// Areas of pixels with a remark, square meters. Rows are added from north to south, so that the blocks do not matter.
#[derive(Default)]
struct Sums {
    overlap: f64,
    overlap_of_classes: f64,
    disagrees: f64,
}

impl Sums {
    fn add(&mut self, pixels: &[Pixel], window: &Window, area: &PixelArea) {
        let is_double = |pixel: &&Pixel| pixel.polygons > 1;
        each_row(pixels, window, area, &mut |row, m2| {
            let double = row.iter().filter(is_double).count();
            let other = row.iter().filter(is_double).filter(|p| p.highest_class != p.answer[0]).count();
            self.overlap += exact(double) * m2;
            self.overlap_of_classes += exact(other) * m2;
        });
    }

    /// Pixels of a differential whose class at the other date is not that of the map below it.
    fn add_disagreement(&mut self, pixels: &[Pixel], below: &[u8], window: &Window, area: &PixelArea) {
        let mut below = below.chunks(window.width);
        each_row(pixels, window, area, &mut |row, m2| {
            let below = below.next().unwrap_or_default();
            let differs = |(pixel, class): &(&Pixel, &u8)| pixel.polygons > 0 && pixel.answer[3] != **class;
            self.disagrees += exact(row.iter().zip(below).filter(differs).count()) * m2;
        });
    }
}

/// Calls `each` with the pixels of every row and the ground area of one.
fn each_row(pixels: &[Pixel], window: &Window, area: &PixelArea, each: &mut dyn FnMut(&[Pixel], f64)) {
    for (row, pixels) in (window.row..).zip(pixels.chunks(window.width)) {
        each(pixels, area.of_row(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::{Cell, Column, ColumnKind, Language};
    use arpent_gdal::{LayerFormat, LayerGeometry, LayerOptions, LayerShape, LayerWriter, describe_crs};
    use std::sync::Arc;

    /// Rings of slanted polygons that overlap, with a cover and a use.
    const POLYGONS: [([[f64; 2]; 4], &str, &str); 5] = [
        ([[0.0, 0.0], [60.0, 3.0], [55.0, 58.0], [2.0, 61.0]], "CS2.2.1", "US1.1"),
        ([[10.3, 9.1], [33.0, 12.0], [31.0, 50.0], [12.0, 44.4]], "CS1.1.1.1", "US5"),
        ([[20.0, 20.0], [70.0, 25.0], [66.0, 40.0], [21.0, 37.7]], "CS1.1.1.1", "US2"),
        ([[5.0, 50.0], [50.0, 5.0], [52.0, 7.0], [7.0, 52.0]], "cs 1.2.2", "US6.3"),
        ([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]], "water?", "US6.3"),
    ];

    fn write(path: &Path, crs: &Crs, order: &[usize]) {
        let fields = ["code_cs", "code_us"].map(|name| Column::new(name, ColumnKind::Text));
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: "cover",
            shape: LayerShape::MultiPolygon,
            crs,
            fields: &fields,
            titles: Language::En,
            spatial_index: true,
            style_qml: None,
            description: "",
            timestamp: crate::map::TIMESTAMP,
        };
        let mut layer = LayerWriter::create(path, &options).unwrap();
        for at in order {
            let (points, cover, usage) = POLYGONS[*at];
            let mut ring: Vec<[f64; 2]> =
                points.iter().map(|[x, y]| [700_000.0 + x, 6_600_000.0 + y]).collect();
            ring.push(ring[0]);
            let wkb = LayerGeometry::Polygons(vec![vec![ring]]).to_wkb().unwrap();
            layer.write(&wkb, &[Cell::Text(cover), Cell::Text(usage)]).unwrap();
        }
        layer.finish().unwrap();
    }

    /// Classes, uses and record of a window.
    fn burnt(uri: &str, grid: &Grid, window: Window, rows: usize) -> (Vec<u8>, Vec<u8>, CoverRecord) {
        let folder = tempfile::tempdir().unwrap();
        let (date, classes) = (DateInputs::default(), ocs_ge::covers());
        let layer = CoverLayer::open(uri, &date, false).unwrap();
        let indexed = layer.index(&grid.crs, None, (&date, &classes), folder.path()).unwrap();
        let place = Place { grid, window, pixels_at_a_time: rows * window.width };
        let (burnt, _) = indexed.burn(&place, &classes, None, folder.path()).unwrap();
        let read = |raster: &PublishedRaster| raster.read(window).unwrap().data().to_vec();
        (read(&burnt.raster), read(burnt.uses.as_ref().unwrap()), burnt.record)
    }

    #[test]
    fn a_pixel_has_one_class_whatever_the_window_the_rows_and_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let crs = describe_crs("EPSG:2154").unwrap();
        let uri = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        write(&folder.path().join("a.gpkg"), &crs, &[0, 1, 2, 3, 4]);
        write(&folder.path().join("b.gpkg"), &crs, &[4, 3, 2, 1, 0]);
        let grid = Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: 0.5, gsd_y: 0.5 };
        let window = grid.window_of([699_990.0, 6_599_990.0, 700_080.0, 6_600_070.0]);
        let (classes, uses, record) = burnt(&uri("a.gpkg"), &grid, window, 1_000);
        for rows in [1, 7, 64] {
            let (c, u, r) = burnt(&uri("b.gpkg"), &grid, window, rows);
            assert_eq!((&c, &u), (&classes, &uses), "{rows} rows");
            for (sum, expected) in
                [(r.overlap_m2, record.overlap_m2), (r.overlap_of_classes_m2, record.overlap_of_classes_m2)]
            {
                assert!((sum - expected).abs() < 1e-9 && expected > 0.0, "{rows} rows: {sum}");
            }
        }
        // Two polygons of buildings overlap: the lower use counts, at once with the class.
        let at = |x: f64, y: f64| {
            let (col, row) = grid.pixel(700_000.0 + x, 6_600_000.0 + y);
            let place = |value: f64, first: i64| {
                usize::try_from(arpent_base::number::floor::<i64>(value) - first).unwrap()
            };
            place(row, window.row) * window.width + place(col, window.col)
        };
        let code = |of: u8| ocs_ge::uses().by_id(of).map(|class| class.name.clone());
        assert_eq!((classes[at(25.2, 30.2)], code(uses[at(25.2, 30.2)]).as_deref()), (0, Some("US2")));
        assert_eq!((classes[at(15.2, 30.2)], code(uses[at(15.2, 30.2)]).as_deref()), (0, Some("US5")));
        assert_eq!(classes[at(48.2, 9.2)], 5, "water below meadow in the list of codes");
        assert_eq!(classes[at(3.2, 3.2)], 12, "a value that is no class does not hide a class");
        assert_eq!((record.unknown.polygons, record.unknown.listed()), (1, "`water?` (1)".into()));
        // A part has the pixels of the whole.
        let part = Window { col: window.col + 31, row: window.row + 17, width: 77, height: 90 };
        let (c, u, _) = burnt(&uri("a.gpkg"), &grid, part, 5);
        let cut = |all: &[u8]| -> Vec<u8> {
            (17..107).flat_map(|row| all[row * window.width + 31..][..77].to_vec()).collect()
        };
        assert_eq!((c, u), (cut(&classes), cut(&uses)));
    }
}
