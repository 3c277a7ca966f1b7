//! `arpent-train quantize`: the variant of a package whose network is computed in 8 bits.

use std::path::PathBuf;

use arpent_base::{DoingWhat as _, Result};
use arpent_datasets::Split;
use arpent_model::{ModelPackage, Predictor, Quantization};
use arpent_shell::message::notice;

use crate::config::{Config, Overrides, same_model};
use crate::data::Sets;
use crate::error::TrainError;
use crate::evaluate::{judge_of, ranges_of, rounded};
use crate::job;
use crate::progress::{next, print_json};

/// The package to quantize, and its data.
#[derive(Debug, clap::Args)]
pub(crate) struct QuantizeArgs {
    /// Folder of the model package.
    package: PathBuf,
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Folder of the variant, which must not exist.
    #[arg(long)]
    output: PathBuf,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Pictures of the training split that ranges are measured on, at most.
const PICTURES: usize = 64;

/// Measures the ranges on the training split and the loss of accuracy on the validation split; writes the variant.
pub(crate) fn run(args: &QuantizeArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    let (mut package, weights) = ModelPackage::load(&args.package)?;
    same_model(&package, &config)?;
    refuse(args, &package)?;
    let sets = Sets::open_for(&config, &package)?;
    let judge = judge_of(&config, &sets, Split::Validation, None);
    let name = judge.names()[0];
    let score = |predictor: &Predictor| -> Result<f64> {
        let scores = judge.scores(predictor)?;
        scores.get(name).copied().map(rounded).with_context(|| format!("no score `{name}`"))
    };
    let predictor = job::predictor(&package, &weights)?;
    let score_f32 = score(&predictor)?;
    let (ranges, pictures) = measured(&sets, &predictor)?;
    let of = std::mem::take(&mut package.id);
    package.id = format!("{of}-int8");
    // What was counted and judged is the network in single precision.
    package.gate = None;
    if package.calibration.as_mut().and_then(|calibration| calibration.answers.take()).is_some() {
        notice(
            "the counts of right answers are not those of the variant, and are left out: calibrate it by class again",
        );
    }
    let mut quantization = Quantization {
        ranges,
        measured_on: format!("{pictures} pictures of the training split"),
        score_f32,
        score_int8: 0.0,
        score: format!("{name}, validation split"),
    };
    package.quantization = Some(quantization.clone());
    quantization.score_int8 = score(&job::predictor(&package, &weights)?)?;
    notice(&format!("{name}: {score_f32} in single precision, {} with 8 bits", quantization.score_int8));
    print_json(&quantization)?;
    package.quantization = Some(quantization.clone());
    package.save(&weights, &args.output)?;
    write_card(args, [&of, &package.id], &quantization)?;
    next(&["evaluate", &args.output.display().to_string(), &args.config.display().to_string()]);
    Ok(())
}

fn refuse(args: &QuantizeArgs, package: &ModelPackage) -> Result<(), TrainError> {
    if package.quantization.is_some() {
        let problem = format!("package `{}` is already in 8 bits", package.id);
        return Err(TrainError::refused(problem, "use the package in single precision"));
    }
    if args.output.exists() {
        let problem = format!("{} exists", args.output.display());
        return Err(TrainError::refused(problem, "name another --output"));
    }
    Ok(())
}

/// The greatest values of some pictures of the training split, spread evenly over it; and how many there were.
fn measured(sets: &Sets, predictor: &Predictor) -> Result<(Vec<f32>, usize)> {
    let items = sets.items(Split::Train);
    let (mut ranges, mut pictures) = (Vec::new(), 0);
    for id in items.iter().step_by(items.len().div_ceil(PICTURES).max(1)) {
        let of_picture = ranges_of(predictor, &sets.read(*id)?.chip)?;
        ranges.resize(of_picture.len(), 0.0f32);
        ranges.iter_mut().zip(of_picture).for_each(|(range, value)| *range = range.max(value));
        pictures += 1;
    }
    if pictures == 0 {
        let problem = "the training split has no picture";
        return Err(TrainError::refused(problem, "name data sets with a training split").into());
    }
    Ok((ranges, pictures))
}

/// The package's card, with the variant's id in its title and a section on 8 bits.
fn write_card(args: &QuantizeArgs, [of, id]: [&str; 2], quantization: &Quantization) -> Result<()> {
    let path = args.package.join("card.md");
    let card = match std::fs::read_to_string(&path) {
        // A package may come without one.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        card => card.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let card = match card.split_once('\n') {
        Some((title, rest)) => format!("{}\n{rest}", title.replace(&format!("({of} "), &format!("({id} "))),
        None => card,
    };
    let Quantization { measured_on, score_f32, score_int8, score, .. } = quantization;
    let section = format!(
        "\n## 8 bits\n\nThis variant computes its convolutions with whole numbers of 8 bits. Ranges: {measured_on}. Scores above are those of \
         single precision; {score}: {score_f32} there, {score_int8} here.\n"
    );
    let path = args.output.join("card.md");
    std::fs::write(&path, card + &section).with_context(|| format!("cannot write {}", path.display()))
}
