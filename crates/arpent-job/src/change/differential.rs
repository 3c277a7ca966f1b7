//! What changed, in the columns of the differential of OCS GE: `ocsge.gpkg`.
//!
//! A feature is what one event (or, where the cover stayed, one area) changed from one pair of cover and use to another.
//! The areas add up to the tables: those whose covers differ to `flows.csv`, those with `artificialisation` 1 and -1 to
//! `artificialisation.csv`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::number::signed;
use arpent_base::{Cell, Column, ColumnKind, Language, Result, Value, sha256_hex};
use arpent_gdal::{LayerWriter, area_of_wkb};
use arpent_publish::{STATE_NOT_VERIFIED, SortedFeatures};
use arpent_raster::{LABEL_NODATA, Nomenclature, Raster, Window};
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;
use arpent_vector::{Feature, VectorOptions, Vectorizer, parts_to_wkb};

use super::balance::{Pair, Soils};
use super::columns::columns as event_columns;
use super::inputs::Inputs;
use super::ocs_ge::{self, area_column, layer_options, review_columns};
use super::traced::{Kind, PIXELS_AT_A_TIME, traced};

/// File of the products in the columns of OCS GE.
pub(crate) const OCS_GE: &str = "ocsge.gpkg";
/// What the differential is made of.
pub(crate) struct Differential<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) soils: &'a Soils,
    pub(crate) inputs: &'a Inputs,
    pub(crate) events: &'a SortedFeatures,
    pub(crate) run_id: &'a str,
    pub(crate) titles: Language,
}

/// Ids and score of the event that a change belongs to.
#[derive(Default)]
struct OfEvent {
    id: Option<String>,
    before: Option<String>,
    after: Option<String>,
    score: Option<f64>,
}

/// The columns of the layer `differentiel` of a comparison, in the order of its cells.
pub fn columns() -> Vec<Column> {
    let text = |name: &str| Column::new(name, ColumnKind::Text);
    let [state, run_id] = review_columns();
    vec![
        text("id")
            .titled("Identifier", "Identifiant")
            .described("32 hexadecimal digits made from the pixels and what they became.")
            .required(),
        text("cs_avant").titled("Cover before", "Couverture avant").described("Cover code of OCS GE at the earlier date."),
        text("cs_apres").titled("Cover after", "Couverture après").described("Cover code of OCS GE at the later date."),
        text("us_avant")
            .titled("Use before", "Usage avant")
            .described("Use code of OCS GE at the earlier date; empty where the maps have none."),
        text("us_apres")
            .titled("Use after", "Usage après")
            .described("Use code of OCS GE at the later date; empty where the maps have none."),
        text("id_avant")
            .titled("Objects before", "Objets avant")
            .described("Ids of the objects of the event at the earlier date, separated by commas; empty where the cover stayed."),
        text("id_apres")
            .titled("Objects after", "Objets après")
            .described("Ids of the objects of the event at the later date, separated by commas; empty where the cover stayed."),
        Column::new("artificialisation", ColumnKind::Integer)
            .titled("Artificialisation", "Artificialisation")
            .described("1: became artificial; -1: became non-artificial; 0: neither; empty where a class has no code of the rule."),
        area_column(),
        text("event_id")
            .titled("Event", "Événement")
            .described("Id of the event; empty where the cover stayed: a change of the use, or of what encloses it."),
        Column::new("score", ColumnKind::Real)
            .titled("Score", "Score")
            .described("Score of the event, 0 to 1; empty without images of both dates."),
        state,
        run_id,
    ]
}

impl Differential<'_> {
    /// Writes the layer `differentiel` to a new file in a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        let stage = Stage::begin("differential", 0);
        let path = folder.join(OCS_GE);
        let (columns, grid) = (columns(), &self.inputs.grid);
        let style = ocs_ge::style(&columns, self.titles);
        let options = layer_options("differentiel", &grid.crs, &columns, (self.titles, &style));
        let classes = &self.inputs.classes.nomenclature;
        let mut sink = Sink {
            layer: LayerWriter::create(&path, &options)?,
            vectorizer: Vectorizer::new(grid, classes, VectorOptions::default())?,
            classes,
            uses: ocs_ge::uses(),
            run_id: self.run_id,
            written: 0,
        };
        self.of_events(&mut sink)?;
        self.of_the_rest(&mut sink)?;
        let written = sink.written;
        sink.layer.finish()?;
        stage.end(&format!("{} changes", count(written)));
        Ok(path)
    }

    /// The changes of cover, event by event: every changed pixel belongs to one.
    fn of_events(&self, sink: &mut Sink<'_>) -> Result<()> {
        let names: Vec<String> = event_columns().into_iter().map(|column| column.name).collect();
        let place = |name: &str| names.iter().position(|known| known == name);
        let objects = [place("objects_before"), place("objects_after")];
        let ground = place("changed_m2");
        for event in self.events.read()? {
            let event: Feature = event?;
            // An event without ground of its own shows that of others.
            let has_ground = |at: usize| event.attributes[at].as_ref().and_then(Value::as_number) > Some(0.0);
            if !ground.is_some_and(has_ground) {
                continue;
            }
            let Some(pixels) = area_of_wkb(&parts_to_wkb(&event.polygons.0), &self.inputs.grid) else {
                continue;
            };
            let Some(window) = pixels.window().intersect(&self.pair.window()) else { continue };
            let mut runs: BTreeMap<Kind, Vec<[i64; 3]>> = BTreeMap::new();
            for block in window.strips_of(PIXELS_AT_A_TIME) {
                let (kinds, mask) = (self.kinds(block)?, pixels.mask(block));
                let inside = |at: usize| Some(kinds[at]).filter(|kind| mask.data()[at] && kind[0] != kind[1]);
                add_runs(block, &inside, &mut runs);
            }
            let text = |at: Option<usize>| match at.and_then(|at| event.attributes.get(at)?.as_ref()) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            };
            let of = OfEvent {
                id: Some(event.id.clone()),
                before: text(objects[0]),
                after: text(objects[1]),
                score: event.score,
            };
            for (kind, runs) in &runs {
                let feature = sink.vectorizer.runs_to_feature(0, runs)?;
                sink.write(&feature, *kind, &of)?;
            }
        }
        Ok(())
    }

    /// What changed where the cover stayed: the use, or whether it is artificial, since what is around it changed.
    fn of_the_rest(&self, sink: &mut Sink<'_>) -> Result<()> {
        let window = self.pair.window();
        let is_rest = |kind: &Kind| {
            let differs = |at: usize| {
                kind[at] != kind[at + 1] && kind[at] != LABEL_NODATA && kind[at + 1] != LABEL_NODATA
            };
            kind[0] == kind[1] && kind[0] != LABEL_NODATA && (kind[2] != kind[3] || differs(4))
        };
        let vectorizer = sink.vectorizer.clone();
        let mut kinds =
            |block| Ok(self.kinds(block)?.into_iter().map(|kind| is_rest(&kind).then_some(kind)).collect());
        traced(window, &vectorizer, &mut kinds, &mut |feature, kind| {
            sink.write(feature, kind, &OfEvent::default())
        })
    }

    /// Cover, use and whether it is artificial, each before and after, pixel by pixel.
    fn kinds(&self, block: Window) -> Result<Vec<Kind>> {
        let covers = self.pair.read(block)?;
        let uses = [self.inputs.uses(0, &covers[0])?, self.inputs.uses(1, &covers[1])?];
        let artificial = self.soils.artificial.read(block)?;
        let usage = |of: Option<&Raster<u8>>, at: usize| of.map_or(LABEL_NODATA, |uses| uses.data()[at]);
        let kind = |at: usize| {
            let [before, after] = [0, 1].map(|date: usize| covers[date].data()[at]);
            [
                before,
                after,
                usage(uses[0].as_ref(), at),
                usage(uses[1].as_ref(), at),
                artificial[0].data()[at],
                artificial[1].data()[at],
            ]
        };
        let not_observed = [LABEL_NODATA; 6];
        let whole =
            |kind: Kind| if kind[0] == LABEL_NODATA || kind[1] == LABEL_NODATA { not_observed } else { kind };
        Ok((0..block.width * block.height).map(|at| whole(kind(at))).collect())
    }
}

/// Adds the runs of a block to those of their kinds.
fn add_runs(block: Window, kind: &dyn Fn(usize) -> Option<Kind>, runs: &mut BTreeMap<Kind, Vec<[i64; 3]>>) {
    for (row, number) in (0..block.height).zip(block.row..) {
        let mut col = 0;
        while col < block.width {
            let here = kind(row * block.width + col);
            let rest = col..block.width;
            let end = rest.clone().find(|col| kind(row * block.width + col) != here).unwrap_or(rest.end);
            if let Some(kind) = here {
                let run = [number, block.col + signed(col), block.col + signed(end)];
                runs.entry(kind).or_default().push(run);
            }
            col = end;
        }
    }
}

fn text(text: Option<&String>) -> Cell<'_> {
    Cell::from(text.map(String::as_str))
}

/// The layer that is being written.
struct Sink<'a> {
    layer: LayerWriter,
    vectorizer: Vectorizer,
    classes: &'a Nomenclature,
    uses: Nomenclature,
    run_id: &'a str,
    written: u64,
}

impl Sink<'_> {
    fn write(&mut self, feature: &Feature, kind: Kind, of: &OfEvent) -> Result<()> {
        let mut id = sha256_hex(format!("differential\n{}\n{kind:?}", feature.id).as_bytes());
        id.truncate(32);
        let code = |classes: &'_ Nomenclature, id: u8| classes.by_id(id).and_then(|class| class.code.clone());
        let covers = [kind[0], kind[1]].map(|id| code(self.classes, id));
        let uses = [kind[2], kind[3]].map(|id| code(&self.uses, id));
        let artificial = match (kind[4], kind[5]) {
            (LABEL_NODATA, _) | (_, LABEL_NODATA) => Cell::Null,
            (before, after) => Cell::Integer(i64::from(after) - i64::from(before)),
        };
        let cells = [
            Cell::Text(&id),
            text(covers[0].as_ref()),
            text(covers[1].as_ref()),
            text(uses[0].as_ref()),
            text(uses[1].as_ref()),
            text(of.before.as_ref()),
            text(of.after.as_ref()),
            artificial,
            Cell::Real(feature.area_m2),
            text(of.id.as_ref()),
            Cell::from(of.score),
            Cell::Text(STATE_NOT_VERIFIED),
            Cell::Text(self.run_id),
        ];
        self.layer.write(&parts_to_wkb(&feature.polygons.0), &cells)?;
        self.written += 1;
        Ok(())
    }
}
