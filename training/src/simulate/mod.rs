//! `arpent-train simulate`: data sets derived from others, for classes without labels. They are written as pictures, so that
//! users can inspect the training data.

mod change;
mod folder;
mod square;
mod stress;

use std::path::PathBuf;

use arpent_base::Result;
use arpent_datasets::{IGNORE, Split};
use arpent_shell::message::notice;
use clap::ValueEnum;
use folder::Folder;
use square::{SimulatedPicture, Square};

use crate::config::{Config, Overrides, nearest};
use crate::data::{Cache, Item, ItemId, ItemTruth, Purpose, Rng, Sets};
use crate::error::TrainError;
use crate::progress::{Bar, print_json};

/// The data set to make, and its source.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// A training's TOML file, for its labeled data sets.
    config: PathBuf,
    /// What to make.
    #[arg(long)]
    kind: SimulationKind,
    /// The class that appears and disappears, or that is stressed; a name of the configuration.
    #[arg(long)]
    class: String,
    /// Folder of the data set to write; must not exist yet.
    #[arg(long)]
    output: PathBuf,
    /// Items of the training split; a quarter as many are made of the validation split.
    #[arg(long, default_value_t = 400)]
    count: usize,
    /// Side of a picture, pixels.
    #[arg(long, default_value_t = 128)]
    side: usize,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Kinds of data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SimulationKind {
    /// Pairs of dates: objects of the class put into, or taken from, a picture (layout change-pairs).
    Change,
    /// Spots of stressed plants on fields of the class (layout image-mask, a file for each band).
    Stress,
}

/// Maximum number of places drawn until one fits.
const TRIES: usize = 40;

/// The source of squares.
struct SquareSource<'a> {
    sets: &'a Sets,
    cache: Cache,
    class: u8,
    side: usize,
}

/// Writes the data set, and a summary on stdout (JSON).
pub(crate) fn run(args: &SimulateArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    let class = position(&config, &args.class)?;
    let sets = Sets::open(&config)?;
    let cache = Cache::new(config.sampling.cache_mb);
    let source = SquareSource { sets: &sets, cache, class, side: args.side };
    let kind = match args.kind {
        SimulationKind::Change => folder::FolderLayout::Pairs,
        SimulationKind::Stress => folder::FolderLayout::Spots,
    };
    let mut folder = Folder::create(&args.output, kind, &config, &sets, &args.class)?;
    for (split, count) in [(Split::Train, args.count), (Split::Validation, args.count.div_ceil(4))] {
        let items = sets.items(split);
        if items.is_empty() {
            notice(&format!("no item is in the split `{}`: none is made", split.name()));
            continue;
        }
        let bar = Bar::begin(split.name(), count);
        for index in 0..count {
            let mut rng = Rng::of(args.seed, Purpose::Simulation, split as usize, index);
            let (made, group) = match args.kind {
                SimulationKind::Change => source.pair(&items, &mut rng)?,
                SimulationKind::Stress => source.spots(&items, &mut rng)?,
            };
            folder.add(split, index, &group, args.side, &made)?;
            bar.count();
        }
        bar.end();
    }
    let outcome = folder.finish()?;
    notice(&format!("{} written; inspect it before you train on it", args.output.display()));
    print_json(&outcome)
}

fn position(config: &Config, class: &str) -> Result<u8, TrainError> {
    let names: Vec<&str> = config.classes.iter().map(|c| c.name.as_str()).collect();
    let found = names.iter().position(|name| *name == class).and_then(|at| u8::try_from(at).ok());
    found.ok_or_else(|| {
        TrainError::refused(format!("the configuration has no class `{class}`"), nearest(class, &names))
    })
}

impl SquareSource<'_> {
    /// Two dates made of two squares, and the group of the first.
    fn pair(&self, items: &[ItemId], rng: &mut Rng) -> Result<(SimulatedPicture, String)> {
        let (first, id) = self.square(items, false, rng)?;
        let (second, _) = self.square(items, true, rng)?;
        Ok((change::pair(&first, &second, rng), self.sets.group(id)))
    }

    /// A square with stressed spots, and its group.
    fn spots(&self, items: &[ItemId], rng: &mut Rng) -> Result<(SimulatedPicture, String)> {
        let (square, id) = self.square(items, true, rng)?;
        Ok((stress::spots(square, self.sets.bands(), rng), self.sets.group(id)))
    }

    /// A square from anywhere; with the class in it, where a few tries find one. Items that are smaller are passed over.
    fn square(&self, items: &[ItemId], with_class: bool, rng: &mut Rng) -> Result<(Square, ItemId)> {
        let mut found = None;
        for _ in 0..TRIES {
            let id = items[rng.below(items.len())];
            let item = self.cache.get(self.sets, id)?;
            let Some(square) = cut(&item, self.side, self.class, rng) else { continue };
            let fits = !with_class || square.is_class.contains(&1);
            found = Some((square, id));
            if fits {
                break;
            }
        }
        Ok(found.ok_or_else(|| {
            let problem = format!("none of {TRIES} items that were drawn is as large as {} px", self.side);
            TrainError::refused(problem, "give a smaller --side, or a larger `margin` of the set")
        })?)
    }
}

/// A square of an item, `None` if the item is smaller. What is not valid is 0 and not known.
fn cut(item: &Item, side: usize, class: u8, rng: &mut Rng) -> Option<Square> {
    let ItemTruth::Labels(labels) = &item.truth else { return None };
    let window = item.chip.window;
    let (east, south) = (window.width.checked_sub(side)?, window.height.checked_sub(side)?);
    let (x0, y0) = (rng.below(east + 1), rng.below(south + 1));
    let places: Vec<usize> =
        (0..side * side).map(|i| (y0 + i / side) * window.width + x0 + i % side).collect();
    let band =
        |b: usize| places.iter().map(move |i| if item.chip.valid[*i] { item.chip.band(b)[*i] } else { 0.0 });
    let is_class = places.iter().map(|i| match labels[*i] {
        IGNORE => IGNORE,
        label => u8::from(label == class),
    });
    Some(Square { side, data: (0..item.chip.bands).flat_map(band).collect(), is_class: is_class.collect() })
}
