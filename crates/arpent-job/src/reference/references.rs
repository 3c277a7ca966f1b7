//! The open reference layers of a map, queried for each row and each feature.

use arpent_base::number::{approximate, offset, round, rounded};
use arpent_base::{DoingWhat as _, Result, Value};
use arpent_gdal::{Reference, ReferenceFeature, ReferenceIndex, Subject, value_key};
use arpent_publish::ReferenceCounts;
use arpent_raster::{Grid, LABEL_NODATA, Nomenclature, Raster, Window};
use arpent_vector::{Feature, nearest_on_line, representative_point};
use geo_types::LineString;

use super::layers::ReferenceLayers;
use super::matched;
use super::rules::{Classes, Rule, RuleKind};
use super::together::Together;
use crate::config::ocs_ge::Origin;

/// Decimals of shares and meters, as scores are published.
const DECIMALS: i32 = 4;

/// The open reference layers of a map, and their counts.
#[derive(Debug)]
pub(crate) struct References<'a> {
    grid: &'a Grid,
    classes: &'a Nomenclature,
    layers: Vec<OpenLayer<'a>>,
    /// Built-up areas.
    built_up: Option<Reference>,
}

#[derive(Debug)]
struct OpenLayer<'a> {
    rule: &'a Rule,
    reference: Reference,
    counts: ReferenceCounts,
    /// Agreement and disagreement, 1e-8 square meters: whole numbers, so that the order of features does not matter.
    agreement: [u128; 2],
}

impl<'a> References<'a> {
    /// Opens layers that are indexed.
    ///
    /// # Errors
    /// When an index cannot be read.
    pub(crate) fn open(
        references: &'a ReferenceLayers,
        grid: &'a Grid,
        classes: &'a Nomenclature,
    ) -> Result<Self> {
        type Indexed<'a> = ((&'a Rule, &'a ReferenceIndex), &'a matched::Matched);
        let open = |((rule, index), matched): Indexed<'a>| -> Result<OpenLayer<'a>> {
            let read = index.counts();
            let counts = ReferenceCounts {
                name: rule.name.clone(),
                rule: rule.word().to_owned(),
                source: rule.layer.source.clone(),
                features: read.read,
                repaired: read.repaired,
                empty: read.empty,
                parts_left_out: read.parts_left_out,
                ..matched.reference_counts(rule, classes)
            };
            Ok(OpenLayer { rule, reference: index.open()?, counts, agreement: [0; 2] })
        };
        let indexed = references.rules.iter().zip(&references.indexes).zip(&references.matched);
        let layers = indexed.map(open).collect::<Result<_>>()?;
        let built_up = references.built_up_index.as_ref().map(ReferenceIndex::open).transpose()?;
        Ok(Self { grid, classes, layers, built_up })
    }

    /// Counts of each layer.
    pub(crate) fn counts(&self) -> Vec<ReferenceCounts> {
        let counts = |layer: &OpenLayer| {
            let [agreement_m2, disagreement_m2] = layer.agreement.map(|sum| approximate(sum) / 1e8);
            ReferenceCounts { agreement_m2, disagreement_m2, ..layer.counts.clone() }
        };
        self.layers.iter().map(counts).collect()
    }

    /// Whether any layer changes labels.
    pub(crate) fn overrides(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer.rule.kind, RuleKind::Override { .. }))
    }

    /// Sets the class of pixels whose center lies in a reference feature that overrides. Where reference features of one layer overlap, the
    /// lower class id is used.
    ///
    /// # Errors
    /// That an index cannot be read.
    pub(crate) fn override_labels(&mut self, labels: &mut Raster<u8>) -> Result<()> {
        let window = labels.window();
        for layer in &mut self.layers {
            let RuleKind::Override { class, .. } = &layer.rule.kind else { continue };
            let mut overridden = vec![LABEL_NODATA; labels.data().len()];
            layer.reference.each_in(self.grid.bbox(&window), &mut |reference| -> Result<()> {
                if let Some(id) = class.of(reference) {
                    // 255, nodata, is above every class.
                    burn(reference, self.grid, &window, |pixel| {
                        overridden[pixel] = id.min(overridden[pixel]);
                    });
                }
                Ok(())
            })?;
            for (label, class) in labels.data_mut().iter_mut().zip(&overridden) {
                if *class == LABEL_NODATA || *label == LABEL_NODATA {
                    continue;
                }
                layer.counts.pixels_covered += 1;
                if *label != *class {
                    *label = *class;
                    layer.counts.pixels_overridden += 1;
                }
            }
        }
        Ok(())
    }

    /// Mask of built-up areas in a window, row by row; `None` if there are no areas.
    ///
    /// # Errors
    /// That the index cannot be read.
    pub(crate) fn built_up(&self, window: &Window) -> Result<Option<Vec<bool>>> {
        let Some(areas) = &self.built_up else { return Ok(None) };
        let mut mask = vec![false; window.width * window.height];
        areas.each_in(self.grid.bbox(window), &mut |area| -> Result<()> {
            burn(area, self.grid, window, |pixel| mask[pixel] = true);
            Ok(())
        })?;
        Ok(Some(mask))
    }

    /// Adds the columns of every layer to a feature; returns its origin if the reference features of an override layer cover most
    /// of it.
    ///
    /// # Errors
    /// When an index cannot be read, or GEOS fails.
    pub(crate) fn fill(&mut self, feature: &mut Feature) -> Result<Option<Origin>> {
        let (mut origin, mut subject) = (None::<(f64, Origin)>, None);
        for layer in &mut self.layers {
            let values = if layer.rule.of[usize::from(feature.class_id)] {
                if subject.is_none() && !matches!(layer.rule.kind, RuleKind::Snap { .. }) {
                    subject = Some(Subject::new(&feature.wkb())?);
                }
                layer.values_of(feature, subject.as_ref(), self.classes)?
            } else {
                None
            };
            layer.counts.features_matched += u64::from(values.is_some());
            if let (RuleKind::Override { ossature, .. }, Some([id, Some(Value::Real(share)), ..])) =
                (&layer.rule.kind, values.as_deref())
            {
                // The layer with the largest share; of equals the later one, which overrides the others.
                if origin.as_ref().is_none_or(|(most, _)| share >= most) {
                    let (source, id) = (layer.rule.name.clone(), id.clone());
                    origin = Some((*share, Origin { source, id, ossature: *ossature }));
                }
            }
            let nothing = || vec![None; layer.rule.columns.len()];
            feature.attributes.extend(values.unwrap_or_else(nothing));
        }
        Ok(origin.map(|(_, origin)| origin))
    }
}

/// Calls `each` with the numbers of the pixels of a window whose centers lie in a reference feature, row by row.
pub(crate) fn burn(reference: &ReferenceFeature, grid: &Grid, window: &Window, mut each: impl FnMut(usize)) {
    let Some(area) = reference.pixels(grid) else { return };
    let Some(common) = area.window().intersect(window) else { return };
    let mask = area.mask(common);
    let (top, left) = (offset(common.row - window.row), offset(common.col - window.col));
    for (row, inside) in mask.data().chunks(common.width).enumerate() {
        let start = (top + row) * window.width + left;
        inside.iter().enumerate().filter(|(_, inside)| **inside).for_each(|(col, _)| each(start + col));
    }
}

impl Classes {
    fn of(&self, reference: &ReferenceFeature) -> Option<u8> {
        match self {
            Self::One(id) => Some(*id),
            Self::ByValue(values) => values.get(&value_key(reference.values.get(1)?.as_ref()?)).copied(),
        }
    }
}

/// The reference feature with the largest share of a feature.
#[derive(Debug, Default)]
struct Most {
    share: f64,
    number: u64,
    values: Vec<Option<Value>>,
}

impl Most {
    /// Of equals, the one that comes first in its layer.
    fn take(&mut self, share: f64, reference: &ReferenceFeature) {
        let order = share.total_cmp(&self.share).then(self.number.cmp(&reference.number));
        if share > 0.0 && order.is_gt() {
            *self = Self { share, number: reference.number, values: reference.values.clone() };
        }
    }
}

impl OpenLayer<'_> {
    /// The values of the layer's columns for a feature, if a reference feature matches.
    fn values_of(
        &mut self,
        feature: &Feature,
        subject: Option<&Subject>,
        classes: &Nomenclature,
    ) -> Result<Option<Vec<Option<Value>>>> {
        match (&self.rule.kind, subject) {
            (RuleKind::Snap { max_distance, meters_per_unit }, _) => {
                self.snapped(feature, *max_distance, *meters_per_unit)
            }
            (RuleKind::Override { class, min_share, .. }, Some(subject)) => {
                let wanted = |reference: &ReferenceFeature| class.of(reference) == Some(feature.class_id);
                self.together(feature, subject, *min_share, &wanted)
            }
            (RuleKind::Enrich { min_share }, Some(subject)) => self.most(feature, subject, *min_share),
            (RuleKind::Compare { class }, Some(subject)) => {
                let shares = self.shares(feature, subject, class)?;
                Ok(Some(self.compared(feature, &shares, classes)))
            }
            (_, None) => Ok(None),
        }
    }

    /// Share of a feature that lies in a reference feature.
    fn share(&self, subject: &Subject, reference: &ReferenceFeature) -> Result<f64> {
        let share = subject.share_in(reference);
        share.with_context(|| {
            format!("{}: reference feature {} of {}", self.rule.key, reference.number, self.rule.layer.source)
        })
    }

    /// The reference features of an override of a feature: the first of them, the share of all, their number
    /// and their ids.
    fn together(
        &self,
        feature: &Feature,
        subject: &Subject,
        min_share: f64,
        wanted: &dyn Fn(&ReferenceFeature) -> bool,
    ) -> Result<Option<Vec<Option<Value>>>> {
        let mut together = Together::default();
        self.reference.each_in(feature.bbox(), &mut |reference| -> Result<()> {
            if wanted(reference) {
                together.take(self.share(subject, reference)?, reference);
            }
            Ok(())
        })?;
        let Some(summary) = together.summary(min_share) else { return Ok(None) };
        let share = Value::Real(rounded(summary.share, DECIMALS));
        Ok(Some(vec![
            summary.id.map(Value::Text),
            Some(share),
            Some(Value::Integer(summary.count)),
            summary.ids.map(Value::Text),
        ]))
    }

    fn most(
        &self,
        feature: &Feature,
        subject: &Subject,
        min_share: f64,
    ) -> Result<Option<Vec<Option<Value>>>> {
        let mut most = Most::default();
        self.reference.each_in(feature.bbox(), &mut |reference| -> Result<()> {
            most.take(self.share(subject, reference)?, reference);
            Ok(())
        })?;
        if most.values.is_empty() || most.share < min_share {
            return Ok(None);
        }
        let share = Value::Real(rounded(most.share, DECIMALS));
        Ok(Some(self.columns_with(&most.values, [share])))
    }

    /// The id, then `own`, then the copied fields.
    fn columns_with<const N: usize>(&self, values: &[Option<Value>], own: [Value; N]) -> Vec<Option<Value>> {
        let id = values.first().and_then(Option::as_ref).map(ToString::to_string);
        let taken = values.len().saturating_sub(self.rule.columns.len() - 1 - N);
        let taken = values[taken..].iter().cloned();
        std::iter::once(id.map(Value::Text)).chain(own.map(Some)).chain(taken).collect()
    }

    /// Shares of a feature that lie in reference features of each class. Added in the layer's order, so that sums are the same everywhere.
    fn shares(&self, feature: &Feature, subject: &Subject, class: &Classes) -> Result<Vec<(u8, f64)>> {
        let mut found = Vec::new();
        self.reference.each_in(feature.bbox(), &mut |reference| -> Result<()> {
            if let Some(id) = class.of(reference) {
                let share = self.share(subject, reference)?;
                if share > 0.0 {
                    found.push((id, reference.number, share));
                }
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|(id, number, _)| (*id, *number));
        let mut shares: Vec<(u8, f64)> = Vec::new();
        for (id, _, share) in found {
            match shares.last_mut().filter(|(last, _)| *last == id) {
                Some((_, sum)) => *sum += share,
                None => shares.push((id, share)),
            }
        }
        Ok(shares)
    }

    fn compared(
        &mut self,
        feature: &Feature,
        shares: &[(u8, f64)],
        classes: &Nomenclature,
    ) -> Vec<Option<Value>> {
        let sum = |same: bool| {
            let parts =
                shares.iter().filter(|(id, _)| (*id == feature.class_id) == same).map(|(_, share)| share);
            // Reference features of the layer may overlap.
            rounded(parts.fold(0.0, |sum, share| sum + share).min(1.0), DECIMALS)
        };
        let (agreement, disagreement) = (sum(true), sum(false));
        for (sum, share) in self.agreement.iter_mut().zip([agreement, disagreement]) {
            let [share, area] = [share, feature.area_m2].map(|value| round::<u128>(value * 1e4));
            *sum += share * area;
        }
        let most = shares.iter().fold(None::<(u8, f64)>, |most, share| {
            Some(most.filter(|most| most.1 >= share.1).unwrap_or(*share))
        });
        let class = most.and_then(|(id, _)| classes.by_id(id)).map(|class| class.name.clone());
        vec![class.map(Value::Text), Some(Value::Real(agreement)), Some(Value::Real(disagreement))]
    }

    fn snapped(
        &self,
        feature: &Feature,
        max_distance: f64,
        meters_per_unit: f64,
    ) -> Result<Option<Vec<Option<Value>>>> {
        let Some(polygon) = feature.polygons.0.first() else { return Ok(None) };
        let point = representative_point(polygon);
        let around =
            [point.x - max_distance, point.y - max_distance, point.x + max_distance, point.y + max_distance];
        let mut nearest = None::<(f64, u64, f64, Vec<Option<Value>>)>;
        self.reference.each_in(around, &mut |reference| -> Result<()> {
            let lines: Vec<LineString<f64>> = reference.lines().into_iter().map(LineString::from).collect();
            let Some(snap) = nearest_on_line(point, &lines) else { return Ok(()) };
            let is_nearer =
                nearest.as_ref().is_none_or(|known| (snap.distance, reference.number) < (known.0, known.1));
            if snap.distance <= max_distance && is_nearer {
                nearest = Some((snap.distance, reference.number, snap.measure, reference.values.clone()));
            }
            Ok(())
        })?;
        let Some((distance, _, measure, values)) = nearest else { return Ok(None) };
        let meters = |units: f64| Value::Real(rounded(units * meters_per_unit, DECIMALS));
        Ok(Some(self.columns_with(&values, [meters(distance), meters(measure)])))
    }
}
