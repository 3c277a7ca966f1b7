//! What can go wrong around GDAL, in words.

use arpent_raster::Window;
use thiserror::Error;

use crate::uri::thing;

/// Why a local CRS is refused.
pub(crate) const LOCAL_CRS: &str = "it is local (engineering), without a place on Earth";

/// Everything that this crate refuses or fails at. GDAL's own words are kept in `message`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GdalError {
    /// A file or object is not there.
    #[error("{path}: no such {}{}", thing(path), said(message))]
    Missing {
        /// File or URL.
        path: String,
        /// GDAL's or the store's words; may be empty.
        message: String,
    },
    /// A remote object is there or not: the store did not answer as expected.
    #[error("{path}: cannot be reached{}", said(message))]
    Unreachable {
        /// URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// No supported raster format recognizes the file.
    #[error("{path}: not a raster that can be read{}", said(message))]
    NotARaster {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The format is recognized, the header cannot be read.
    #[error("{path}: the header is corrupt or truncated{}", said(message))]
    Corrupt {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// The header announces more bytes than the file has.
    #[error("{path}: truncated: its blocks need {needed} bytes, the file has {size}")]
    Truncated {
        /// File.
        path: String,
        /// Bytes that the block index announces.
        needed: u64,
        /// Bytes that are there.
        size: u64,
    },
    /// A file of zero bytes.
    #[error("{path}: the file is empty (0 bytes)")]
    EmptyFile {
        /// File.
        path: String,
    },
    /// A raster without pixels.
    #[error("{path}: the raster has no pixels{}", said(message))]
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
        /// Names of the subdatasets it holds.
        subdatasets: Vec<String>,
    },
    /// No coordinate reference system.
    #[error("{path}: no coordinate reference system, expected a projected or geographic one")]
    NoCrs {
        /// File or URL.
        path: String,
    },
    /// A coordinate reference system that maps cannot be made in.
    #[error("{path}: the coordinate reference system `{name}` cannot be used: {reason}")]
    UnusableCrs {
        /// File or URL, or the definition itself.
        path: String,
        /// Name of the system.
        name: String,
        /// Why.
        reason: String,
    },
    /// Rotated, sheared or south-up.
    #[error("{path}: the geotransform {geotransform:?} is rotated or not north-up")]
    Rotated {
        /// File or URL.
        path: String,
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
    },
    /// A pixel size of zero or not finite.
    #[error("{path}: the geotransform {geotransform:?} has a pixel size that is zero or not finite")]
    DegenerateGeotransform {
        /// File or URL.
        path: String,
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
    },
    /// No geotransform.
    #[error(
        "{path}: not georeferenced: it has no geotransform{}",
        if *has_gcps { ", only ground control points" } else { "" }
    )]
    NoGeotransform {
        /// File or URL.
        path: String,
        /// Whether ground control points are there to warp by.
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
    /// A sample type that networks are not fed with.
    #[error("{path}: band {band} holds {type_name} samples, which are not supported")]
    UnsupportedType {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
        /// GDAL's name of the type.
        type_name: String,
    },
    /// A folder, glob or list that names no raster.
    #[error("{pattern}: no raster found")]
    NoMatch {
        /// What was asked for.
        pattern: String,
    },
    /// A JSON document that is no STAC item or item collection.
    #[error("{path}: not a STAC item or item collection: {message}")]
    BadStac {
        /// File or URL.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A STAC item of which no single raster asset can be chosen.
    #[error("{path}: item `{item}` has {} raster assets to choose from: {}", assets.len(), assets.join(", "))]
    StacAssets {
        /// File or URL.
        path: String,
        /// Item id.
        item: String,
        /// Keys of its raster assets.
        assets: Vec<String>,
    },
    /// The address of a STAC item's asset is none that is read.
    #[error("{path}: item `{item}`, asset `{asset}`: the href `{href}` {reason}")]
    StacHref {
        /// File or URL of the item.
        path: String,
        /// Item id.
        item: String,
        /// Key of the asset.
        asset: String,
        /// What it says.
        href: String,
        /// Why it is refused.
        reason: String,
    },
    /// A URL with a blank, which no server is asked for.
    #[error("{path}: the URL holds a blank")]
    BlankInUrl {
        /// URL.
        path: String,
    },
    /// A `.msk` file beside a raster that masks nothing.
    #[error("{path}: the mask {file} beside it cannot be used: {reason}")]
    UnusableMask {
        /// File or URL of the raster.
        path: String,
        /// The mask; its name alone where it is remote.
        file: String,
        /// Why.
        reason: String,
        /// Bands of the raster.
        bands: usize,
        /// Columns and rows of the raster, where the mask has others.
        size: Option<(usize, usize)>,
        /// Whether it can become one mask for all bands, or one for each; nothing where it can be neither.
        of_all: Option<bool>,
    },
    /// A STAC item says of its file what the file itself does not.
    #[error("{path}: the STAC item and the file differ in {what}: {item} by the item, {file} by the file")]
    ItemDiffers {
        /// File or URL of the raster.
        path: String,
        /// What differs.
        what: String,
        /// What the item says.
        item: String,
        /// What the file says.
        file: String,
    },
    /// A STAC item says another nodata value than its file.
    #[error(
        "{path}: the STAC item and the file differ in nodata of band {band}: {item} by the item, {file} by the file"
    )]
    ItemNodata {
        /// File or URL of the raster.
        path: String,
        /// Band, from 1.
        band: usize,
        /// What the item says.
        item: f64,
        /// What the file says.
        file: f64,
    },
    /// A band number that the scene does not have.
    #[error("{path}: band {band} was asked for, the raster has {bands}")]
    NoSuchBand {
        /// File or URL.
        path: String,
        /// Band, from 1.
        band: usize,
        /// Number of bands there are.
        bands: usize,
    },
    /// Another number of bands than can be used.
    #[error("{path}: the raster has {bands} bands, expected {expected}")]
    BandCount {
        /// File or URL.
        path: String,
        /// Number of bands wanted.
        expected: usize,
        /// Number of bands there are.
        bands: usize,
    },
    /// A value of a label raster that is no class id.
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
    /// More than is accepted: refused before memory is spent on it.
    #[error("{path}: {found} {what}, at most {most} are accepted")]
    TooLarge {
        /// File or URL.
        path: String,
        /// What there is too much of.
        what: String,
        /// How much there is, or is declared.
        found: u64,
        /// How much is accepted.
        most: u64,
    },
    /// A file that names another one, which it must not.
    #[error("{path}: it names `{reference}`, which {reason}")]
    Reference {
        /// File or URL.
        path: String,
        /// What it names.
        reference: String,
        /// Why that is refused.
        reason: &'static str,
    },
    /// A VRT that names a file which is not there.
    #[error("{path}: it names `{source_name}`, which is not there")]
    MissingSource {
        /// File or URL of the VRT.
        path: String,
        /// The file that it names.
        source_name: String,
    },
    /// A VRT that is refused.
    #[error("{path}: this VRT is not opened: {message}")]
    BadVrt {
        /// File or URL.
        path: String,
        /// Why.
        message: String,
    },
    /// Pixels could not be read.
    #[error("{path}: cannot read bands {bands:?} of the window {window}{}", said(message))]
    ReadWindow {
        /// Id of the scene, for a caller that goes on without it.
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
    /// A coordinate reference system could not be understood.
    #[error("the coordinate reference system `{definition}` cannot be understood{}", said(message))]
    BadCrs {
        /// What was given.
        definition: String,
        /// GDAL's words.
        message: String,
    },
    /// A coordinate could not be transformed.
    #[error("cannot transform ({x}, {y}) from {from} to {to}{}", said(message))]
    Transform {
        /// CRS it is in.
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
    #[error("{path}: not a vector file that can be read{}", said(message))]
    NotAVector {
        /// File or URL.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// An AOI without a polygon.
    #[error("{path}: no polygon found, the AOI must be made of polygons (it holds {found})")]
    AoiNoPolygon {
        /// File or URL.
        path: String,
        /// What it holds instead.
        found: String,
    },
    /// A vector file without a layer of that name.
    #[error("{path}: no layer `{layer}`")]
    NoSuchLayer {
        /// File or URL.
        path: String,
        /// Layer asked for; empty where any would have done.
        layer: String,
        /// Names of the layers there are.
        layers: Vec<String>,
    },
    /// A vector file with several layers of which any might be meant.
    #[error("{path}: it has {} layers, and none is named", layers.len())]
    SeveralLayers {
        /// File or URL.
        path: String,
        /// Names of the layers.
        layers: Vec<String>,
    },
    /// A vector file without a layer that has geometries.
    #[error("{path}: no layer with geometries (it has {})", if layers.is_empty() { "none at all".into() } else { format!("the tables {}", layers.join(", ")) })]
    NoGeometry {
        /// File or URL.
        path: String,
        /// Names of its tables.
        layers: Vec<String>,
    },
    /// Something after the name of a vector file that is not known.
    #[error("{path}: `{option}` after the name of the file is not known")]
    LayerOption {
        /// The source as it was written.
        path: String,
        /// What is not known.
        option: String,
    },
    /// An encoding that is not known.
    #[error("{path}: the encoding `{encoding}` is not known")]
    LayerEncoding {
        /// File or URL.
        path: String,
        /// Its name as it was written.
        encoding: String,
    },
    /// Text of a field that is not in the encoding that it is said to be in.
    #[error("{path}: field `{field}` of feature {feature} of layer `{layer}` is no text in {encoding}")]
    FieldText {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// Field.
        field: String,
        /// Encoding by which it was read.
        encoding: String,
    },
    /// Text in a column of geometries that is none.
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
        /// How the text begins.
        text: String,
    },
    /// The name of a field that is not in the encoding that it is said to be in.
    #[error("{path}: the name of field `{field}` of layer `{layer}` is no text in {encoding}")]
    FieldName {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Field, as far as it can be shown.
        field: String,
        /// Encoding by which it was read.
        encoding: String,
    },
    /// Coordinates that are no place in the CRS that they are said to be in.
    #[error("{path}: feature {feature} of layer `{layer}` is at ({x}, {y}), which is no {expected}")]
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
        /// What they should be.
        expected: &'static str,
    },
    /// A layer without a field of that name.
    #[error("{path}: layer `{layer}` has no field `{field}`")]
    NoSuchField {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Field asked for.
        field: String,
        /// Names of the fields there are.
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
    /// A feature that is of another kind than wanted.
    #[error("{path}: feature {feature} of layer `{layer}` is a {found}, expected {expected}")]
    FeatureKind {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// What it is.
        found: String,
        /// What is wanted.
        expected: &'static str,
    },
    /// A line whose width nobody knows.
    #[error("{path}: feature {feature} of layer `{layer}` is a line without a width above 0")]
    FeatureWidth {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
    },
    /// A feature whose geometry is not valid by OGC rules and was not to be repaired, or could not be.
    #[error("{path}: the geometry of feature {feature} of layer `{layer}` is not valid{}", said(message))]
    FeatureInvalid {
        /// File or URL.
        path: String,
        /// Layer.
        layer: String,
        /// Feature number in the layer, from 1.
        feature: u64,
        /// GEOS's words.
        message: String,
    },
    /// A feature with coordinates that have no place in the CRS wanted.
    #[error("{path}: feature {feature} of layer `{layer}` cannot be transformed to {to}{}", said(message))]
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
    #[error("{path}: cannot be created{}", said(message))]
    Create {
        /// File.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// Rows were handed over in another order or size than the writer takes.
    #[error(
        "{path}: rows must come in order and whole: expected row {expected} with {width} pixels per row, got row {got} with {values} values"
    )]
    RowOrder {
        /// File.
        path: String,
        /// Row that comes next.
        expected: i64,
        /// Row given.
        got: i64,
        /// Pixels per row.
        width: usize,
        /// Values given.
        values: usize,
    },
    /// An output could not be written or completed; the disk may be full.
    #[error("{path}: cannot be written{}", said(message))]
    Write {
        /// File.
        path: String,
        /// GDAL's words.
        message: String,
    },
    /// A value does not fit the column it is given for.
    #[error("{path}: the layer has {fields} fields, got {values} values")]
    FieldCount {
        /// File.
        path: String,
        /// Number of fields.
        fields: usize,
        /// Number of values.
        values: usize,
    },
    /// An ordinary input/output error.
    #[error("{path}: cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// File.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A GDAL option or call that should not fail did.
    #[error("cannot {doing}{}", said(message))]
    Call {
        /// What was being done.
        doing: &'static str,
        /// GDAL's words.
        message: String,
    },
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}
