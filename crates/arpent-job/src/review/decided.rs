//! What persons decided about features, as a version of the map has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arpent_base::{Column, ColumnKind, Result, Value};
use arpent_gdal::Transformer;
use arpent_publish::{OUTSIDE_TERRITORY, OUTSIDE_TRAINING};
use arpent_raster::{Class, Color, Grid, Nomenclature};
use arpent_review::{Earlier, FeatureState, Geometry, Log, ObjectId, Status, Verdict};
use arpent_vector::{Feature, polygons_m2};
use geo::orient::{Direction, Orient as _};
use geo_types::{LineString, MultiPolygon, Polygon};
use serde::Serialize;

use super::error::ReviewJobError;
use super::events::{self, EventColumns, EventTally};
use super::history_text::history_text;
use super::proposal::Proposal;
use super::store::OpenReview;
use crate::job::Territories;
use crate::report::{CONTESTED, DISPUTED};

/// What a decided map says of who decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewNames {
    /// Name, function and organization.
    Name,
    /// Function and organization.
    #[default]
    Function,
    /// Nothing.
    None,
}

impl ReviewNames {
    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Function => "function",
            Self::None => "none",
        }
    }
}

/// The values of the columns of [`columns`], in their order.
const COLUMNS: usize = 7;

/// The columns that a decided map has after those of the proposal.
pub fn columns() -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    vec![
        text("proposed_class")
            .titled("Class proposed", "Classe proposée")
            .described("Class that was proposed, or kind of an event, where a decision changed it."),
        text("outline")
            .titled("Outline", "Contour")
            .described("`proposed`, or `decided` where a decision corrected it; the proposed one is in `superseded`.")
            .required(),
        text("verdicts")
            .titled("Verdicts", "Verdicts")
            .described("Verdicts at the newest decisions, separated by spaces: one if decided, several if disputed."),
        text("decided_by").titled("Decided by", "Décidé par").described(
            "Who decided, as the publication names persons: name, function and organization, the latter two, or nothing.",
        ),
        text("decided_at")
            .titled("Decided at", "Décidé le")
            .described("Time of the newest decision that counts, RFC 3339 in UTC."),
        text("decisions")
            .titled("Decisions", "Décisions")
            .described("Ids (SHA-256) of the decisions that count, and of contests without an answer, separated by spaces."),
        text("history").titled("Earlier decisions", "Décisions antérieures").described(
            "What was decided about the object in an earlier map, separated by `; `: it does not count here.",
        ),
    ]
}

/// The decisions of a review about one feature.
#[derive(Debug, Clone)]
struct Settled {
    state: &'static str,
    class: Option<String>,
    /// A decision with the corrected outline.
    outline: Option<ObjectId>,
    verdicts: String,
    by: Option<String>,
    at: Option<String>,
    decisions: String,
}

/// What the persons of a review decided, by feature. Memory grows with the decisions.
pub(super) struct Decisions {
    by_feature: HashMap<String, Settled>,
    history: BTreeMap<String, Vec<Earlier>>,
}

/// The state that a feature has in a decided map.
fn state_of(state: &FeatureState) -> &'static str {
    match state.status {
        Status::Open => Verdict::NotVerified.name(),
        Status::Disputed => DISPUTED,
        Status::Contested => CONTESTED,
        Status::Decided => state.verdict().unwrap_or(Verdict::NotVerified).name(),
    }
}

impl Decisions {
    /// Folds a log.
    pub(super) fn of(log: &mut Log, names: ReviewNames, history: BTreeMap<String, Vec<Earlier>>) -> Self {
        let mut by_feature = HashMap::new();
        for state in log.all_states() {
            let mut people = BTreeSet::new();
            let mut last = None;
            for id in &state.deciding {
                if let Some((person, time)) = log.author(id) {
                    match names {
                        ReviewNames::Name => {
                            people
                                .insert([&*person.name, &*person.function, &*person.organization].join(", "));
                        }
                        ReviewNames::Function => {
                            people.insert([&*person.function, &*person.organization].join(", "));
                        }
                        ReviewNames::None => {}
                    }
                    last = last.max(Some(time));
                }
            }
            // Only what is decided changes the map: a dispute or a contest leaves the proposal.
            let opinion = state.opinions.first().filter(|_| state.status == Status::Decided);
            let ids: BTreeSet<&ObjectId> = state.deciding.iter().chain(&state.contests).collect();
            let listed = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>();
            let verdicts: BTreeSet<&str> =
                state.opinions.iter().map(|opinion| opinion.verdict.name()).collect();
            let settled = Settled {
                state: state_of(&state),
                class: opinion.and_then(|opinion| opinion.class.clone()),
                outline: opinion.and_then(|o| o.geometry).and_then(|_| state.deciding.first().copied()),
                verdicts: verdicts.into_iter().collect::<Vec<_>>().join(" "),
                by: (!people.is_empty()).then(|| listed(&mut people.into_iter()).join("; ")),
                at: last.map(|time| time.to_string()),
                decisions: listed(&mut ids.into_iter().map(ToString::to_string)).join(" "),
            };
            by_feature.insert(state.feature, settled);
        }
        Self { by_feature, history }
    }

    /// Classes that decisions give and the map does not have, sorted. Kinds of events are no classes.
    fn new_classes(&self, classes: &Nomenclature, is_change: bool) -> BTreeSet<&str> {
        let is_kind = |name: &str| is_change && events::is_kind(name);
        let is_known = |name: &str| classes.classes().iter().any(|class| class.name == name);
        let is_new = |name: &&str| !is_known(name) && !is_kind(name);
        self.by_feature.values().filter_map(|settled| settled.class.as_deref()).filter(is_new).collect()
    }

    /// The classes of the map and those that decisions give beside, with the next free numbers.
    pub(super) fn classes(
        &self,
        of_map: &Nomenclature,
        is_change: bool,
    ) -> Result<(Nomenclature, Vec<String>)> {
        let new = self.new_classes(of_map, is_change);
        let mut classes = of_map.classes().to_vec();
        let used: BTreeSet<u8> = classes.iter().map(|class| class.id).collect();
        let mut free = (1..u8::MAX).filter(|id| !used.contains(id));
        for name in &new {
            let id =
                free.next().ok_or_else(|| ReviewJobError::TooManyClasses { class: (*name).to_owned() })?;
            let color = Color([160; 3]);
            let name = (*name).to_owned();
            classes.push(Class { id, name, name_fr: None, code: None, color, features: true });
        }
        Ok((Nomenclature::new(classes)?, new.into_iter().map(str::to_owned).collect()))
    }
}

/// Numbers of a decided map.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) states: BTreeMap<String, u64>,
    pub(super) classes_corrected: u64,
    pub(super) outlines_corrected: u64,
    pub(super) superseded: u64,
    /// Features whose corrected outline is a point or a line, which a layer of areas cannot hold.
    pub(super) not_areas: Vec<String>,
    /// Whether a feature has several parts.
    pub(super) has_parts: bool,
    /// Features of the decided layer that are mostly unlike the training of the model.
    pub(super) outside_training: u64,
    /// Those outside of all its territories.
    pub(super) outside_territory: u64,
    /// Of a comparison, the events of the decided layer.
    pub(super) events: EventTally,
}

/// A feature in a decided map.
pub(super) struct Versions {
    /// In the decided layer; none if it is invalidated.
    pub(super) decided: Option<Feature>,
    /// As it was proposed, if the decided layer has another version of it, or none.
    pub(super) superseded: Option<Feature>,
}

/// The class, or kind of an event, that was proposed first: that before the corrections of an earlier review, or of this one where
/// they are of another kind of value. None where a correction gives again what was proposed.
fn first_proposed(earlier: Option<Value>, now: Option<Value>, corrected: Option<&str>) -> Option<Value> {
    let is_kind = |value: &Value| events::is_kind(&value.to_string());
    match (earlier, now) {
        (Some(earlier), Some(now)) if is_kind(&earlier) == is_kind(&now) => {
            Some(earlier).filter(|earlier| corrected != Some(&*earlier.to_string()))
        }
        (earlier, now) => now.or(earlier),
    }
}

/// Makes a decided map of the features of a proposal.
pub(super) struct Decider<'a> {
    pub(super) review: &'a OpenReview,
    pub(super) decisions: Decisions,
    pub(super) classes: Nomenclature,
    pub(super) grid: &'a Grid,
    back: Transformer,
    /// Of the model, where it has polygons.
    territories: Option<Territories<'a>>,
    /// Columns of the proposal that the decided map has, too, by their places.
    kept: Vec<usize>,
    /// Places in the proposal of the columns of an earlier decided version.
    earlier: [Option<usize>; COLUMNS],
    /// Places among the kept columns of what is known of the place of a feature: of its share unlike the training, and of the
    /// territories.
    outside: [Option<usize>; 2],
    /// Places among the kept columns of what a decision about an event changes.
    events: Option<EventColumns>,
    pub(super) tally: Tally,
}

impl<'a> Decider<'a> {
    pub(super) fn new(
        review: &'a OpenReview,
        (decisions, classes): (Decisions, Nomenclature),
        proposal: &'a Proposal,
    ) -> Result<Self> {
        let (grid, of_proposal) = (&proposal.grid, &proposal.columns);
        let own: Vec<String> = columns().into_iter().map(|column| column.name).collect();
        let kept: Vec<usize> =
            (0..of_proposal.len()).filter(|at| !own.contains(&of_proposal[*at].name)).collect();
        let outside = [OUTSIDE_TRAINING, OUTSIDE_TERRITORY]
            .map(|name| kept.iter().position(|at| of_proposal[*at].name == name));
        let mut earlier = [None; COLUMNS];
        for (place, name) in earlier.iter_mut().zip(&own) {
            *place = of_proposal.iter().position(|column| column.name == *name);
        }
        let back = Transformer::back(&grid.crs)?;
        let territories = Territories::of(&proposal.territories, &grid.crs)?;
        let names = || kept.iter().map(|at| of_proposal[*at].name.as_str());
        let events = proposal.is_change.then(|| EventColumns::of(&mut names())).flatten();
        let tally = Tally::default();
        Ok(Self {
            review,
            decisions,
            classes,
            grid,
            back,
            territories,
            kept,
            earlier,
            outside,
            events,
            tally,
        })
    }

    /// The columns of the decided map beside those of every map.
    pub(super) fn columns(&self, of_proposal: &[Column]) -> Vec<Column> {
        self.kept.iter().map(|at| of_proposal[*at].clone()).chain(columns()).collect()
    }

    /// Whether a feature is decided by this review, and not disputed, contested or withdrawn.
    pub(super) fn is_decided(&self, feature: &str) -> bool {
        let is_settled = |settled: &Settled| {
            Verdict::of_name(settled.state).is_some_and(|verdict| verdict.is_there().is_some())
        };
        self.decisions.by_feature.get(feature).is_some_and(is_settled)
    }

    /// The state and the decisions of a feature; empty without any.
    pub(super) fn state_and_decisions(&self, feature: &Feature) -> [&str; 2] {
        let found = self.decisions.by_feature.get(&feature.id);
        found.map_or(["", ""], |settled| [settled.state, &settled.decisions])
    }

    /// The versions of a feature; `state` is the one that it has in the proposal.
    pub(super) fn decide(&mut self, mut feature: Feature, state: &str) -> Result<Versions> {
        let value = |at: usize| feature.attributes.get(at).cloned().flatten();
        let mut kept: Vec<Option<Value>> = self.kept.iter().map(|at| value(*at)).collect();
        let text = |text: &str| Some(Value::Text(text.to_owned())).filter(|_| !text.is_empty());
        let mut own = self.earlier.map(|at| at.and_then(value));
        let history = self.decisions.history.get(&feature.id);
        let history =
            history.and_then(|earlier| text(&history_text(earlier))).or_else(|| own[COLUMNS - 1].take());
        let Some(settled) = self.decisions.by_feature.get(&feature.id).cloned() else {
            // What an earlier review decided stays.
            own[COLUMNS - 1] = history;
            own[1] = own[1].take().or_else(|| text("proposed"));
            kept.extend(own);
            kept.push(text(state));
            self.count(state, &feature);
            feature.attributes = kept;
            self.count_kept(&feature);
            return Ok(Versions { decided: Some(feature), superseded: None });
        };
        self.count(settled.state, &feature);
        // What an earlier review corrected stays corrected.
        let [earlier_class, earlier_outline] = [own[0].take(), own[1].take().or_else(|| text("proposed"))];
        let row =
            |mut attributes: Vec<Option<Value>>, proposed_class: Option<Value>, outline: Option<Value>| {
                attributes.extend([
                    proposed_class,
                    outline,
                    text(&settled.verdicts),
                    settled.by.as_deref().and_then(text),
                    settled.at.as_deref().and_then(text),
                    text(&settled.decisions),
                    history.clone(),
                    text(settled.state),
                ]);
                attributes
            };
        feature.attributes = row(kept.clone(), earlier_class.clone(), earlier_outline.clone());
        if settled.state == Verdict::Invalidated.name() {
            self.tally.superseded += 1;
            return Ok(Versions { decided: None, superseded: Some(feature) });
        }
        let mut decided = feature.clone();
        let proposed_class = self.correct_class(&settled, &mut decided, &mut kept);
        self.tally.classes_corrected += u64::from(proposed_class.is_some());
        let is_corrected = proposed_class.is_some();
        let proposed_class = first_proposed(earlier_class, proposed_class, settled.class.as_deref());
        let (mut outline, mut is_redrawn) = (earlier_outline, false);
        if let Some(polygons) = self.outline(&settled, &feature.id)? {
            decided.area_m2 = polygons_m2(&polygons.0, self.grid);
            decided.pixels_area_m2 = None;
            decided.polygons = polygons;
            self.tally.has_parts |= decided.polygons.0.len() > 1;
            self.tally.outlines_corrected += 1;
            (outline, is_redrawn) = (text("decided"), true);
        }
        let is_other = is_corrected || is_redrawn;
        decided.attributes = row(kept, proposed_class, outline);
        if is_redrawn {
            let [training, territory] = self.outside;
            // It is a share of the pixels inside of the proposed outline, whose blocks are not published.
            if let Some(at) = training {
                decided.attributes[at] = None;
            }
            if let Some(at) = territory {
                let outside = self.territories.as_ref().and_then(|of| of.is_outside(decided.bbox()));
                decided.attributes[at] = outside.map(Territories::value);
            }
        }
        self.count_kept(&decided);
        self.tally.superseded += u64::from(is_other);
        Ok(Versions { decided: Some(decided), superseded: is_other.then_some(feature) })
    }

    fn count(&mut self, state: &str, feature: &Feature) {
        *self.tally.states.entry(state.to_owned()).or_default() += 1;
        self.tally.has_parts |= feature.polygons.0.len() > 1;
    }

    /// Corrects the class of a feature, or the kind or the later class of an event. Returns what was proposed, if that is
    /// something else.
    fn correct_class(
        &self,
        settled: &Settled,
        feature: &mut Feature,
        attributes: &mut [Option<Value>],
    ) -> Option<Value> {
        let name = settled.class.as_deref()?;
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        if let Some(events) = &self.events
            && events::is_kind(name)
        {
            let proposed = attributes[events.kind].clone();
            attributes[events.kind] = text(name);
            return proposed.filter(|proposed| proposed.to_string() != name);
        }
        let class = self.classes.classes().iter().find(|class| class.name == name)?;
        if class.name == feature.class_name {
            return None;
        }
        let proposed = text(&feature.class_name);
        (feature.class_id, feature.class_name) = (class.id, class.name.clone());
        if let Some(events) = &self.events {
            attributes[events.to_class] = text(&class.name);
            attributes[events.to_code] = class.code.clone().map(Value::Text);
        }
        proposed
    }

    /// Counts what is known of a feature of the decided layer.
    fn count_kept(&mut self, feature: &Feature) {
        if let Some(events) = &self.events {
            self.tally.events.add(events, &feature.attributes);
        }
        let [training, territory] = self
            .outside
            .map(|at| at.and_then(|at| feature.attributes[at].as_ref()).and_then(Value::as_number));
        self.tally.outside_training += u64::from(training.is_some_and(|share| share > 0.5));
        self.tally.outside_territory += u64::from(territory.is_some_and(|outside| outside > 0.0));
    }

    /// The corrected outline of a feature in the CRS of the map.
    fn outline(&mut self, settled: &Settled, feature: &str) -> Result<Option<MultiPolygon<f64>>> {
        let Some(id) = settled.outline else { return Ok(None) };
        let polygons: Vec<Vec<Vec<[f64; 2]>>> = match self.review.decision(&id)?.statement.geometry {
            Some(Geometry::Polygon(rings)) => vec![rings],
            Some(Geometry::MultiPolygon(polygons)) => polygons,
            _ => {
                self.tally.not_areas.push(feature.to_owned());
                return Ok(None);
            }
        };
        let ring = |ring: &Vec<[f64; 2]>| -> Result<LineString<f64>> {
            let points = ring.iter().map(|[x, y]| Ok(self.back.point(*x, *y)?));
            Ok(points.collect::<Result<Vec<(f64, f64)>>>()?.into())
        };
        let polygon = |rings: &Vec<Vec<[f64; 2]>>| -> Result<Polygon<f64>> {
            let mut lines = rings.iter().map(ring).collect::<Result<Vec<_>>>()?.into_iter();
            let outer = lines.next().unwrap_or_else(|| LineString(Vec::new()));
            Ok(Polygon::new(outer, lines.collect()).orient(Direction::Default))
        };
        Ok(Some(MultiPolygon(polygons.iter().map(polygon).collect::<Result<Vec<_>>>()?)))
    }
}
