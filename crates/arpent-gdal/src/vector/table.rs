//! One layer of a vector file, and its unprocessed features.

use arpent_base::{Column, ColumnKind, Value};
use gdal::spatial_ref::SpatialRef;
use gdal::vector::{Feature, Layer, LayerAccess, OGRFieldType, OGRwkbGeometryType, geometry_type_flatten};
use gdal::{Dataset, Metadata as _};
use gdal_sys::OGRwkbGeometryType as Kinds;

use super::decoder::Decoder;
use super::name::Place;
use super::open::{is_csv_geometry, open_vector};
use super::parquet::{self, ParquetTable};
use super::raw::Raw;
use super::source::{LayerShapes, LayerSource};
use super::time::Time;
use crate::ffi::{self, failure};
use crate::text::same_text;
use crate::uri::gdal_path;
use crate::{GdalError, crs};

/// Tables that QGIS adds to files with layers.
const OF_QGIS: [&str; 2] = ["layer_styles", "qgis_projects"];

/// An open layer.
pub(crate) struct Table {
    /// File or URL.
    pub(crate) uri: String,
    /// Name of the layer.
    pub(crate) name: String,
    /// CRS of its coordinates.
    pub(crate) srs: Option<SpatialRef>,
    /// All fields.
    fields: Vec<Column>,
    /// For each field, its date or time type in GDAL, if any.
    times: Vec<Option<Time>>,
    decoder: Decoder,
    content: Content,
    /// The field with geometries as text, in formats that have one.
    geometry_text: Option<usize>,
}

enum Content {
    Gdal(Dataset, usize),
    Parquet(Box<ParquetTable>),
}

impl Table {
    /// Opens the layer that a source selects.
    ///
    /// # Errors
    /// [`GdalError::Missing`], [`GdalError::NotAVector`], [`GdalError::NoSuchLayer`], [`GdalError::SeveralLayers`],
    /// [`GdalError::NoGeometry`], [`GdalError::LayerOption`], [`GdalError::LayerEncoding`], [`GdalError::BadCrs`].
    pub(crate) fn open(source: &LayerSource<'_>) -> Result<Self, GdalError> {
        let place = Place::parse(source.uri)?;
        let wanted = source.layer.or(place.layer.as_deref());
        let given = source.encoding.or(place.encoding.as_deref());
        let mut table = if parquet::is_parquet(&place.uri) {
            Self::of_parquet(&place, wanted)?
        } else {
            Self::of_gdal(&place, wanted, given, source.shapes)?
        };
        if let Some(definition) = &place.crs {
            table.srs = Some(crs::spatial_ref(definition)?);
        }
        Ok(table)
    }

    fn of_parquet(place: &Place, wanted: Option<&str>) -> Result<Self, GdalError> {
        let table = ParquetTable::open(&place.uri)?;
        let name = crate::uri::stem(&place.uri).to_owned();
        if let Some(layer) = wanted.filter(|layer| same_text(layer) != same_text(&name)) {
            let (path, layer) = (place.uri.clone(), layer.to_owned());
            return Err(GdalError::NoSuchLayer { path, layer, layers: vec![name] });
        }
        let (srs, fields) = (table.srs()?, table.fields());
        let content = Content::Parquet(Box::new(table));
        // This reader formats dates itself.
        let (uri, times, decoder) = (place.uri.clone(), Vec::new(), Decoder::default());
        Ok(Self { uri, name, srs, fields, times, decoder, content, geometry_text: None })
    }

    fn of_gdal(
        place: &Place,
        wanted: Option<&str>,
        given: Option<&str>,
        shapes: LayerShapes,
    ) -> Result<Self, GdalError> {
        let dataset = open_vector(&place.uri)?;
        let index = choose(&place.uri, &dataset, wanted, shapes)?;
        let driver = dataset.driver().short_name();
        let raw = ["ESRI Shapefile", "CSV"].contains(&driver.as_str());
        let (name, srs, fields, times, decoder) = {
            let layer = layer(&dataset, index, &place.uri)?;
            // The language byte of the .dbf, and the .cpg, which takes precedence.
            let metadata = |key| layer.metadata_item(key, "SHAPEFILE").filter(|value| !value.is_empty());
            let declared = metadata("ENCODING_FROM_CPG")
                .or_else(|| metadata("CPG_VALUE"))
                .or_else(|| metadata("ENCODING_FROM_LDID"));
            let unknown = |encoding| GdalError::LayerEncoding { path: place.uri.clone(), encoding };
            let decoder = Decoder::new(given, declared.as_deref(), raw).map_err(unknown)?;
            let fields = fields(&layer, &decoder, &place.uri)?;
            let times = layer.defn().fields().map(|field| Time::of(field.field_type())).collect();
            (layer.name(), layer.spatial_ref(), fields, times, decoder)
        };
        let content = Content::Gdal(dataset, index);
        let is_geometry = |field: &Column| driver == "CSV" && is_csv_geometry(&field.name);
        let geometry_text = fields.iter().position(is_geometry);
        Ok(Self { uri: place.uri.clone(), name, srs, fields, times, decoder, content, geometry_text })
    }

    /// All fields.
    pub(crate) fn all_columns(&self) -> &[Column] {
        &self.fields
    }

    /// The requested fields, with their indices.
    ///
    /// # Errors
    /// [`GdalError::NoSuchField`].
    pub(crate) fn columns(&self, names: &[&str]) -> Result<Vec<(usize, ColumnKind)>, GdalError> {
        let column = |name: &&str| {
            let exact = self.fields.iter().position(|field| field.name == *name);
            let alike = || self.fields.iter().position(|field| same_text(&field.name) == same_text(name));
            let at = exact.or_else(alike).ok_or_else(|| GdalError::NoSuchField {
                path: self.uri.clone(),
                layer: self.name.clone(),
                field: (*name).to_owned(),
                fields: self.fields.iter().map(|field| field.name.clone()).collect(),
            })?;
            Ok((at, self.fields[at].kind))
        };
        names.iter().map(column).collect()
    }

    /// Passes every feature to `each`, one in memory at a time; with `only`, a field and its value, the format may leave out
    /// those with other values.
    ///
    /// # Errors
    /// Those of `each`; [`GdalError::NotAVector`] for a file that cannot be read to its end, [`GdalError::FieldText`]
    /// for text that cannot be decoded.
    pub(crate) fn each<E: From<GdalError>>(
        &self,
        columns: &[(usize, ColumnKind)],
        only: Option<(&str, &str)>,
        each: &mut dyn FnMut(Raw) -> Result<(), E>,
    ) -> Result<(), E> {
        let (dataset, index) = match &self.content {
            Content::Parquet(table) => return table.each(columns, each),
            Content::Gdal(dataset, index) => (dataset, *index),
        };
        let mut layer = layer(dataset, index, &self.uri)?;
        if let Some((field, value)) = only {
            let filter = format!("\"{}\" = '{}'", field.replace('"', "\"\""), value.replace('\'', "''"));
            let failed = |e| GdalError::NotAVector { path: self.uri.clone(), message: failure(&e) };
            layer.set_attribute_filter(&filter).map_err(failed)?;
        }
        ffi::reset_error();
        for (number, feature) in (1u64..).zip(layer.features()) {
            let there = ffi::has_geometry(&feature).then(|| feature.geometry().cloned()).flatten();
            if there.is_none() {
                self.check_geometry_text(&feature, number)?;
            }
            let values = columns.iter().map(|column| self.value(&feature, number, *column));
            let values = values.collect::<Result<_, _>>()?;
            each(Raw { number, geometry: there, values })?;
            // Validity tests and repairs leave warnings, and `each` may have called GDAL.
            ffi::reset_error();
        }
        // The iteration ends in the same way for a truncated file.
        let path = || self.uri.clone();
        ffi::last_failure()
            .map_or(Ok(()), |message| Err(GdalError::NotAVector { path: path(), message }.into()))
    }

    /// Refuses a feature whose geometry text GDAL cannot parse: it must not be dropped silently.
    fn check_geometry_text(&self, feature: &Feature<'_>, number: u64) -> Result<(), GdalError> {
        let Some(index) = self.geometry_text else { return Ok(()) };
        let text = match self.value(feature, number, (index, ColumnKind::Text))? {
            Some(Value::Text(text)) if !text.trim().is_empty() => text,
            _ => return Ok(()),
        };
        Err(GdalError::GeometryText {
            path: self.uri.clone(),
            layer: self.name.clone(),
            feature: number,
            field: self.fields[index].name.clone(),
            text: text.chars().take(40).collect(),
        })
    }

    fn value(
        &self,
        feature: &Feature<'_>,
        number: u64,
        (index, field_type): (usize, ColumnKind),
    ) -> Result<Option<Value>, GdalError> {
        if field_type != ColumnKind::Text || !ffi::has_value(feature, index) {
            return Ok(value_of(feature, index, field_type));
        }
        if let Some(time) = self.times.get(index).copied().flatten() {
            return Ok(ffi::field_moment(feature, index).map(|moment| Value::Text(time.text(&moment))));
        }
        let Some(bytes) = ffi::field_bytes(feature, index) else { return Ok(None) };
        let text = self.decoder.text(bytes).ok_or_else(|| GdalError::FieldText {
            path: self.uri.clone(),
            layer: self.name.clone(),
            feature: number,
            field: self.fields[index].name.clone(),
            encoding: self.decoder.name().to_owned(),
        })?;
        Ok(Some(Value::Text(text)))
    }
}

/// The value of a field, by its index from 0, in a file written by this crate.
pub(crate) fn value_of(feature: &Feature<'_>, index: usize, field_type: ColumnKind) -> Option<Value> {
    if !ffi::has_value(feature, index) {
        return None;
    }
    match field_type {
        ColumnKind::Text => feature.field_as_string(index).ok().flatten().map(Value::Text),
        ColumnKind::Byte | ColumnKind::Integer => {
            feature.field_as_integer64(index).ok().flatten().map(Value::Integer)
        }
        ColumnKind::Real => feature.field_as_double(index).ok().flatten().map(Value::Real),
    }
}

fn layer<'a>(dataset: &'a Dataset, index: usize, uri: &str) -> Result<Layer<'a>, GdalError> {
    dataset.layer(index).map_err(|e| GdalError::NotAVector { path: uri.to_owned(), message: failure(&e) })
}

fn fields(layer: &Layer<'_>, decoder: &Decoder, uri: &str) -> Result<Vec<Column>, GdalError> {
    let types: Vec<_> = layer.defn().fields().map(|field| field.field_type()).collect();
    let names = ffi::field_names(layer);
    let field = |(field_type, name): (OGRFieldType::Type, Vec<u8>)| {
        let field_type = match field_type {
            OGRFieldType::OFTInteger | OGRFieldType::OFTInteger64 => ColumnKind::Integer,
            OGRFieldType::OFTReal => ColumnKind::Real,
            _ => ColumnKind::Text,
        };
        let shown = String::from_utf8_lossy(&name).into_owned();
        let name = decoder.text(name).ok_or_else(|| GdalError::FieldName {
            path: uri.to_owned(),
            layer: layer.name(),
            field: shown,
            encoding: decoder.name().to_owned(),
        })?;
        Ok(Column::new(name, field_type))
    };
    types.into_iter().zip(names).map(field).collect()
}

/// The index of the selected layer: the one with that name, else the only one with geometries of the type needed.
fn choose(
    uri: &str,
    dataset: &Dataset,
    wanted: Option<&str>,
    shapes: LayerShapes,
) -> Result<usize, GdalError> {
    let all: Vec<(String, OGRwkbGeometryType::Type)> =
        dataset.layers().map(|layer| (layer.name(), layer.defn().geometry_type())).collect();
    if let Some(name) = wanted {
        let exact = all.iter().position(|(known, _)| known == name);
        let alike = || all.iter().position(|(known, _)| same_text(known) == same_text(name));
        return exact.or_else(alike).ok_or_else(|| GdalError::NoSuchLayer {
            path: uri.to_owned(),
            layer: name.to_owned(),
            layers: with_geometry(&all).map(|(_, name, _)| name.clone()).collect(),
        });
    }
    let there: Vec<_> = with_geometry(&all).collect();
    let fitting: Vec<_> = there.iter().filter(|(_, _, kind)| shapes.may_be(*kind)).collect();
    // If no layer fits, the only layer is used: the error is then about its features.
    let from: Vec<_> = if fitting.is_empty() { there.iter().collect() } else { fitting };
    match from.as_slice() {
        [] => Err(GdalError::NoGeometry {
            path: uri.to_owned(),
            layers: all.into_iter().map(|(name, _)| name).collect(),
        }),
        [(index, ..)] => Ok(*index),
        several => Err(GdalError::SeveralLayers {
            path: uri.to_owned(),
            layers: several.iter().map(|(_, name, _)| (*name).clone()).collect(),
        }),
    }
}

/// The layers with geometries, by index.
fn with_geometry(
    all: &[(String, OGRwkbGeometryType::Type)],
) -> impl Iterator<Item = (usize, &String, OGRwkbGeometryType::Type)> {
    let layers = all.iter().enumerate().map(|(i, (name, kind))| (i, name, *kind));
    layers.filter(|(_, name, kind)| *kind != Kinds::wkbNone && !OF_QGIS.contains(&name.as_str()))
}

impl LayerShapes {
    /// Whether a layer with a declared geometry type may have features of the type needed.
    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    fn may_be(self, kind: OGRwkbGeometryType::Type) -> bool {
        let flat = geometry_type_flatten(kind);
        let point = matches!(flat, Kinds::wkbPoint | Kinds::wkbMultiPoint);
        let line = matches!(
            flat,
            Kinds::wkbLineString
                | Kinds::wkbMultiLineString
                | Kinds::wkbCircularString
                | Kinds::wkbCompoundCurve
                | Kinds::wkbMultiCurve
                | Kinds::wkbCurve
        );
        let unknown = matches!(flat, Kinds::wkbUnknown | Kinds::wkbGeometryCollection);
        match self {
            Self::Any => !point,
            Self::Areas => !point && !line,
            Self::Lines => line || unknown,
        }
    }
}

/// The files of a vector data set that is a folder.
pub(crate) fn folder_files(uri: &str) -> Vec<String> {
    let path = gdal_path(uri);
    let Ok(entries) = std::fs::read_dir(&path) else { return Vec::new() };
    let mut files: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && path.extension().is_none_or(|e| e != "lock"))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    files.sort();
    files
}
