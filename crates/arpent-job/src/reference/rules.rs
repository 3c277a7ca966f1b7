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
    pub(super) kind: RuleKind,
    /// Classes of the features that it applies to.
    pub(super) of: [bool; 256],
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) enum RuleKind {
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

/// The class of reference features.
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
                RuleKind::Override { width: Some(_), .. } => LayerShapes::Any,
                RuleKind::Snap { .. } => LayerShapes::Lines,
                RuleKind::Override { .. } | RuleKind::Enrich { .. } | RuleKind::Compare { .. } => {
                    LayerShapes::Areas
                }
            },
            fields,
            crs,
            within: None,
            invalid: self.layer.invalid,
            only: None,
        }
    }

    /// The classes of its reference features, if any.
    pub(super) const fn classes(&self) -> Option<&Classes> {
        match &self.kind {
            RuleKind::Override { class, .. } | RuleKind::Compare { class } => Some(class),
            RuleKind::Enrich { .. } | RuleKind::Snap { .. } => None,
        }
    }

    /// Name of the kind.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            RuleKind::Override { .. } => "override",
            RuleKind::Enrich { .. } => "enrich",
            RuleKind::Compare { .. } => "compare",
            RuleKind::Snap { .. } => "snap",
        }
    }
}

impl Classes {
    /// Every class that a reference feature may have.
    pub(super) fn all(&self) -> [bool; 256] {
        let mut all = [false; 256];
        match self {
            Self::One(id) => all[usize::from(*id)] = true,
            Self::ByValue(values) => values.values().for_each(|id| all[usize::from(*id)] = true),
        }
        all
    }
}
