//! Errors of this crate, with their messages.

use arpent_raster::Window;
use thiserror::Error;

use super::words::{detail, numbers};
use crate::uri::noun;

/// Why a local CRS is refused.
pub(crate) const LOCAL_CRS: &str = "it is local (engineering), without a place on Earth";

/// What signed bytes are as GDAL before 3.7 writes them into VRTs and warped files.
pub(crate) const LOST_SIGN: &str = "unsigned 8-bit (nodata is -128: the sign of bytes was lost)";

/// Errors of this crate. `message` has GDAL's own text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GdalError {
    /// A file or object does not exist.
    #[error("{path}: no such {}{}", noun(path), detail(message))]
    Missing {
        /// File or URL.
        path: String,
        /// The text of GDAL or of the store; may be empty.
        message: String,
    },
    /// The store did not answer as expected; whether the object exists is unknown.
    #[error("{path}: cannot be reached{}", detail(message))]
    Unreachable {
        /// URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The web server of a URL sends only whole files.
    #[error("{0}: the web server does not support range requests")]
    NoRanges(String),
    /// No supported raster format recognizes the file.
    #[error("{path}: not a raster that can be read{}", detail(message))]
    NotARaster {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The format is recognized, the header cannot be read.
    #[error("{path}: the header is corrupt or truncated{}", detail(message))]
    Corrupt {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The header declares more bytes than the file has.
    #[error("{path}: truncated: its blocks need {needed} bytes, the file has {size}")]
    Truncated {
        /// File.
        path: String,
        /// Bytes by the block index.
        needed: u64,
        /// Bytes of the file.
        size: u64,
    },
    /// A file of zero bytes.
    #[error("{path}: the file is empty (0 bytes)")]
    EmptyFile {
        /// File.
        path: String,
    },
    /// A raster without pixels.
    #[error("{path}: the raster has no pixels{}", detail(message))]
    ZeroSize {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// A raster without bands; often a container of subdatasets.
    #[error("{path}: no bands, expected at least one")]
    NoBands {
        /// File or URL.
        path: String,
        /// Names of its subdatasets.
        subdatasets: Vec<String>,
    },
    /// No coordinate reference system.
    #[error("{path}: no coordinate reference system, expected a projected or geographic one")]
    NoCrs {
        /// File or URL.
        path: String,
    },
    /// A coordinate reference system that a map cannot have.
    #[error("{path}: the coordinate reference system `{name}` cannot be used: {reason}")]
    UnusableCrs {
        /// File or URL, or the definition itself.
        path: String,
        /// Name of the system.
        name: String,
        /// Why.
        reason: String,
    },
    /// Rotated, sheared, or with columns that go westward.
    #[error("{path}: the geotransform {geotransform:?} is rotated or not north-up")]
    Rotated {
        /// File or URL.
        path: String,
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
    },
    /// A pixel size that is zero or not finite, or a position off the Earth.
    #[error("{path}: {problem}")]
    DegenerateGeotransform {
        /// File or URL.
        path: String,
        /// The problem of the geotransform.
        problem: arpent_raster::GridError,
    },
    /// No geotransform.
    #[error(
        "{path}: not georeferenced: it has no geotransform{}",
        if *has_gcps { ", only ground control points" } else { "" }
    )]
    NoGeotransform {
        /// File or URL.
        path: String,
        /// Whether the file has ground control points to warp by.
        has_gcps: bool,
    },
    /// Band values are indices into a color table.
    #[error("{path}: band {band} holds palette indices, expected measured values")]
    Palette {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
    },
    /// One bit per sample.
    #[error("{path}: band {band} has one bit per sample, expected at least 8")]
    OneBit {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
        /// Whether the two values are indices into a color table.
        has_colors: bool,
    },
    /// A sample type that networks do not take.
    #[error("{path}: band {band} holds {type_name} samples, which are not supported")]
    UnsupportedType {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
        /// GDAL's name of the type.
        type_name: String,
    },
    /// A folder, glob or list without a raster.
    #[error("{pattern}: no raster found")]
    NoMatch {
        /// The folder, glob or list.
        pattern: String,
    },
    /// A JSON document that is neither a STAC item nor an item collection.
    #[error("{path}: not a STAC item or item collection: {message}")]
    BadStac {
        /// File or URL.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A STAC item without exactly one suitable raster asset.
    #[error("{path}: item `{item}` has {} raster assets to choose from: {}", assets.len(), assets.join(", "))]
    StacAssets {
        /// File or URL.
        path: String,
        /// Item id.
        item: String,
        /// Keys of its raster assets.
        assets: Vec<String>,
    },
    /// A STAC asset whose address is not supported.
    #[error("{path}: item `{item}`, asset `{asset}`: the href `{href}` {reason}")]
    StacHref {
        /// File or URL of the item.
        path: String,
        /// Item id.
        item: String,
        /// Key of the asset.
        asset: String,
        /// The href.
        href: String,
        /// Why it is refused.
        reason: String,
    },
    /// A URL with a space: no request is sent for it.
    #[error("{path}: the URL contains a space")]
    BlankInUrl {
        /// URL.
        path: String,
    },
    /// A `.msk` file next to a raster that GDAL does not use as its mask.
    #[error("{path}: its mask file {file} cannot be used: {reason}")]
    UnusableMask {
        /// File or URL of the raster.
        path: String,
        /// The mask; only its name if it is remote.
        file: String,
        /// Why.
        reason: String,
        /// Bands of the raster.
        bands: usize,
        /// Columns and rows of the raster, if the size of the mask differs.
        size: Option<(usize, usize)>,
        /// `true` if it can become one mask for all bands, `false` if one mask per band; `None` if neither.
        of_all: Option<bool>,
    },
    /// A STAC item and its file declare different metadata.
    #[error("{path}: the STAC item and the file differ in {what}: {item} by the item, {file} by the file")]
    ItemDiffers {
        /// File or URL of the raster.
        path: String,
        /// What differs.
        what: String,
        /// The value of the item.
        item: String,
        /// The value of the file.
        file: String,
    },
    /// A STAC item and its file declare different nodata values.
    #[error(
        "{path}: the STAC item and the file differ in nodata of band {band}: {item} by the item, {file} by the file"
    )]
    ItemNodata {
        /// File or URL of the raster.
        path: String,
        /// Band, from 1.
        band: usize,
        /// The value of the item.
        item: f64,
        /// The value of the file.
        file: f64,
    },
    /// A band number that the scene does not have.
    #[error("{path}: no band {band}, the raster has {bands}")]
    NoSuchBand {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
        /// Number of bands of the raster.
        bands: usize,
    },
    /// A raster with an unexpected number of bands.
    #[error("{path}: the raster has {bands} bands, expected {expected}")]
    BandCount {
        /// File or URL.
        path: String,
        /// Number of bands wanted.
        expected: usize,
        /// Number of bands of the raster.
        bands: usize,
    },
    /// A value of a label raster that is not a class id.
    #[error(
        "{path}: the label at column {column}, row {row} is {value}, expected a whole number from 0 to 255"
    )]
    NotALabel {
        /// File or URL.
        path: String,
        /// The value.
        value: f64,
        /// Column, from 0.
        column: usize,
        /// Row, from 0.
        row: usize,
    },
    /// A size above its limit: refused before memory is allocated for it.
    #[error("{path}: {found} {what}, at most {most} are accepted")]
    TooLarge {
        /// File or URL.
        path: String,
        /// What is counted: pixels, bands, vertices, ...
        what: String,
        /// The number found or declared.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A file that names another file without permission to do so.
    #[error("{path}: it names `{reference}`, which {reason}")]
    Reference {
        /// File or URL.
        path: String,
        /// The file or address that it names.
        reference: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A VRT that names a missing file.
    #[error("{path}: it names `{source_name}`, which does not exist")]
    MissingSource {
        /// File or URL of the VRT.
        path: String,
        /// The file that it names.
        source_name: String,
    },
    /// A VRT that is refused.
    #[error("{path}: this VRT is refused: {message}")]
    BadVrt {
        /// File or URL.
        path: String,
        /// Why.
        message: String,
    },
    /// Pixels could not be read.
    #[error("{path}: cannot read bands {} of the window {window}{}", numbers(bands), detail(message))]
    ReadWindow {
        /// Id of the scene, for a caller that continues without it.
        scene_id: String,
        /// File or URL.
        path: String,
        /// Bands, from 1.
        bands: Vec<usize>,
        /// Window of the grid.
        window: Box<Window>,
        /// GDAL's words.
        message: String,
    },
    /// A definition that GDAL does not recognize as a coordinate reference system.
    #[error("`{definition}` is not a known coordinate reference system{}", detail(message))]
    BadCrs {
        /// The definition.
        definition: String,
        /// GDAL's words.
        message: String,
    },
    /// A coordinate could not be transformed.
    #[error("cannot transform ({x}, {y}) from {from} to {to}{}", detail(message))]
    Transform {
        /// CRS of the coordinate.
        from: String,
        /// CRS wanted.
        to: String,
        /// First coordinate.
        x: f64,
        /// Second coordinate.
        y: f64,
        /// GDAL's words.
        message: String,
    },
    /// A vector file could not be opened.
    #[error("{path}: not a vector file that can be read{}", detail(message))]
    NotAVector {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// An AOI without a polygon.
    #[error("{path}: no polygon found, the AOI must consist of polygons (it has {found})")]
    AoiNoPolygon {
        /// File or URL.
        path: String,
        /// What it has instead.
        found: String,
    },
    /// A vector file without a layer of that name.
    #[error("{path}: no layer `{layer}`")]
    NoSuchLayer {
        /// File or URL.
        path: String,
        /// Requested layer; empty if no name was given.
        layer: String,
        /// Names of the layers of the file.
        layers: Vec<String>,
    },
    /// A vector file with several suitable layers, none of which was named.
    #[error("{path}: it has {} layers, and none is named", layers.len())]
    SeveralLayers {
        /// File or URL.
        path: String,
        /// Names of the layers.
        layers: Vec<String>,
    },
    /// A vector file without a layer that has geometries.
    #[error("{path}: no layer with geometries (it has {})", if layers.is_empty() { "no table".into() } else { format!("the tables {}", layers.join(", ")) })]
    NoGeometry {
        /// File or URL.
        path: String,
        /// Names of its tables.
        layers: Vec<String>,
    },
    /// An unknown option after the name of a vector file.
    #[error("{path}: unknown option `{option}` after the file name")]
    LayerOption {
        /// The source as written.
        path: String,
        /// The option.
        option: String,
    },
    /// An unknown encoding.
    #[error("{path}: unknown encoding `{encoding}`")]
    LayerEncoding {
        /// File or URL.
        path: String,
        /// Its name as written.
        encoding: String,
    },
    /// Text of a field that is not valid in the declared encoding.
    #[error("{path}: field `{field}` of feature {feature} of layer `{layer}` is not valid {encoding} text")]
    FieldText {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// Field.
        field: String,
        /// Encoding used for reading.
        encoding: String,
    },
    /// Text in a geometry column that is not well-known text.
    #[error(
        "{path}: feature {feature} of layer `{layer}` has `{text}` in the column `{field}`, expected well-known text"
    )]
    GeometryText {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// Column.
        field: String,
        /// The beginning of the text.
        text: String,
    },
    /// A field name that is not valid in the declared encoding.
    #[error("{path}: the name of field `{field}` of layer `{layer}` is not valid {encoding} text")]
    FieldName {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Field, with undecodable bytes replaced.
        field: String,
        /// Encoding used for reading.
        encoding: String,
    },
    /// Coordinates outside the range of the declared CRS.
    #[error("{path}: feature {feature} of layer `{layer}` is at ({x}, {y}), which is not a {expected}")]
    FeaturePlace {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// First coordinate.
        x: f64,
        /// Second coordinate.
        y: f64,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A layer without a field of that name.
    #[error("{path}: layer `{layer}` has no field `{field}`")]
    NoSuchField {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Requested field.
        field: String,
        /// Names of the fields of the layer.
        fields: Vec<String>,
    },
    /// A layer without coordinate reference system.
    #[error("{path}: layer `{layer}` has no coordinate reference system")]
    LayerNoCrs {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
    },
    /// A feature with an unexpected geometry type.
    #[error("{path}: feature {feature} of layer `{layer}` is a {found}, expected {expected}")]
    FeatureKind {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// The geometry type found.
        found: String,
        /// The geometry type expected.
        expected: &'static str,
    },
    /// A line without a width.
    #[error("{path}: feature {feature} of layer `{layer}` is a line without a width above 0")]
    FeatureWidth {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
    },
    /// A feature whose geometry is not valid by OGC rules, if repair is off or failed.
    #[error("{path}: the geometry of feature {feature} of layer `{layer}` is not valid{}", detail(message))]
    FeatureInvalid {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// GEOS's text.
        message: String,
    },
    /// A feature with coordinates that cannot be transformed to the CRS wanted.
    #[error("{path}: feature {feature} of layer `{layer}` cannot be transformed to {to}{}", detail(message))]
    FeatureTransform {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// CRS wanted.
        to: String,
        /// GDAL's words.
        message: String,
    },
    /// An output could not be created.
    #[error("{path}: cannot be created{}", detail(message))]
    Create {
        /// File.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// Rows that are not whole or not in order.
    #[error(
        "{path}: rows must be whole and in order: expected row {expected} with {width} pixels per row, got row {got} with {values} values"
    )]
    RowOrder {
        /// File.
        path: String,
        /// The next row to be written.
        expected: i64,
        /// Row given.
        got: i64,
        /// Pixels per row.
        width: usize,
        /// Values given.
        values: usize,
    },
    /// An output could not be written or completed; the disk may be full.
    #[error("{path}: cannot be written{}", detail(message))]
    Write {
        /// File.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The number of values differs from the number of fields.
    #[error("{path}: the layer has {fields} fields, got {values} values")]
    FieldCount {
        /// File.
        path: String,
        /// Number of fields.
        fields: usize,
        /// Number of values.
        values: usize,
    },
    /// An input/output error.
    #[error("{path}: cannot {doing}: {source}")]
    Io {
        /// The operation.
        doing: &'static str,
        /// File.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// PROJ finds no database that it can use; GDAL's message.
    #[error("PROJ cannot use its database, proj.db{}", detail(.0))]
    NoProjDatabase(String),
    /// A failed GDAL call.
    #[error("cannot {doing}{}", detail(message))]
    Call {
        /// The operation.
        doing: &'static str,
        /// GDAL's words.
        message: String,
    },
}
