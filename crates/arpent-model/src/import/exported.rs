//! Packages of graphs of PT2 archives (ADR 0031).

use std::path::Path;

use super::checkpoint::{ImportOptions, bands, check_license, package, scaled, window};
use super::imported::Imported;
use super::item;
use super::preset::Preset;
use crate::ModelError;
use crate::pt2::{self, LoweredGraph};

/// Makes a package of the graph of an archive, lowered to steps of our own.
///
/// # Errors
/// [`ModelError::Exported`] for a graph that is not lowered, [`ModelError::Option`] for options that do not fit it.
pub(super) fn import_exported(path: &Path, options: &ImportOptions) -> Result<Imported, ModelError> {
    let bad = |problem| ModelError::Exported { path: path.to_owned(), problem };
    let LoweredGraph { architecture, weights, notes } =
        pt2::read_graph(path, options.values.is_some()).map_err(bad)?;
    let (inputs, outputs) = (architecture.in_channels(), architecture.out_channels());
    architecture.check(&options.id)?;
    weights.check(&architecture.tensors())?;
    let preset = options.like.as_deref().map_or_else(|| Ok(Preset::plain()), item::preset)?;
    check_license(&preset, options)?;
    let differs = |option: &'static str, given: usize, found: usize, what: &str| ModelError::Option {
        option,
        problem: format!("gives {given}, the graph has {found} {what}"),
        hint: format!("give as many as the graph has {what}, in its order"),
    };
    let values = options.values.as_ref().map(Vec::len);
    match (values, options.classes) {
        (Some(given), _) if given != outputs => return Err(differs("--values", given, outputs, "outputs")),
        (None, Some(given)) if given != outputs => {
            return Err(differs("--classes", given, outputs, "classes"));
        }
        _ => {}
    }
    let bands = bands(&preset, options, Some(inputs))?;
    if bands.len() != inputs {
        return Err(differs("--bands", bands.len(), inputs, "bands"));
    }
    let window = window(&preset, options, &architecture, "the exported graph")?;
    let (preset, bands) = scaled(preset, options, bands)?;
    let package = package(&preset, options, bands, (architecture, outputs), window)?;
    package.check()?;
    Ok(Imported { package, weights, adopted: None, notes })
}

/// Whether the graph of an archive is taken, and not its weights alone: no network is named.
pub(super) fn takes_graph(options: &ImportOptions) -> bool {
    let names_network = options.like.as_deref().is_some_and(|like| !item::is_item(like));
    options.architecture.is_none() && !names_network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_named_is_imported_by_its_weights() {
        let of = |architecture: Option<&str>, like: Option<&str>| {
            let [architecture, like] = [architecture, like].map(|name| name.map(str::to_owned));
            takes_graph(&ImportOptions { architecture, like, ..ImportOptions::default() })
        };
        assert!(of(None, None) && of(None, Some("item.json")));
        assert!(!of(Some("unet-resnet18"), None) && !of(None, Some("flair")));
    }
}
