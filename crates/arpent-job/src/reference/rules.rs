//! A layer, and what it is to the map.

use std::collections::BTreeMap;

use arpent_gdal::{LayerShapes, LayerSource, LineWidth};
use arpent_raster::Crs;
use arpent_vector::Column;

use crate::config::LayerOptions;

/// A layer and what it is to the map.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) layer: LayerOptions,
    /// Fields read: the id, the field of classes and that of widths if there are such, then those taken over.
    pub(super) fields: Vec<String>,
    pub(super) kind: Kind,
    /// Classes whose features it is about.
    pub(super) of: [bool; 256],
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Impose {
        class: Classes,
        width: Option<LineWidth>,
        ossature: bool,
        min_share: f64,
    },
    Inform {
        min_share: f64,
    },
    Compare {
        class: Classes,
    },
    /// The greatest distance in units of the CRS, and meters of a unit.
    Snap {
        max_distance: f64,
        metres_per_unit: f64,
    },
}

/// The class of objects.
#[derive(Debug)]
pub(super) enum Classes {
    One(u8),
    /// By the text of the field after the id.
    ByValue(BTreeMap<String, u8>),
}

impl Rule {
    /// How the layer is read.
    pub(super) fn source<'a>(&'a self, fields: &'a [&'a str], crs: &'a Crs) -> LayerSource<'a> {
        LayerSource {
            uri: &self.layer.source,
            layer: self.layer.name.as_deref(),
            encoding: self.layer.encoding.as_deref(),
            shapes: match self.kind {
                Kind::Impose { width: Some(_), .. } => LayerShapes::Any,
                Kind::Snap { .. } => LayerShapes::Lines,
                Kind::Impose { .. } | Kind::Inform { .. } | Kind::Compare { .. } => LayerShapes::Areas,
            },
            fields,
            crs,
            within: None,
            invalid: self.layer.invalid,
        }
    }

    /// The classes of its objects, where they have any.
    pub(super) const fn classes(&self) -> Option<&Classes> {
        match &self.kind {
            Kind::Impose { class, .. } | Kind::Compare { class } => Some(class),
            Kind::Inform { .. } | Kind::Snap { .. } => None,
        }
    }

    /// Where in the configuration it is.
    pub(super) fn key(&self) -> String {
        format!("reference.{} `{}`", self.word(), self.name)
    }

    /// What it is, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            Kind::Impose { .. } => "impose",
            Kind::Inform { .. } => "inform",
            Kind::Compare { .. } => "compare",
            Kind::Snap { .. } => "snap",
        }
    }
}

impl Classes {
    /// Every class that an object may have.
    pub(super) fn all(&self) -> [bool; 256] {
        let mut all = [false; 256];
        match self {
            Self::One(id) => all[usize::from(*id)] = true,
            Self::ByValue(values) => values.values().for_each(|id| all[usize::from(*id)] = true),
        }
        all
    }
}
