//! A reference layer and its rule.

use std::collections::BTreeMap;

use arpent_base::Column;
use arpent_base::config::Key;
use arpent_gdal::{LayerShapes, LayerSource, LineWidth};
use arpent_raster::Crs;

use crate::config::LayerOptions;

/// A reference layer and its rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// Key of the configuration.
    pub(super) key: Key,
    pub(super) name: String,
    pub(super) layer: LayerOptions,
    /// Fields read: the id, the field of classes and that of widths if there are any, then the copied ones.
    pub(super) fields: Vec<String>,
    pub(super) kind: Kind,
    /// Classes of the features that it applies to.
    pub(super) of: [bool; 256],
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Override {
        class: Classes,
        width: Option<LineWidth>,
        ossature: bool,
        min_share: f64,
    },
    Enrich {
        min_share: f64,
    },
    Compare {
        class: Classes,
    },
    /// The greatest distance in units of the CRS, and meters of a unit.
    Snap {
        max_distance: f64,
        meters_per_unit: f64,
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
                Kind::Override { width: Some(_), .. } => LayerShapes::Any,
                Kind::Snap { .. } => LayerShapes::Lines,
                Kind::Override { .. } | Kind::Enrich { .. } | Kind::Compare { .. } => LayerShapes::Areas,
            },
            fields,
            crs,
            within: None,
            invalid: self.layer.invalid,
        }
    }

    /// The classes of its objects, if any.
    pub(super) const fn classes(&self) -> Option<&Classes> {
        match &self.kind {
            Kind::Override { class, .. } | Kind::Compare { class } => Some(class),
            Kind::Enrich { .. } | Kind::Snap { .. } => None,
        }
    }

    /// Name of the kind.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            Kind::Override { .. } => "override",
            Kind::Enrich { .. } => "enrich",
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
