//! What QGIS shows of an output: styles of layers ([`LayerStyle`], [`classes_qml`], [`ramp_qml`]) and a [`Project`], from
//! typed facts.
//!
//! A style is QML: a file beside a layer that has its name, or a row of `layer_styles` in a GeoPackage. QGIS takes it when the
//! layer is opened. The documents are written for QGIS 3.22; later versions read them. Texts are untrusted: they become text of
//! XML, of HTML and of expressions, and nothing else. Equal facts give equal bytes.
//!
//! ```
//! use arpent_base::{Column, ColumnKind, Language};
//! use arpent_qgis::{Category, Drawn, LayerStyle};
//! use arpent_raster::Color;
//!
//! let columns = [Column::new("class_id", ColumnKind::Byte).titled("Class number", "Numéro de classe")];
//! let roofs = Category { key: 1.into(), label: "toits <plats>".to_owned(), color: Color([215, 48, 39]) };
//! let style = LayerStyle {
//!     columns: &columns,
//!     language: Language::Fr,
//!     drawn: Drawn::Categories { column: "class_id", categories: &[roofs], others: None, outline_mm: 0.3 },
//!     meanings: &[],
//!     tip: &["class_id"],
//! };
//! let qml = style.to_qml();
//! assert!(qml.contains("label=\"toits &lt;plats&gt;\"") && qml.contains("name=\"Numéro de classe\""));
//! ```

mod error;
mod expression;
mod form;
mod key;
mod project;
mod raster;
mod style;
mod tip;
mod words;
mod xml;

pub use error::QgisError;
pub use form::{Form, FormField, FormItem, FormTab, Widget};
pub use key::Key;
pub use project::{Content, Group, Project, ProjectLayer, Relation};
pub use raster::{Entry, Stop, classes_qml, picture_qml, ramp_qml};
pub use style::{Category, Drawn, LayerStyle, Meanings};
