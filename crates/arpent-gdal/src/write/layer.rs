//! Writes vector files with OGR, feature by feature: GeoPackage and FlatGeobuf.

use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column, ColumnKind, Language};
use arpent_raster::Crs;
use gdal::vector::{Feature, Geometry, LayerAccess, LayerOptions as OgrLayerOptions};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};
use gdal_sys::{OGRFieldType, OGRwkbGeometryType};

use super::file::{close, settle, text};
use super::settings::Settings;
use super::{flatgeobuf, qgis, titles};
use crate::ffi::{self, failure};
use crate::setup::quiet;
use crate::{GdalError, crs};

/// Name of the geometry column of a GeoPackage's layers.
const GEOMETRY: &str = "geom";

/// Features per transaction of a GeoPackage.
const TRANSACTION: u64 = 50_000;

/// A vector format written with GDAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerFormat {
    /// OGC GeoPackage with an R-tree, and a style of QGIS if given.
    GeoPackage,
    /// FlatGeobuf. Its index is in memory during writing; without an index, features stay in the order given.
    FlatGeobuf,
}

impl LayerFormat {
    /// A FlatGeobuf of more features is written without an index, which would be in memory.
    pub const MOST_INDEXED: u64 = 250_000;
}

/// Geometry type of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LayerShape {
    /// Polygons.
    #[default]
    Polygon,
    /// Multipolygons.
    MultiPolygon,
    /// Multilines.
    MultiLine,
    /// Any type.
    Any,
    /// No geometries: a table, which only a GeoPackage can hold (as an attributes table).
    None,
}

/// Options of a new layer.
#[derive(Debug, Clone, Copy)]
pub struct LayerOptions<'a> {
    /// Format of the file.
    pub format: LayerFormat,
    /// Name of the layer.
    pub name: &'a str,
    /// Geometry type.
    pub shape: LayerShape,
    /// CRS of the geometries; a table has none.
    pub crs: &'a Crs,
    /// Columns, in order.
    pub fields: &'a [Column],
    /// Language of the columns' titles, which a GeoPackage keeps as aliases.
    pub titles: Language,
    /// Whether to write a spatial index.
    pub spatial_index: bool,
    /// Style of QGIS (QML) to store in a GeoPackage as the layer's default style.
    pub style_qml: Option<&'a str>,
    /// What the layer is and under which terms it is published, for `gpkg_contents` of a GeoPackage; empty for nothing.
    pub description: &'a str,
    /// Time stamp in a GeoPackage, `2024-01-31T12:00:00.000Z`: the same time gives the same bytes.
    pub timestamp: &'a str,
}

/// Writes geometries of one type with attributes to a new file.
#[derive(Debug)]
pub struct LayerWriter {
    path: PathBuf,
    dataset: Dataset,
    format: LayerFormat,
    layer: String,
    /// Its number in the file.
    index: usize,
    shape: LayerShape,
    crs: Crs,
    fields: Vec<Column>,
    titles: Language,
    spatial_index: bool,
    timestamp: String,
    style_qml: Option<String>,
    written: u64,
    transaction: bool,
}

impl LayerWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// [`GdalError::Create`] when it cannot be created, also for a table that is no GeoPackage; [`GdalError::BadCrs`].
    pub fn create(path: &Path, options: &LayerOptions<'_>) -> Result<Self, GdalError> {
        quiet();
        let error = |e: gdal::errors::GdalError| GdalError::Create { path: text(path), message: failure(&e) };
        let _dated = Settings::new(options.timestamp);
        let driver = match options.format {
            LayerFormat::GeoPackage => "GPKG",
            LayerFormat::FlatGeobuf => "FlatGeobuf",
        };
        ffi::reset_error();
        let dataset = DriverManager::get_driver_by_name(driver)
            .and_then(|d| d.create_vector_only(path))
            .map_err(error)?;
        Self::begin(dataset, path, options)
    }

    /// Adds a layer to a GeoPackage that this writer completed before.
    ///
    /// # Errors
    /// [`GdalError::Create`] when it cannot be added; [`GdalError::BadCrs`].
    pub fn append(path: &Path, options: &LayerOptions<'_>) -> Result<Self, GdalError> {
        quiet();
        let error = |e: gdal::errors::GdalError| GdalError::Create { path: text(path), message: failure(&e) };
        let _dated = Settings::new(options.timestamp);
        ffi::reset_error();
        let opening = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_UPDATE | GdalOpenFlags::GDAL_OF_VECTOR,
            allowed_drivers: Some(&["GPKG"]),
            ..DatasetOptions::default()
        };
        let dataset = Dataset::open_ex(path, opening).map_err(error)?;
        Self::begin(dataset, path, options)
    }

    /// Creates the layer in a file.
    fn begin(mut dataset: Dataset, path: &Path, options: &LayerOptions<'_>) -> Result<Self, GdalError> {
        let error = |e: gdal::errors::GdalError| GdalError::Create { path: text(path), message: failure(&e) };
        let _dated = Settings::new(options.timestamp);
        let is_table = options.shape == LayerShape::None;
        let index = if options.spatial_index { "SPATIAL_INDEX=YES" } else { "SPATIAL_INDEX=NO" };
        let described = format!("DESCRIPTION={}", options.description);
        let mut layer_options = match (options.format, is_table) {
            (LayerFormat::GeoPackage, false) => vec!["GEOMETRY_NAME=geom", "FID=fid", index],
            (LayerFormat::GeoPackage, true) => vec!["FID=fid"],
            (LayerFormat::FlatGeobuf, false) => vec![index],
            (LayerFormat::FlatGeobuf, true) => {
                let message = "a FlatGeobuf has no tables without geometry".to_owned();
                return Err(GdalError::Create { path: text(path), message });
            }
        };
        if options.format == LayerFormat::GeoPackage && !options.description.is_empty() {
            layer_options.push(&described);
        }
        let srs = (!is_table).then(|| crs::spatial_ref_of(options.crs)).transpose()?;
        ffi::reset_error();
        let at = dataset.layer_count();
        let layer = dataset
            .create_layer(OgrLayerOptions {
                name: options.name,
                srs: srs.as_ref(),
                ty: ogr_shape(options.shape),
                options: Some(&layer_options),
            })
            .map_err(error)?;
        let fields: Vec<_> = options.fields.iter().map(|f| (f.name.as_str(), ogr_type(f.kind))).collect();
        layer.create_defn_fields(&fields).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            dataset,
            format: options.format,
            layer: options.name.to_owned(),
            index: at,
            shape: options.shape,
            crs: options.crs.clone(),
            fields: options.fields.to_vec(),
            titles: options.titles,
            spatial_index: options.spatial_index,
            timestamp: options.timestamp.to_owned(),
            style_qml: options.style_qml.map(str::to_owned),
            written: 0,
            transaction: false,
        })
    }

    /// Adds a feature: a geometry of the layer's type in well-known binary (empty for none), and one value per column.
    ///
    /// # Errors
    /// [`GdalError::FieldCount`] or [`GdalError::Write`].
    pub fn write(&mut self, wkb: &[u8], values: &[Cell<'_>]) -> Result<(), GdalError> {
        if values.len() != self.fields.len() {
            let path = text(&self.path);
            return Err(GdalError::FieldCount { path, fields: self.fields.len(), values: values.len() });
        }
        if self.format == LayerFormat::GeoPackage && self.written.is_multiple_of(TRANSACTION) {
            self.begin_transaction()?;
        }
        ffi::reset_error();
        add(&self.dataset, self.index, wkb, values)
            .map_err(|e| GdalError::Write { path: text(&self.path), message: failure(&e) })?;
        self.written += 1;
        Ok(())
    }

    fn begin_transaction(&mut self) -> Result<(), GdalError> {
        self.commit()?;
        ffi::start_transaction(&self.dataset).map_err(|message| self.error(message))?;
        self.transaction = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), GdalError> {
        let _dated = Settings::new(&self.timestamp);
        if self.transaction {
            self.transaction = false;
            ffi::commit_transaction(&self.dataset).map_err(|message| self.error(message))?;
        }
        Ok(())
    }

    /// Completes the file: last features, index, style.
    ///
    /// # Errors
    /// [`GdalError::Write`] when something could not be written.
    pub fn finish(mut self) -> Result<(), GdalError> {
        if self.format == LayerFormat::FlatGeobuf && !self.spatial_index && self.written == 0 {
            return self.finish_empty();
        }
        self.commit()?;
        let _dated = Settings::new(&self.timestamp);
        if self.format == LayerFormat::GeoPackage {
            ffi::reset_error();
            let titled = titles::store(&self.dataset, &self.layer, &self.fields, self.titles);
            let styled = titled.and_then(|()| match self.style_qml.take() {
                Some(qml) => {
                    let geometry = if self.shape == LayerShape::None { "" } else { GEOMETRY };
                    qgis::store_style(&mut self.dataset, (&self.layer, geometry), &qml, &self.timestamp)
                }
                None => Ok(()),
            });
            styled.map_err(|e| GdalError::Write { path: text(&self.path), message: failure(&e) })?;
        }
        close(self.dataset, &self.path)?;
        match self.format {
            LayerFormat::GeoPackage => settle(&self.path),
            LayerFormat::FlatGeobuf => flatgeobuf::check(&self.path, self.written, self.spatial_index),
        }
    }

    /// Without index and features, GDAL writes no byte of a FlatGeobuf; with an index it writes a file without
    /// features.
    fn finish_empty(self) -> Result<(), GdalError> {
        close(self.dataset, &self.path)?;
        std::fs::remove_file(&self.path).map_err(|source| GdalError::Io {
            doing: "replace",
            path: text(&self.path),
            source,
        })?;
        let options = LayerOptions {
            format: self.format,
            name: &self.layer,
            shape: self.shape,
            crs: &self.crs,
            fields: &self.fields,
            titles: self.titles,
            spatial_index: true,
            style_qml: None,
            description: "",
            timestamp: &self.timestamp,
        };
        Self::create(&self.path, &options)?.finish()
    }

    fn error(&self, message: String) -> GdalError {
        GdalError::Write { path: text(&self.path), message }
    }
}

fn ogr_shape(shape: LayerShape) -> OGRwkbGeometryType::Type {
    match shape {
        LayerShape::Polygon => OGRwkbGeometryType::wkbPolygon,
        LayerShape::MultiPolygon => OGRwkbGeometryType::wkbMultiPolygon,
        LayerShape::MultiLine => OGRwkbGeometryType::wkbMultiLineString,
        LayerShape::Any => OGRwkbGeometryType::wkbUnknown,
        LayerShape::None => OGRwkbGeometryType::wkbNone,
    }
}

fn ogr_type(kind: ColumnKind) -> OGRFieldType::Type {
    match kind {
        ColumnKind::Text => OGRFieldType::OFTString,
        ColumnKind::Byte | ColumnKind::Integer => OGRFieldType::OFTInteger64,
        ColumnKind::Real => OGRFieldType::OFTReal,
    }
}

fn add(dataset: &Dataset, index: usize, wkb: &[u8], values: &[Cell<'_>]) -> gdal::errors::Result<()> {
    let layer = dataset.layer(index)?;
    let mut feature = Feature::new(layer.defn())?;
    for (i, value) in values.iter().enumerate() {
        match value {
            Cell::Null => feature.set_field_null(i)?,
            Cell::Text(text) => feature.set_field_string(i, text)?,
            Cell::Integer(number) => feature.set_field_integer64(i, *number)?,
            Cell::Real(number) => feature.set_field_double(i, *number)?,
        }
    }
    if !wkb.is_empty() {
        feature.set_geometry(Geometry::from_wkb(wkb)?)?;
    }
    feature.create(&layer)
}
