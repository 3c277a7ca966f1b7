//! Everything that the pixels of both dates add up to: soils by the law's rules, tables, zones and the differential.

use std::path::Path;

use arpent_base::Result;
use arpent_change::balance::FlowMatrix;
use arpent_publish::{ROLE_BALANCE, SortedFeatures, StagedArtifact, Warning};

use super::balance::{Pair, Soils, Years};
use super::differential::Differential;
use super::inputs::Inputs;
use super::products::Product;
use super::tables::{Tables, WrittenTables};
use crate::config::{ArtificialisationOptions, ChangeConfig};

/// What the balances of a comparison are made of.
pub(crate) struct Balances<'a> {
    pub(crate) config: &'a ChangeConfig,
    pub(crate) inputs: &'a Inputs,
    pub(crate) pair: &'a Pair,
    pub(crate) flows: &'a FlowMatrix,
    pub(crate) events: &'a SortedFeatures,
    pub(crate) run_id: &'a str,
    pub(crate) scratch: &'a Path,
}

impl Balances<'_> {
    /// Writes all files to a folder; the soils, if they were asked for.
    pub(crate) fn write(&self, folder: &Path) -> Result<(Option<Soils>, WrittenTables)> {
        let Self { config, inputs, pair, flows, events, run_id, scratch } = *self;
        let soils = config.artificialisation.as_ref();
        let soils = soils.map(|options| Soils::new(pair, inputs, options, scratch)).transpose()?;
        let mut warnings: Vec<Warning> = soils.iter().flat_map(|soils| soils.warnings(inputs)).collect();
        let vintages = inputs.vintages()?.map(Years::from);
        let tables = Tables { pair, soils: soils.as_ref(), inputs, vintages, flows, config, run_id, scratch };
        let mut written = tables.write(folder)?;
        warnings.append(&mut written.warnings);
        written.warnings = warnings;
        if let Some(soils) = &soils {
            let of = Differential { pair, soils, inputs, events, run_id, titles: config.titles };
            let path = of.write(folder)?;
            for (layer, date) in config.artificialisation.iter().flat_map(ArtificialisationOptions::layers) {
                let titles = config.titles;
                Product { pair, soils, inputs, run_id, titles, of: layer, date }.append(&path)?;
            }
            written.files.push(StagedArtifact::new(&path, ROLE_BALANCE)?);
        }
        Ok((soils, written))
    }
}
