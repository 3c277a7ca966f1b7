//! The text of the configuration and the card, for users to edit.

use std::fmt::Write;
use std::path::Path;

use arpent_base::{Count, Result, Threads};
use arpent_datasets::InvalidGeometries;

use super::args::{NetworkKind, Quantized};
use super::colors::color;
use super::draft::{Draft, Seen};
use super::place::CARD;
use crate::error::TrainError;

/// Default number of epochs; training stops earlier when the score does not improve.
const EPOCHS: usize = 40;

/// License of weights that may not be redistributed, as an SPDX LicenseRef.
const UNSTATED: &str = "LicenseRef-not-stated";

/// Range of 8-bit pixels, and of signed ones.
const BYTES: [f32; 2] = [0.0, 255.0];
const SIGNED_BYTES: [f32; 2] = [-128.0, 127.0];

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|t| quoted(t)).collect();
    format!("[{}]", texts.join(", "))
}

/// Lower-case letters, digits and hyphens of a name.
fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let letters: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = letters.split('-').filter(|p| !p.is_empty()).collect();
    if parts.is_empty() { "polygons".to_owned() } else { parts.join("-") }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// To six significant digits.
fn short(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

/// `train.toml`.
pub(super) fn config(draft: &Draft<'_>) -> Result<String> {
    let mut text = head(draft);
    text += &model(draft)?;
    for (i, class) in draft.classes.found.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[classes]]\nid = {}\nname = {}\ncolor = \"{}\"\n{}",
            i + 1,
            quoted(&class.name),
            class.color.map_or_else(|| color(i), |c| c.to_string()),
            if class.is_background { "features = false\n" } else { "" }
        );
    }
    text += &draft.scenes.iter().map(|scene| set(draft, scene)).collect::<String>();
    text += &fit(draft);
    Ok(text)
}

/// The folder of the first scene: the data's.
fn folder<'a>(draft: &'a Draft<'_>) -> &'a Path {
    draft.scenes[0].path.parent().unwrap_or(Path::new("/"))
}

/// The scene's name, with the number of the others.
fn scene_names(draft: &Draft<'_>) -> String {
    let first = file_name(&draft.scenes[0].path);
    match draft.scenes.len() {
        1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

fn head(draft: &Draft<'_>) -> String {
    let folder = folder(draft);
    format!(
        "# Polygons of {labels} over {scene}. Edit as needed, then:\n\
         # arpent-train fit train.toml --restart\n\n\
         task = \"semantic-segmentation\"\n\
         data = {folder}\n\
         output = \"..\"\n",
        labels = file_name(&draft.labels),
        scene = scene_names(draft),
        folder = quoted(&folder.to_string_lossy()),
    )
}

fn model(draft: &Draft<'_>) -> Result<String> {
    let [gsd, finest, coarsest] = draft.gsd();
    let mut types: Vec<String> = Vec::new();
    for scene in &draft.scenes {
        for band in scene.annotated.scene.bands.iter().filter(|b| scene.bands.contains(&b.index)) {
            let name = format!("{:?}", band.sample_type).to_lowercase();
            if !types.contains(&name) {
                types.push(name);
            }
        }
    }
    let output = std::path::absolute(draft.output)?;
    let (polygons, scenes) = (draft.polygons, draft.scenes.len());
    let scenes = if scenes == 1 { "one scene".to_owned() } else { format!("{scenes} scenes") };
    Ok(format!(
        "\n[model]\n\
         id = {id}\n\
         version = \"0.1.0\"\n\
         title = {title}\n\
         license = {license}\n\
         gsd_m = {{ nominal = {nominal:?}, min = {min:?}, max = {max:?} }}\n\
         value_range = {range}\n\
         sample_types = {types}\n\
         {unit}{quantized}\
         limits = \"Trained on a part of {polygons} polygons of {scenes} and validated on the others: it is untested on any \
         other place or date.\"\n\n\
         [model.architecture]\n\
         {network}",
        id = quoted(&plain(&file_name(&output))),
        title = quoted(&format!("{} of {}", draft.field, scene_names(draft))),
        license = quoted(draft.args.license.as_deref().unwrap_or(UNSTATED)),
        nominal = short(gsd),
        min = short(0.75 * finest),
        max = short(1.25 * coarsest),
        range = range(draft)?,
        types = list(&types),
        unit = draft
            .args
            .unit
            .as_ref()
            .map_or(String::new(), |unit| format!("unit = {}\n", quoted(unit.trim()))),
        quantized = draft.args.dequantize.map_or_else(String::new, quantized),
        network = network(draft),
    ))
}

/// The key `dequantize` of `[model]`.
fn quantized(of: Quantized) -> String {
    let Quantized { scale, offset, power } = of;
    format!("dequantize = {{ scale = {scale:?}, offset = {offset:?}, power = {power:?} }}\n")
}

/// The keys of `[model.architecture]`.
fn network(draft: &Draft<'_>) -> String {
    match draft.args.network {
        NetworkKind::Linear => "kind = \"linear\"\nkernel = 1\n".to_owned(),
        NetworkKind::Unet => {
            let widths = draft.shape.widths;
            let convs = vec![2; widths.len()];
            format!("kind = \"unet\"\nwidths = {widths:?}\nencoder_convs = {convs:?}\n")
        }
    }
}

/// Lowest and highest value: those of 8-bit pixels as they are, others rounded.
fn range(draft: &Draft<'_>) -> Result<String, TrainError> {
    let mut found: Option<[f32; 2]> = None;
    for scene in &draft.scenes {
        let range = scene.annotated.range.ok_or_else(|| {
            let problem = format!("{} holds no valid pixel", scene.path.display());
            TrainError::refused(problem, "is its nodata value the right one?")
        })?;
        found = Some(found.map_or(range, |all| [all[0].min(range[0]), all[1].max(range[1])]));
    }
    let found = found.unwrap_or(BYTES);
    let is_of_type = [BYTES, SIGNED_BYTES].contains(&found);
    let [low, high] = if is_of_type { found.map(f64::from) } else { rounded(found) };
    Ok(format!("[{low:?}, {high:?}]"))
}

/// Rounded outwards to a tenth of the power of ten in what lies between them; from 0 where none is negative.
fn rounded([low, high]: [f32; 2]) -> [f64; 2] {
    let (low, high) = (f64::from(low.min(0.0)), f64::from(high));
    let step = 10f64.powf((high - low).max(1e-6).log10().floor() - 1.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    // A scene of one value alone still has a range.
    let high = if high > low { high } else { low + step };
    [short(low), short(high)]
}

fn set(draft: &Draft<'_>, scene: &Seen) -> String {
    // Relative paths, so that a folder with both can be moved.
    let place = |path: &Path| {
        let beside = path.parent() == Some(folder(draft));
        if beside { file_name(path) } else { path.to_string_lossy().into_owned() }
    };
    let (raster, polygons) = (place(&scene.path), place(&draft.labels));
    let mut text = format!(
        "\n[[sets]]\n\
         layout = \"raster-polygons\"\n\
         path = \".\"\n\
         card = \"{CARD}\"\n\
         raster = {raster}\n\
         polygons = {polygons}\n\
         field = {field}\n\
         bands = {bands:?}\n\
         margin = {margin}\n\
         split = {{ validation = {validation}, seed = {seed} }}   # whole polygons go to one side\n",
        raster = quoted(&raster),
        polygons = quoted(&polygons),
        field = quoted(draft.field),
        bands = scene.bands,
        margin = draft.shape.margin(),
        validation = super::split::VALIDATION,
        seed = draft.split.seed(),
    );
    // Writing to a string cannot fail.
    if let Some(layer) = &draft.args.layer {
        let _ = writeln!(text, "layer = {}", quoted(layer));
    }
    if draft.args.invalid() == InvalidGeometries::Refuse {
        text += "invalid = \"refuse\"\n";
    }
    if draft.scenes.len() > 1 {
        text += "partial = true   # polygons of one split may all lie on another scene\n";
    }
    if let Some(class) = draft.classes.found.iter().find(|c| c.is_background) {
        let _ = writeln!(text, "background = {}", quoted(&class.name));
    }
    if !draft.classes.skipped.is_empty() {
        let _ = writeln!(text, "skip = {}", list(&draft.classes.skipped));
    }
    text
}

fn fit(draft: &Draft<'_>) -> String {
    let (budget, shape) = (draft.budget, draft.shape);
    let rate = match draft.args.network {
        NetworkKind::Unet => "3e-3",
        NetworkKind::Linear => "2e-2",
    };
    format!(
        "\n[fit]\n\
         seed = {seed}\n\
         epochs = {epochs}\n\
         early_stopping = 10\n\
         steps_per_epoch = 20\n\
         batch = {batch}\n\
         chip_px = {chip}\n\
         learning_rate = {rate}\n\
         weight_decay = 1e-3\n\
         threads = {threads}\n\n\
         [loss]\n\
         class_weights = \"balanced\"\n{light}",
        seed = budget.seed.unwrap_or(1),
        epochs = budget.epochs.map_or(EPOCHS, Count::get),
        batch = shape.batch,
        chip = shape.chip_px,
        threads = budget.threads.unwrap_or(Threads::ALL),
        light = if has_light(draft) { LIGHT } else { "" },
    )
}

/// How pictures of light are varied.
const LIGHT: &str = "\n[augment]\nbrightness = 0.1\ncontrast = 0.1\n";

/// Whether values are amounts of light: those of embeddings, indices and decibels have signs, and do not scale with it.
fn has_light(draft: &Draft<'_>) -> bool {
    // Offsets may take dark pixels of reflectance a little below 0.
    let has_sign = |scene: &Seen| scene.annotated.range.is_some_and(|[low, high]| low < -0.1 * high);
    draft.args.dequantize.is_none() && !draft.scenes.iter().any(has_sign)
}

/// `card.toml`.
pub(super) fn card(draft: &Draft<'_>) -> String {
    let (scene, labels) = (scene_names(draft), file_name(&draft.labels));
    let stem = draft.labels.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let [_, finest, coarsest] = draft.gsd().map(short);
    let (license, ship, notes) = match &draft.args.license {
        Some(license) => (license.as_str(), true, "The license was given with --license."),
        None => (
            UNSTATED,
            false,
            "No license was stated (--license): weights trained on it may not be redistributed.",
        ),
    };
    let mut text = format!(
        "name = {name}\n\
         title = {title}\n\
         license = {license}\n\
         source = {source}\n\
         weights_may_ship = {ship}\n\
         bands = {bands}\n\
         gsd_m = [{finest:?}, {coarsest:?}]\n\
         splits = \"By polygon; the seed is the one that holds out nearest to {share} percent of each class.\"\n\
         notes = {notes}\n\
         classes = [\n",
        name = quoted(&plain(&stem)),
        title = quoted(&format!("Polygons of {labels} over {scene}")),
        license = quoted(license),
        source = quoted(&format!("{labels} (field {}) over {scene}, of the user's own", draft.field)),
        bands = list(&draft.bands),
        share = super::split::VALIDATION * 100.0,
        notes = quoted(notes),
    );
    for (i, class) in draft.classes.found.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {{ id = {}, name = {} }},", i + 1, quoted(&class.name));
    }
    text + "]\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ids() {
        assert_eq!(
            (plain("Land cover, été.v2").as_str(), plain("...").as_str()),
            ("land-cover-t-v2", "polygons")
        );
    }

    #[test]
    fn ranges_are_rounded_outwards() {
        let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(rounded([160.0, 5138.0]), [0.0, 5200.0]), "{:?}", rounded([160.0, 5138.0]));
        assert!(close(rounded([-0.37, 0.918]), [-0.4, 1.0]), "{:?}", rounded([-0.37, 0.918]));
        assert!(rounded([0.0, 0.0])[1] > 0.0);
    }

    #[test]
    fn strings_of_any_kind_are_read_back() {
        for text in ["a\"b\\c", "forêt\n", "it's"] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
