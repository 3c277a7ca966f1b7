//! The layers of a map, open: asked for each row and each feature.

use arpent_base::{DoingWhat as _, Result};
use arpent_gdal::{Reference, ReferenceFeature, ReferenceIndex, Subject, Value};
use arpent_publish::ReferenceCounts;
use arpent_raster::{Grid, LABEL_NODATA, Nomenclature, Raster, Window};
use arpent_vector::{Attribute, Feature, nearest_on_line, representative_point, to_wkb};
use geo_types::LineString;

use super::matched;
use super::plan::Plan;
use super::rules::{Classes, Kind, Rule};
use super::together::Together;
use crate::config::ocs_ge::Origin;

/// The layers of a map, open, and what came of them.
#[derive(Debug)]
pub(crate) struct References<'a> {
    grid: &'a Grid,
    classes: &'a Nomenclature,
    layers: Vec<OpenLayer<'a>>,
    /// Areas that somebody drew as built up.
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
    /// Opens the layers of a plan that are indexed.
    ///
    /// # Errors
    /// That an index cannot be read.
    pub(crate) fn open(plan: &'a Plan, grid: &'a Grid, classes: &'a Nomenclature) -> Result<Self> {
        type Indexed<'a> = ((&'a Rule, &'a ReferenceIndex), &'a matched::Matched);
        let open = |((rule, index), matched): Indexed<'a>| -> Result<OpenLayer<'a>> {
            let read = index.counts();
            let counts = ReferenceCounts {
                name: rule.name.clone(),
                rule: rule.word().to_owned(),
                source: rule.layer.source.clone(),
                objects: read.read,
                repaired: read.repaired,
                empty: read.empty,
                parts_left_out: read.parts_left_out,
                ..matched.told(rule, classes)
            };
            Ok(OpenLayer { rule, reference: index.open()?, counts, agreement: [0; 2] })
        };
        let indexed = plan.rules.iter().zip(&plan.indexes).zip(&plan.matched);
        let layers = indexed.map(open).collect::<Result<_>>()?;
        let built_up = plan.built_up_index.as_ref().map(ReferenceIndex::open).transpose()?;
        Ok(Self { grid, classes, layers, built_up })
    }

    /// What came of each layer.
    pub(crate) fn counts(&self) -> Vec<ReferenceCounts> {
        let counts = |layer: &OpenLayer| {
            #[allow(clippy::cast_precision_loss, reason = "rounded to doubles")]
            let [agreement_m2, disagreement_m2] = layer.agreement.map(|sum| sum as f64 / 1e8);
            ReferenceCounts { agreement_m2, disagreement_m2, ..layer.counts.clone() }
        };
        self.layers.iter().map(counts).collect()
    }

    /// Whether any layer changes labels.
    pub(crate) fn imposes(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer.rule.kind, Kind::Impose { .. }))
    }

    /// Gives the pixels whose center lies in an imposed object its class. Where objects of one layer overlap, the lower class
    /// id stands.
    ///
    /// # Errors
    /// That an index cannot be read.
    pub(crate) fn impose(&mut self, labels: &mut Raster<u8>) -> Result<()> {
        let window = labels.window();
        for layer in &mut self.layers {
            let Kind::Impose { class, .. } = &layer.rule.kind else { continue };
            let mut imposed = vec![LABEL_NODATA; labels.data().len()];
            layer.reference.each_in(self.grid.bbox(&window), &mut |object| -> Result<()> {
                if let Some(id) = class.of(object) {
                    // 255, nodata, is above every class.
                    burn(object, self.grid, &window, |pixel| imposed[pixel] = id.min(imposed[pixel]));
                }
                Ok(())
            })?;
            for (label, class) in labels.data_mut().iter_mut().zip(&imposed) {
                if *class == LABEL_NODATA || *label == LABEL_NODATA {
                    continue;
                }
                layer.counts.pixels_covered += 1;
                if *label != *class {
                    *label = *class;
                    layer.counts.pixels_imposed += 1;
                }
            }
        }
        Ok(())
    }

    /// Which pixels of a window somebody drew as built up, row by row; none if nobody did.
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

    /// Adds the columns of every layer to a feature; tells where it is from, if the imposed objects of a layer are the most of it.
    ///
    /// # Errors
    /// That an index cannot be read, or that GEOS fails.
    pub(crate) fn fill(&mut self, feature: &mut Feature) -> Result<Option<Origin>> {
        let (mut origin, mut subject) = (None::<(f64, Origin)>, None);
        for layer in &mut self.layers {
            let told = if layer.rule.of[usize::from(feature.class_id)] {
                if subject.is_none() && !matches!(layer.rule.kind, Kind::Snap { .. }) {
                    subject = Some(Subject::new(&to_wkb(&feature.polygon))?);
                }
                layer.told_of(feature, subject.as_ref(), self.classes)?
            } else {
                None
            };
            layer.counts.features_told += u64::from(told.is_some());
            if let (Kind::Impose { ossature, .. }, Some([id, Attribute::Real(share), ..])) =
                (&layer.rule.kind, told.as_deref())
            {
                // The layer that is the most of it; of equals the later one, which cuts the others.
                if origin.as_ref().is_none_or(|(most, _)| share >= most) {
                    let (source, id) = (layer.rule.name.clone(), id.clone());
                    origin = Some((*share, Origin { source, id, ossature: *ossature }));
                }
            }
            let nothing = || vec![Attribute::Null; layer.rule.columns.len()];
            feature.attributes.extend(told.unwrap_or_else(nothing));
        }
        Ok(origin.map(|(_, origin)| origin))
    }
}

/// Gives the numbers of the pixels of a window whose centers lie in an object, row by row, to `each`.
fn burn(object: &ReferenceFeature, grid: &Grid, window: &Window, mut each: impl FnMut(usize)) {
    let Some(area) = object.pixels(grid) else { return };
    let Some(common) = area.window().intersect(window) else { return };
    let mask = area.mask(common);
    let offset = |at: i64, start: i64| usize::try_from(at - start).unwrap_or(0);
    let (top, left) = (offset(common.row, window.row), offset(common.col, window.col));
    for (row, inside) in mask.chunks(common.width).enumerate() {
        let start = (top + row) * window.width + left;
        inside.iter().enumerate().filter(|(_, inside)| **inside).for_each(|(col, _)| each(start + col));
    }
}

impl Classes {
    fn of(&self, object: &ReferenceFeature) -> Option<u8> {
        match self {
            Self::One(id) => Some(*id),
            Self::ByValue(values) => values.get(&object.values.get(1)?.as_ref()?.key()).copied(),
        }
    }
}

/// The object that is the most of a feature.
#[derive(Debug, Default)]
struct Most {
    share: f64,
    number: u64,
    values: Vec<Option<Value>>,
}

impl Most {
    /// Of equals, the one that comes first in its layer.
    fn take(&mut self, share: f64, object: &ReferenceFeature) {
        let order = share.total_cmp(&self.share).then(self.number.cmp(&object.number));
        if share > 0.0 && order.is_gt() {
            *self = Self { share, number: object.number, values: object.values.clone() };
        }
    }
}

impl OpenLayer<'_> {
    /// The values of the layer's columns for a feature, if there is something to tell.
    fn told_of(
        &mut self,
        feature: &Feature,
        subject: Option<&Subject>,
        classes: &Nomenclature,
    ) -> Result<Option<Vec<Attribute>>> {
        match (&self.rule.kind, subject) {
            (Kind::Snap { max_distance, metres_per_unit }, _) => {
                self.snapped(feature, *max_distance, *metres_per_unit)
            }
            (Kind::Impose { class, min_share, .. }, Some(subject)) => {
                let wanted = |object: &ReferenceFeature| class.of(object) == Some(feature.class_id);
                self.together(feature, subject, *min_share, &wanted)
            }
            (Kind::Inform { min_share }, Some(subject)) => self.most(feature, subject, *min_share),
            (Kind::Compare { class }, Some(subject)) => {
                let shares = self.shares(feature, subject, class)?;
                Ok(Some(self.compared(feature, &shares, classes)))
            }
            (_, None) => Ok(None),
        }
    }

    /// Share of a feature that lies in an object.
    fn share(&self, subject: &Subject, object: &ReferenceFeature) -> Result<f64> {
        let share = subject.share_in(object);
        share.with_context(|| {
            format!("{}: object {} of {}", self.rule.key(), object.number, self.rule.layer.source)
        })
    }

    /// What the imposed objects that a feature is made of are together: the first of them, the share of all, how many they are,
    /// and their ids.
    fn together(
        &self,
        feature: &Feature,
        subject: &Subject,
        min_share: f64,
        wanted: &dyn Fn(&ReferenceFeature) -> bool,
    ) -> Result<Option<Vec<Attribute>>> {
        let mut together = Together::default();
        self.reference.each_in(feature.bbox(), &mut |object| -> Result<()> {
            if wanted(object) {
                together.take(self.share(subject, object)?, object);
            }
            Ok(())
        })?;
        let Some(told) = together.told(min_share) else { return Ok(None) };
        let share = Attribute::Real(rounded(told.share));
        Ok(Some(vec![told.id.into(), share, Attribute::Integer(told.count), told.ids.into()]))
    }

    fn most(&self, feature: &Feature, subject: &Subject, min_share: f64) -> Result<Option<Vec<Attribute>>> {
        let mut most = Most::default();
        self.reference.each_in(feature.bbox(), &mut |object| -> Result<()> {
            most.take(self.share(subject, object)?, object);
            Ok(())
        })?;
        if most.values.is_empty() || most.share < min_share {
            return Ok(None);
        }
        let share = Attribute::Real(rounded(most.share));
        Ok(Some(self.told(&most.values, [share])))
    }

    /// The id, then `own`, then the fields taken over.
    fn told<const N: usize>(&self, values: &[Option<Value>], own: [Attribute; N]) -> Vec<Attribute> {
        let id = values.first().and_then(Option::as_ref).map(ToString::to_string);
        let taken = values.len().saturating_sub(self.rule.columns.len() - 1 - N);
        let taken = values[taken..].iter().map(|value| attribute(value.as_ref()));
        std::iter::once(id.into()).chain(own).chain(taken).collect()
    }

    /// Shares of a feature that lie in objects of each class. Added in the layer's order, so that sums are the same everywhere.
    fn shares(&self, feature: &Feature, subject: &Subject, class: &Classes) -> Result<Vec<(u8, f64)>> {
        let mut found = Vec::new();
        self.reference.each_in(feature.bbox(), &mut |object| -> Result<()> {
            if let Some(id) = class.of(object) {
                let share = self.share(subject, object)?;
                if share > 0.0 {
                    found.push((id, object.number, share));
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
    ) -> Vec<Attribute> {
        let sum = |same: bool| {
            let parts =
                shares.iter().filter(|(id, _)| (*id == feature.class_id) == same).map(|(_, share)| share);
            // Objects of the layer may overlap.
            rounded(parts.fold(0.0, |sum, share| sum + share).min(1.0))
        };
        let (agreement, disagreement) = (sum(true), sum(false));
        for (sum, share) in self.agreement.iter_mut().zip([agreement, disagreement]) {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "shares and areas, 0 or more"
            )]
            let [share, area] = [share, feature.area_m2].map(|value| (value * 1e4).round() as u128);
            *sum += share * area;
        }
        let most = shares.iter().fold(None::<(u8, f64)>, |most, share| {
            Some(most.filter(|most| most.1 >= share.1).unwrap_or(*share))
        });
        let class = most.and_then(|(id, _)| classes.by_id(id)).map(|class| class.name.clone());
        vec![class.into(), Attribute::Real(agreement), Attribute::Real(disagreement)]
    }

    fn snapped(
        &self,
        feature: &Feature,
        max_distance: f64,
        metres_per_unit: f64,
    ) -> Result<Option<Vec<Attribute>>> {
        let point = representative_point(&feature.polygon);
        let around =
            [point.x - max_distance, point.y - max_distance, point.x + max_distance, point.y + max_distance];
        let mut nearest = None::<(f64, u64, f64, Vec<Option<Value>>)>;
        self.reference.each_in(around, &mut |object| -> Result<()> {
            let lines: Vec<LineString<f64>> = object.lines().into_iter().map(LineString::from).collect();
            let Some(snap) = nearest_on_line(point, &lines) else { return Ok(()) };
            let is_nearer =
                nearest.as_ref().is_none_or(|known| (snap.distance, object.number) < (known.0, known.1));
            if snap.distance <= max_distance && is_nearer {
                nearest = Some((snap.distance, object.number, snap.measure, object.values.clone()));
            }
            Ok(())
        })?;
        let Some((distance, _, measure, values)) = nearest else { return Ok(None) };
        let meters = |units: f64| Attribute::Real(rounded(units * metres_per_unit));
        Ok(Some(self.told(&values, [meters(distance), meters(measure)])))
    }
}

fn attribute(value: Option<&Value>) -> Attribute {
    match value {
        None => Attribute::Null,
        Some(Value::Text(text)) => Attribute::Text(text.clone()),
        Some(Value::Integer(number)) => Attribute::Integer(*number),
        Some(Value::Real(number)) => Attribute::Real(*number),
    }
}

/// To 4 decimals, as scores are published.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
