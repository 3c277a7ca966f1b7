//! `index.html` of an output: the facts of its manifest and files, for `arpent-viewer`.

use std::path::Path;

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Language, Result, table_schema};
use arpent_gdal::Transformer;
use arpent_publish::{
    Decided, Manifest, ROLE_EVENTS, ROLE_FEATURES, ROLE_IMAGERY, ROLE_METADATA, ROLE_VIEWER, StagedArtifact,
};
use arpent_raster::Class;
use arpent_review::Verdict;
use arpent_viewer::{
    ClassFact, Date, Facts, File, Imagery, Kind, KindFact, Lattice, Model, PAGE_NAME, Pictures, Rules, Scene,
    StateFact, Texts, UndecidedFact, Unscored, Warning, Zones, page,
};
use serde::Deserialize;
use serde_json::Value;

use super::imagery::date_of;
use super::output::{Output, ZoneTable};
use crate::report::{shown, state_color, state_title, states};

/// Nodes on each side of the lattice of places: a map of 100 km is then off by less than 1 m.
const NODES: usize = 17;

/// What the manifest of a comparison has for the page.
#[derive(Debug, Deserialize)]
struct ChangeFacts {
    dates: [String; 2],
    rules: Rules,
    #[serde(default)]
    chips: Vec<Pictures>,
}

/// Writes the page of an output with these files to a folder.
///
/// # Errors
/// When places of the output cannot be transformed to WGS 84, or the file cannot be written.
pub(super) fn write(output: &Output<'_>, staged: &[StagedArtifact], folder: &Path) -> Result<StagedArtifact> {
    let path = folder.join(PAGE_NAME);
    std::fs::write(&path, page(&Facted { output, staged }.facts()?)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(StagedArtifact::new(&path, ROLE_VIEWER)?)
}

/// An output and its files, without the page.
struct Facted<'a> {
    output: &'a Output<'a>,
    staged: &'a [StagedArtifact],
}

impl Facted<'_> {
    fn facts(&self) -> Result<Facts> {
        let (output, manifest) = (self.output, self.output.manifest);
        let change = manifest.counts.change.as_ref().map(ChangeFacts::deserialize).transpose()?;
        let [before, after] = match &change {
            Some(change) => change.dates.clone().map(Some),
            None => acquired(manifest),
        };
        let model = &manifest.model;
        let model = Model {
            id: model.id.clone(),
            version: model.version.clone(),
            sha256: model.sha256.clone(),
            license: model.license.clone(),
        };
        let scenes = manifest.inputs.iter().map(|input| Scene {
            id: input.id.clone(),
            acquired: input.acquired.clone(),
            date: match input.date.as_deref() {
                Some("before") => Some(Date::Before),
                Some("after") => Some(Date::After),
                _ => None,
            },
        });
        let (extent, places) = self.places()?;
        // The STAC item has the size of the windows: equal maps have equal pages, however they were computed.
        let files = self.staged.iter().filter(|artifact| artifact.role != ROLE_METADATA);
        let version = manifest.software.get("arpent").map_or("", String::as_str);
        Ok(Facts {
            kind: output.kind,
            language: output.language,
            title: output.about.title.clone(),
            run_id: manifest.run_id.clone(),
            software: format!("arpent {version}"),
            model: (!model.id.is_empty()).then_some(model),
            before,
            after,
            scenes: scenes.collect(),
            warnings: manifest.warnings.iter().map(warning).collect(),
            attribution: output.about.attribution.clone(),
            license: output.about.license.clone(),
            classes: self.output.classes.classes().iter().map(|class| self.class(class)).collect(),
            kinds: if change.is_some() { kinds(manifest) } else { Vec::new() },
            states: manifest.counts.decided.as_ref().map(states_of).unwrap_or_default(),
            unscored: unscored(manifest),
            columns: fields(manifest.columns.as_ref()),
            features: manifest.counts.zones.as_ref().map_or(manifest.counts.features, |zones| zones.zones),
            tiles: self.features_in(".pmtiles"),
            table: self.features_in(".parquet"),
            imagery: self.imagery(),
            zones: self.zones(),
            zone_map: output.zone_map.clone(),
            rules: change.as_ref().map(|change| change.rules),
            pictures: change.map(|change| change.chips).unwrap_or_default(),
            files: files.map(file).collect(),
            extent,
            places,
        })
    }

    /// A class; of a map, it is in the legend where its features were asked for.
    fn class(&self, class: &Class) -> ClassFact {
        let counted = self.output.manifest.counts.features_per_class.get(&class.name).copied();
        let features = counted.filter(|_| self.output.kind == Kind::Map);
        let name =
            Texts { en: class.name.clone(), fr: class.name_fr.as_ref().unwrap_or(&class.name).clone() };
        let legend = match self.output.kind {
            Kind::Map => features.is_some(),
            Kind::Change => class.features,
            Kind::Zonal => false,
        };
        ClassFact { id: class.id, name, code: class.code.clone(), color: class.color, features, legend }
    }

    /// The file of the features, or of the events, with this ending.
    fn features_in(&self, ending: &str) -> Option<File> {
        let is_of_features = |artifact: &&StagedArtifact| {
            matches!(&*artifact.role, ROLE_FEATURES | ROLE_EVENTS) && artifact.name.ends_with(ending)
        };
        self.staged.iter().find(is_of_features).map(file)
    }

    /// The pictures of scenes.
    fn imagery(&self) -> Vec<Imagery> {
        let pictures = self.staged.iter().filter(|artifact| artifact.role == ROLE_IMAGERY);
        pictures.map(|artifact| Imagery { file: file(artifact), date: date_of(&artifact.name) }).collect()
    }

    fn zones(&self) -> Vec<Zones> {
        let table = |table: &ZoneTable| {
            let artifact = self.staged.iter().find(|artifact| artifact.name == table.file)?;
            let [en, fr] = table.title.map(str::to_owned);
            let columns = fields(Some(&table_schema(&table.columns)));
            Some(Zones { file: file(artifact), title: Texts { en, fr }, columns })
        };
        self.output.zones.iter().filter_map(table).collect()
    }

    /// The extent in degrees, and the lattice of places. Across the antimeridian degrees go on beyond 180.
    fn places(&self) -> Result<([f64; 4], Lattice)> {
        let transformer = Transformer::new(&self.output.grid.crs)?;
        let bbox = self.output.grid.bbox(&self.output.window);
        let [west, south, mut east, north] = transformer.bbox(bbox)?;
        if east < west {
            east += 360.0;
        }
        let along = |from: f64, to: f64, node: usize| from + (to - from) * exact(node) / exact(NODES - 1);
        let mut points = Vec::new();
        for row in 0..NODES {
            for column in 0..NODES {
                let (x, y) = (along(bbox[0], bbox[2], column), along(bbox[1], bbox[3], row));
                let (longitude, latitude) = transformer.point(x, y)?;
                let goes_on = east > 180.0 && longitude < west - 180.0;
                points.push([if goes_on { longitude + 360.0 } else { longitude }, latitude]);
            }
        }
        Ok(([west, south, east, north], Lattice { bbox, columns: NODES, rows: NODES, points }))
    }
}

/// The title of a comparison: both dates, years where they are whole ones.
pub(crate) fn title_of_dates(dates: &[String; 2]) -> String {
    let short = |date: &String| {
        let ends = date
            .split_once('/')
            .and_then(|(from, to)| Some((from.strip_suffix("-01-01")?, to.strip_suffix("-12-31")?)));
        ends.filter(|(from, to)| from == to).map_or_else(|| date.clone(), |(year, _)| year.to_owned())
    };
    dates.each_ref().map(short).join(" → ")
}

fn warning(warning: &arpent_publish::Warning) -> Warning {
    let arpent_publish::Warning { code, subject, message, hint } = shown(warning);
    Warning { code, subject, message, hint }
}

pub(super) fn file(artifact: &StagedArtifact) -> File {
    File {
        href: artifact.name.clone(),
        role: artifact.role.clone(),
        media_type: artifact.media_type.clone(),
        size: artifact.digest.size,
    }
}

/// The earliest and the latest date of the scenes; the latter only if it is another.
fn acquired(manifest: &Manifest) -> [Option<String>; 2] {
    let dates = || manifest.inputs.iter().filter_map(|input| input.acquired.as_ref());
    let (first, last) = (dates().min().cloned(), dates().max().cloned());
    let last = last.filter(|last| Some(last) != first.as_ref());
    [first, last]
}

/// The states of the features of the decided layer: invalidated ones are in another file.
fn states_of(decided: &Decided) -> Vec<StateFact> {
    let fact = |name: &'static str| {
        let [en, fr] = [Language::En, Language::Fr].map(|language| state_title(name, language).to_owned());
        let features = *decided.states.get(name)?;
        Some(StateFact { name: name.to_owned(), title: Texts { en, fr }, color: state_color(name), features })
    };
    states().filter(|name| *name != Verdict::Invalidated.name()).filter_map(fact).collect()
}

/// Why features may have no score.
fn unscored(manifest: &Manifest) -> Unscored {
    let undecided = manifest.counts.undecided.as_ref();
    Unscored {
        overrides: manifest.counts.overrides(),
        ranges: manifest.package.as_ref().is_some_and(|package| package["task"] == "regression"),
        undecided: undecided.map(|of| UndecidedFact { class: of.class.clone(), max_risk: of.max_risk }),
    }
}

fn kinds(manifest: &Manifest) -> Vec<KindFact> {
    let counts = manifest.counts.features_per_class.iter();
    counts.map(|(name, features)| KindFact { name: name.clone(), features: *features }).collect()
}

/// The fields of a Table Schema.
pub(super) fn fields(schema: Option<&Value>) -> Vec<Value> {
    schema.and_then(|schema| schema["fields"].as_array()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::title_of_dates;

    #[test]
    fn a_title_has_years_where_dates_are_whole_years() {
        let dates = ["2019-01-01/2019-12-31".to_owned(), "2022-07-01/2022-12-31".to_owned()];
        assert_eq!(title_of_dates(&dates), "2019 → 2022-07-01/2022-12-31");
    }
}
