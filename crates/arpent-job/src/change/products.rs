//! Further layers of `ocsge.gpkg`: the land cover of the later date, and the soils of each date by the law's rules.

use std::path::Path;

use arpent_base::{Cell, Column, ColumnKind, Language, Result, sha256_hex};
use arpent_gdal::LayerWriter;
use arpent_publish::STATE_NOT_VERIFIED;
use arpent_raster::{LABEL_NODATA, Window};
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;
use arpent_vector::{VectorOptions, Vectorizer, parts_to_wkb};

use super::balance::{Pair, Soils};
use super::inputs::Inputs;
use super::ocs_ge::{self, area_column, layer_options, review_columns};
use super::traced::{Kind, traced};
use crate::config::OcsGeLayer;

/// A layer of one date.
pub(crate) struct Product<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) soils: &'a Soils,
    pub(crate) inputs: &'a Inputs,
    pub(crate) run_id: &'a str,
    pub(crate) titles: Language,
    /// What the layer holds.
    pub(crate) of: OcsGeLayer,
    /// 0 for the earlier date, 1 for the later one.
    pub(crate) date: usize,
}

/// The columns of the layers `occupation`, `artificialisation_avant` and `artificialisation_apres` of a comparison; those
/// of soils only in the latter.
pub fn columns(with_soils: bool) -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let mut columns = vec![
        text("id")
            .titled("Identifier", "Identifiant")
            .described("32 hexadecimal digits made from the pixels and their values.")
            .required(),
        text("code_cs")
            .titled("Cover code", "Code de couverture")
            .described("Land cover of the OCS GE nomenclature."),
        text("code_us")
            .titled("Use code", "Code d'usage")
            .described("Land use of the OCS GE nomenclature; empty where the maps have none."),
        Column::new("millesime", ColumnKind::Integer)
            .titled("Year", "Millésime")
            .described("Year of the date; empty if the layer of the date has several vintages."),
    ];
    if with_soils {
        columns.push(
            text("artif")
                .titled("Artificial", "Artificialisé")
                .described("`artif` or `non artif`, after thresholds and exemptions; empty where a class has no code of the rule."),
        );
        columns.push(
            Column::new("crit_seuil", ColumnKind::Integer).titled("Criterion", "Critère de seuil").described(
                "Why: 0: the cover and the use; 1: enclosed in artificial soils, below the threshold; 2: artificial, enclosed, below the \
                 threshold; 3: a building above its threshold; 4: exempt; 5: undecided.",
            ),
        );
    }
    columns.push(area_column());
    columns.extend(review_columns());
    columns
}

impl Product<'_> {
    const fn name(&self) -> &'static str {
        match (self.of, self.date) {
            (OcsGeLayer::Occupation, _) => "occupation",
            (OcsGeLayer::Artificialisation, 0) => "artificialisation_avant",
            (OcsGeLayer::Artificialisation, _) => "artificialisation_apres",
        }
    }

    /// Adds the layer to a file.
    pub(crate) fn append(&self, path: &Path) -> Result<()> {
        let stage = Stage::begin(self.name(), 0);
        let with_soils = self.of == OcsGeLayer::Artificialisation;
        let (columns, grid) = (columns(with_soils), &self.inputs.grid);
        let style = ocs_ge::style(&columns, self.titles);
        let options = layer_options(self.name(), &grid.crs, &columns, (self.titles, &style));
        let mut layer = LayerWriter::append(path, &options)?;
        let classes = &self.inputs.classes.nomenclature;
        let vectorizer = Vectorizer::new(grid, classes, VectorOptions::default())?;
        let (uses, year) = (ocs_ge::uses(), self.year());
        let mut written = 0;
        traced(
            self.pair.window(),
            &vectorizer,
            &mut |block| self.kinds(block, with_soils),
            &mut |feature, kind| {
                let mut id = sha256_hex(format!("{}\n{}\n{kind:?}", self.name(), feature.id).as_bytes());
                id.truncate(32);
                let code = |class: Option<&arpent_raster::Class>| class.and_then(|class| class.code.clone());
                let codes = [code(classes.by_id(kind[0])), code(uses.by_id(kind[1]))];
                let mut cells = vec![
                    Cell::Text(&id),
                    Cell::from(codes[0].as_deref()),
                    Cell::from(codes[1].as_deref()),
                    Cell::from(year),
                ];
                if with_soils {
                    cells.push(match kind[2] {
                        0 => Cell::Text("non artif"),
                        1 => Cell::Text("artif"),
                        _ => Cell::Null,
                    });
                    cells.push(Cell::from((kind[3] != LABEL_NODATA).then_some(i64::from(kind[3]))));
                }
                cells.extend([
                    Cell::Real(feature.area_m2),
                    Cell::Text(STATE_NOT_VERIFIED),
                    Cell::Text(self.run_id),
                ]);
                written += 1;
                Ok(layer.write(&parts_to_wkb(&feature.polygons.0), &cells)?)
            },
        )?;
        layer.finish()?;
        stage.end(&format!("{} areas", count(written)));
        Ok(())
    }

    fn year(&self) -> Option<i64> {
        let layer = self.inputs.maps.as_ref().and_then(|maps| maps[self.date].layer());
        let one = layer.is_none_or(|layer| layer.record.years.len() < 2);
        self.inputs.dates[self.date].get(..4).filter(|_| one).and_then(|year| year.parse().ok())
    }

    /// Cover, use, whether it is artificial and why; `None` where the date was not observed.
    fn kinds(&self, block: Window, with_soils: bool) -> Result<Vec<Option<Kind>>> {
        let covers = self.pair.rasters[self.date].read(block)?;
        let uses = self.inputs.uses(self.date, &covers)?;
        let soils = if with_soils {
            let read = |pair: &Pair| pair.rasters[self.date].read(block);
            Some([read(&self.soils.artificial)?, read(&self.soils.criteria)?])
        } else {
            None
        };
        let kind = |(at, cover): (usize, &u8)| {
            let usage = uses.as_ref().map_or(LABEL_NODATA, |uses| uses.data()[at]);
            let of = |which: usize| soils.as_ref().map_or(LABEL_NODATA, |soils| soils[which].data()[at]);
            (*cover != LABEL_NODATA).then(|| [*cover, usage, of(0), of(1), LABEL_NODATA, LABEL_NODATA])
        };
        Ok(covers.data().iter().enumerate().map(kind).collect())
    }
}
