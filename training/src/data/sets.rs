//! Opened data sets, with classes and bands mapped to those of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arpent_base::{Result, listed_of};
use arpent_datasets::{
    Card, Dataset, Declared, IGNORE, LayoutConfig, Remark, SceneReader, Split, SplitItem, Truth,
};
use arpent_model::ModelPackage;
use arpent_raster::{Chip, Scaling, Window};

use super::ObjectBox;
use crate::config::{Config, SetEntry, TaskKind, nearest};
use crate::error::TrainError;

/// Scenes that a report shows, at most.
const SCENES: usize = 4;

/// An item: the set's position among the sets, and the item's in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemId {
    pub(crate) set: usize,
    pub(crate) item: usize,
}

/// The truth of an item, classes by their position in the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ItemTruth {
    /// A class or [`IGNORE`] for every pixel.
    Labels(Vec<u8>),
    /// All objects.
    Boxes(Vec<ObjectBox>),
}

/// An item, read: bands of all its dates one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) chip: Chip,
    pub(crate) truth: ItemTruth,
    /// The objects that labels were made of, those of no class of the model ([`IGNORE`]) too.
    pub(crate) objects: Vec<ObjectBox>,
}

/// A set with its mapping to the model.
#[derive(Debug)]
struct OpenSet {
    dataset: Box<dyn Dataset>,
    weight: f64,
    /// Position of the class in the model, or [`IGNORE`], by the id in the card.
    classes: [u8; 256],
    /// Positions of the model's bands in the card.
    bands: Vec<usize>,
    /// The folder of label rasters, where there is one alone.
    masks: Option<String>,
    /// The scene that polygons were drawn over: their numbers are its own.
    scene: Option<PathBuf>,
    /// Ids of the card that the labels read by now hold.
    met: Mutex<BTreeSet<u8>>,
}

/// All data sets of a training.
#[derive(Debug)]
pub(crate) struct Sets {
    opened: Vec<OpenSet>,
    /// Names of the bands, each date's.
    bands: Vec<String>,
    /// Number of each band in the scenes, where all sets are of scenes and agree.
    numbers: Option<Vec<usize>>,
    dates: usize,
    task: TaskKind,
    /// Names of the model's classes.
    classes: Vec<String>,
}

impl Sets {
    /// Opens the data sets of a configuration.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let opened =
            config.sets.iter().map(|set| Ok((set, set.config.open(&config.data, config.model.values())?)));
        Self::new(config, opened.collect::<Result<_>>()?)
    }

    /// Opens the data sets of a configuration for a package, whose bands must be theirs, in their order.
    pub(crate) fn open_for(config: &Config, package: &ModelPackage) -> Result<Self> {
        let sets = Self::open(config)?;
        let (of_sets, of_package) = (sets.input_bands(), package.bands.iter().map(|b| b.name.clone()));
        let of_package: Vec<String> = of_package.collect();
        if of_sets == of_package {
            return Ok(sets);
        }
        let problem = format!(
            "package `{}` has the bands {}, the configuration {}",
            package.id,
            listed_of(&of_package, "bands"),
            listed_of(&of_sets, "bands")
        );
        let hint =
            "list its bands, in its order, in model.bands; or use the configuration that it was trained with";
        Err(TrainError::refused(problem, hint).into())
    }

    /// Data sets with their configuration.
    pub(crate) fn new(config: &Config, opened: Vec<(&SetEntry, Box<dyn Dataset>)>) -> Result<Self> {
        let Some((_, first)) = opened.first() else {
            return Err(TrainError::refused("no data set is named", "add a table [[sets]]").into());
        };
        let bands = config.model.bands.clone().unwrap_or_else(|| first.card().bands.clone());
        let mut sets = Vec::new();
        let mut all_numbers = Vec::new();
        for (entry, dataset) in opened {
            let classes = class_map(config, entry, dataset.card())?;
            check_gsd(config, entry, dataset.card())?;
            let positions = band_positions(config, entry, dataset.card(), &bands)?;
            all_numbers.push(numbers_in_scene(entry, &positions));
            sets.push(OpenSet {
                dataset,
                weight: entry.weight,
                classes,
                bands: positions,
                masks: masks_of(entry),
                scene: scene_of(entry),
                met: Mutex::default(),
            });
        }
        refuse_leaks(&sets)?;
        let numbers = all_numbers.pop().flatten().filter(|n| all_numbers.iter().flatten().all(|o| o == n));
        let numbers = numbers.filter(|_| all_numbers.iter().all(Option::is_some) && config.dates() == 1);
        let classes = config.classes.iter().map(|c| c.name.clone()).collect();
        Ok(Self { opened: sets, bands, numbers, dates: config.dates(), task: config.task, classes })
    }

    /// Scenes that labels were drawn over, each once: name, the scene with the model's bands, and the pixels in polygons of
    /// each class. None of two dates.
    pub(crate) fn scenes(&self, config: &Config) -> Result<Vec<(String, SceneReader, Vec<u64>)>> {
        let mut all: Vec<(String, SceneReader, Vec<u64>)> = Vec::new();
        for (entry, open) in config.sets.iter().zip(&self.opened).filter(|_| self.dates == 1) {
            let (LayoutConfig::RasterPolygons(options), Some(bands)) =
                (&entry.config.layout, numbers_in_scene(entry, &open.bands))
            else {
                continue;
            };
            let name = options.raster.display().to_string();
            if all.len() < SCENES && all.iter().all(|(other, ..)| *other != name) {
                let root = config.data.join(&entry.config.path);
                let reader = SceneReader::open(options, &root, bands, config.model.values())?;
                let mut labeled = vec![0; self.classes.len()];
                for (id, pixels) in reader.labeled(options, &root, open.dataset.card())? {
                    let class = open.classes[usize::from(id)];
                    labeled.get_mut(usize::from(class)).into_iter().for_each(|sum| *sum += pixels);
                }
                all.push((name, reader, labeled));
            }
        }
        Ok(all)
    }

    /// Number of an input band in the scenes that are trained on, from 1, where there is one.
    pub(crate) fn number_of_band(&self, position: usize) -> Option<usize> {
        self.numbers.as_ref()?.get(position).copied()
    }

    /// Names of the bands that go into the network; of two dates, with the date behind the name.
    pub(crate) fn input_bands(&self) -> Vec<String> {
        let with = |end: &str| self.bands.iter().map(|b| format!("{b}{end}")).collect::<Vec<_>>();
        if self.dates == 1 { self.bands.clone() } else { [with("_before"), with("_after")].concat() }
    }

    /// Names of the bands of each date.
    pub(crate) fn bands(&self) -> &[String] {
        &self.bands
    }

    /// Pictures of an item.
    pub(crate) fn dates(&self) -> usize {
        self.dates
    }

    /// Sampling weight of each set.
    pub(crate) fn weights(&self) -> Vec<f64> {
        self.opened.iter().map(|s| s.weight).collect()
    }

    /// Cards of the sets.
    pub(crate) fn cards(&self) -> impl Iterator<Item = &Card> {
        self.opened.iter().map(|s| s.dataset.card())
    }

    /// Card of the set of an item.
    pub(crate) fn card(&self, id: ItemId) -> &Card {
        self.opened[id.set].dataset.card()
    }

    /// Items of a split, set by set.
    pub(crate) fn items(&self, split: Split) -> Vec<ItemId> {
        let of = |(set, open): (usize, &OpenSet)| {
            let items = open.dataset.items().iter().enumerate().filter(|(_, i)| i.split == split);
            items.map(|(item, _)| ItemId { set, item }).collect::<Vec<_>>()
        };
        self.opened.iter().enumerate().flat_map(of).collect()
    }

    /// Splits that hold items.
    pub(crate) fn splits(&self) -> Vec<Split> {
        let all = self.opened.iter().flat_map(|s| s.dataset.items()).map(|i| i.split);
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// Group and split of an item.
    pub(crate) fn entry(&self, id: ItemId) -> &SplitItem {
        &self.opened[id.set].dataset.items()[id.item]
    }

    /// Name of an item in reports: set and item.
    pub(crate) fn name(&self, id: ItemId) -> String {
        format!("{}/{}", self.opened[id.set].dataset.card().name, self.entry(id).item)
    }

    /// Name of an item's group in reports: set and group.
    pub(crate) fn group(&self, id: ItemId) -> String {
        format!("{}/{}", self.opened[id.set].dataset.card().name, self.entry(id).group)
    }

    /// Every item with its group and split, to detect changes of the data.
    pub(crate) fn listing(&self) -> String {
        let line = |i: &SplitItem| format!("{}\t{}\t{}\n", i.item, i.group, i.split.name());
        self.opened.iter().flat_map(|s| s.dataset.items()).map(line).collect()
    }

    /// Tolerated deviations from the file formats: set and remark.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = (&str, Remark)> {
        let of = |open: &OpenSet| open.dataset.remarks();
        self.opened
            .iter()
            .flat_map(move |open| of(open).into_iter().map(|r| (open.dataset.card().name.as_str(), r)))
    }

    /// Values in the sets' options and classes of their cards that do not occur in the items read so far, as messages. Sets of
    /// one card are one: several scenes under one layer of polygons.
    pub(crate) fn unmatched(&self) -> Vec<String> {
        let mut options: BTreeMap<(&str, String, String), bool> = BTreeMap::new();
        let mut classes: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for open in &self.opened {
            let card = open.dataset.card();
            for asked in open.dataset.asked() {
                *options.entry((&card.name, asked.option, asked.value)).or_default() |= asked.is_found;
            }
            let met = open.met.lock().unwrap_or_else(PoisonError::into_inner);
            for class in &card.classes {
                *classes.entry((&card.name, &class.name)).or_default() |= met.contains(&class.id);
            }
        }
        let option = |(set, option, value): &(&str, String, String)| {
            format!("{set}: `{option}` names `{value}`, which does not occur in training and validation")
        };
        let mut told: Vec<String> =
            options.iter().filter(|(_, found)| !**found).map(|(o, _)| option(o)).collect();
        let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ((set, class), _) in classes.iter().filter(|(_, found)| !**found) {
            missing.entry(set).or_default().push(class);
        }
        told.extend(missing.iter().map(|(set, classes)| {
            format!("{set}: classes without a label in training and validation: {}", classes.join(", "))
        }));
        told
    }

    /// Scales and offsets that pictures declare, of the model's bands: set, bands, items, and the first of them.
    pub(crate) fn declared(&self) -> Vec<(&str, Declared)> {
        let mut all = Vec::new();
        for open in &self.opened {
            let card = open.dataset.card();
            for mut declared in open.dataset.declared() {
                let dates: Vec<_> = declared.bands.chunks(card.bands.len().max(1)).collect();
                let band = |date: &[Option<Scaling>], at: &usize| date.get(*at).cloned().flatten();
                let bands =
                    dates.iter().flat_map(|date| open.bands.iter().map(|at| band(date, at))).collect();
                declared.bands = bands;
                all.push((card.name.as_str(), declared));
            }
        }
        all
    }

    /// Class ids that the labels of a split hold as the layouts give them, [`IGNORE`] too, with their pixels or boxes.
    pub(crate) fn values_found(&self, split: Split) -> Result<BTreeMap<u8, u64>> {
        let mut all = BTreeMap::new();
        for id in self.items(split) {
            match self.opened[id.set].dataset.read(id.item)?.truth {
                Truth::Labels(labels) | Truth::Objects { labels, .. } => {
                    labels.data().iter().for_each(|l| *all.entry(*l).or_default() += 1);
                }
                Truth::Boxes(boxes) => boxes.iter().for_each(|b| *all.entry(b.class_id).or_default() += 1),
                Truth::Classes(classes) => classes.iter().for_each(|c| *all.entry(*c).or_default() += 1),
            }
        }
        Ok(all)
    }

    /// The folder of masks that could hold a class of the model, and the class's id there.
    pub(crate) fn mask_folder_of(&self, class: &str) -> Option<(&str, u8)> {
        self.opened.iter().find_map(|open| {
            let position = u8::try_from(self.classes.iter().position(|c| c == class)?).ok()?;
            let id = (0..IGNORE).find(|id| open.classes[usize::from(*id)] == position)?;
            Some((open.masks.as_deref()?, id))
        })
    }

    /// Reads an item. Invalid pixels (of any date) are unlabeled.
    pub(crate) fn read(&self, id: ItemId) -> Result<Item> {
        let open = &self.opened[id.set];
        let example = open.dataset.read(id.item)?;
        if example.chips.len() != self.dates {
            let problem =
                format!("{} has {} picture(s), the task {}", self.name(id), example.chips.len(), self.dates);
            return Err(TrainError::refused(problem, "name a data set of the task's layout").into());
        }
        open.meet(&example.truth);
        let chip = joined(&example.chips, &open.bands);
        let mut objects = Vec::new();
        let truth = match (example.truth, self.task) {
            (Truth::Boxes(boxes) | Truth::Objects { boxes, .. }, TaskKind::ObjectDetection) => {
                ItemTruth::Boxes(open.boxes(&boxes).filter(|b| b.class != IGNORE).collect())
            }
            (Truth::Classes(classes), TaskKind::SceneClassification) => {
                let class = open.only(&classes).ok_or_else(|| self.several(id))?;
                ItemTruth::Labels(
                    chip.valid.iter().map(|valid| if *valid { class } else { IGNORE }).collect(),
                )
            }
            (Truth::Labels(labels), TaskKind::SemanticSegmentation | TaskKind::ChangeDetection) => {
                ItemTruth::Labels(open.labels(labels.data(), &chip.valid))
            }
            (Truth::Objects { labels, boxes }, TaskKind::SemanticSegmentation) => {
                objects.extend(open.boxes(&boxes));
                ItemTruth::Labels(open.labels(labels.data(), &chip.valid))
            }
            (Truth::Classes(_), TaskKind::SemanticSegmentation) => {
                let problem = format!("{} is of a class as a whole, the task labels pixels", self.name(id));
                let hint =
                    "for `class-folders`, set the part of a picture that is of its class: ellipse = 0.6";
                return Err(TrainError::refused(problem, hint).into());
            }
            _ => {
                let problem = format!("{} has another kind of truth than the task", self.name(id));
                return Err(TrainError::refused(problem, "name a data set of the task's kind").into());
            }
        };
        Ok(Item { chip, truth, objects })
    }

    fn several(&self, id: ItemId) -> TrainError {
        let problem = format!("{} is of several classes, the task takes pictures of one", self.name(id));
        TrainError::refused(problem, "map them to one class in `classes`, or name all but one in `ignore`")
    }
}

impl OpenSet {
    /// Records which classes a truth has.
    fn meet(&self, truth: &Truth) {
        let mut ids = [false; 256];
        let mut meet = |id: u8| ids[usize::from(id)] = true;
        match truth {
            Truth::Labels(labels) | Truth::Objects { labels, .. } => {
                labels.data().iter().copied().for_each(&mut meet);
            }
            Truth::Boxes(boxes) => boxes.iter().map(|b| b.class_id).for_each(&mut meet),
            Truth::Classes(classes) => classes.iter().copied().for_each(&mut meet),
        }
        let met = (0..=IGNORE).filter(|id| ids[usize::from(*id)]);
        self.met.lock().unwrap_or_else(PoisonError::into_inner).extend(met);
    }

    fn labels(&self, labels: &[u8], valid: &[bool]) -> Vec<u8> {
        let one =
            |(label, valid): (&u8, &bool)| if *valid { self.classes[usize::from(*label)] } else { IGNORE };
        labels.iter().zip(valid).map(one).collect()
    }

    /// The class of a picture as a whole, [`IGNORE`] if it has none that counts, `None` if it has several.
    fn only(&self, classes: &[u8]) -> Option<u8> {
        let mapped = classes.iter().map(|c| self.classes[usize::from(*c)]).filter(|c| *c != IGNORE);
        let distinct: std::collections::BTreeSet<u8> = mapped.collect();
        (distinct.len() <= 1).then(|| distinct.first().copied().unwrap_or(IGNORE))
    }

    /// Boxes with their class in the model, or [`IGNORE`].
    fn boxes(&self, boxes: &[arpent_datasets::AnnotatedBox]) -> impl Iterator<Item = ObjectBox> {
        boxes.iter().map(|b| ObjectBox {
            class: self.classes[usize::from(b.class_id)],
            sides: b.bbox,
            oriented: b.oriented,
        })
    }
}

/// The chosen bands of all dates as one chip, valid where all are.
fn joined(chips: &[Chip], bands: &[usize]) -> Chip {
    let Some(first) = chips.first() else { return Chip::empty(Window::new(0, 0, 0, 0), 0) };
    let planes = chips.iter().flat_map(|chip| bands.iter().flat_map(|b| chip.band(*b)));
    let mut valid = first.valid.clone();
    for chip in &chips[1..] {
        valid.iter_mut().zip(&chip.valid).for_each(|(all, one)| *all &= one);
    }
    Chip { window: first.window, bands: bands.len() * chips.len(), data: planes.copied().collect(), valid }
}

/// Every class of the card must be mapped or ignored.
fn class_map(config: &Config, entry: &SetEntry, card: &Card) -> Result<[u8; 256], TrainError> {
    let model: Vec<&str> = config.classes.iter().map(|c| c.name.as_str()).collect();
    let set: Vec<&str> = card.classes.iter().map(|c| c.name.as_str()).collect();
    let bad = |message: String, hint: String| set_error(config, entry, card, message, Some(hint));
    let named = entry.classes.keys().chain(&entry.ignore);
    if let Some(stranger) = named.map(String::as_str).find(|name| !set.contains(name)) {
        return Err(bad(format!("the set has no class `{stranger}`"), nearest(stranger, &set)));
    }
    let mut map = [IGNORE; 256];
    for class in card.classes.iter().filter(|c| !entry.ignore.contains(&c.name)) {
        let target = entry.classes.get(&class.name).unwrap_or(&class.name);
        let Some(position) = model.iter().position(|name| name == target) else {
            let lists = format!("classes of the set: {}; of the model: {}", set.join(", "), model.join(", "));
            let message = if entry.classes.contains_key(&class.name) {
                format!(
                    "class `{}` is mapped to `{target}`, which the model does not have ({lists})",
                    class.name
                )
            } else {
                format!("class `{}` is neither mapped nor ignored ({lists})", class.name)
            };
            return Err(bad(message, "map it in `classes`, or name it in `ignore`".into()));
        };
        map[usize::from(class.id)] = u8::try_from(position).unwrap_or(IGNORE);
    }
    Ok(map)
}

/// The scene of a set of polygons.
fn scene_of(entry: &SetEntry) -> Option<PathBuf> {
    match &entry.config.layout {
        LayoutConfig::RasterPolygons(options) => Some(entry.config.path.join(&options.raster)),
        _ => None,
    }
}

/// The one folder of label rasters of a set.
fn masks_of(entry: &SetEntry) -> Option<String> {
    match &entry.config.layout {
        LayoutConfig::ImageMask(options) if options.masks.len() == 1 => Some(options.masks[0].folder.clone()),
        _ => None,
    }
}

/// Numbers of the model's bands in the scene of a set that has one.
fn numbers_in_scene(entry: &SetEntry, positions: &[usize]) -> Option<Vec<usize>> {
    let LayoutConfig::RasterPolygons(scene) = &entry.config.layout else { return None };
    let number = |at: &usize| scene.bands.as_ref().map_or(Some(at + 1), |bands| bands.get(*at).copied());
    positions.iter().map(number).collect()
}

/// A set of another GSD shows objects at another size in pixels.
fn check_gsd(config: &Config, entry: &SetEntry, card: &Card) -> Result<(), TrainError> {
    let (Some([finest, coarsest]), gsd) = (card.gsd_m, config.model.gsd_m) else { return Ok(()) };
    if finest <= gsd.max && coarsest >= gsd.min {
        return Ok(());
    }
    let message = format!(
        "the set's GSD is {finest} to {coarsest} m, model.gsd_m accepts {} to {} m",
        gsd.min, gsd.max
    );
    let hint = "correct model.gsd_m, or leave the set out".to_owned();
    Err(set_error(config, entry, card, message, Some(hint)))
}

fn band_positions(
    config: &Config,
    entry: &SetEntry,
    card: &Card,
    bands: &[String],
) -> Result<Vec<usize>, TrainError> {
    let position = |band: &String| {
        card.bands.iter().position(|b| b == band).ok_or_else(|| {
            let message =
                format!("the set has no band `{band}` (it has {})", listed_of(&card.bands, "bands"));
            let hint = "name the bands that all sets have in model.bands".to_owned();
            set_error(config, entry, card, message, Some(hint))
        })
    };
    bands.iter().map(position).collect()
}

fn set_error(
    config: &Config,
    entry: &SetEntry,
    card: &Card,
    message: String,
    hint: Option<String>,
) -> TrainError {
    TrainError::Config {
        path: config.path.clone(),
        line: entry.line,
        table: None,
        text: format!("[[sets]] {}", card.name),
        message,
        hint,
    }
}

/// A group of one name, in sets of one card and over one scene, lies in one split, also when the sets are listed as
/// several.
fn refuse_leaks(sets: &[OpenSet]) -> Result<(), TrainError> {
    let mut seen: BTreeMap<(&str, Option<&Path>, &str), Split> = BTreeMap::new();
    for set in sets {
        let name = set.dataset.card().name.as_str();
        for item in set.dataset.items() {
            let key = (name, set.scene.as_deref(), item.group.as_str());
            let first = *seen.entry(key).or_insert(item.split);
            if first != item.split {
                let problem = format!(
                    "group `{}` of {name} is in {} in one set and in {} in another",
                    item.group,
                    first.name(),
                    item.split.name()
                );
                return Err(TrainError::refused(problem, "put every item of the group into one split"));
            }
        }
    }
    Ok(())
}
