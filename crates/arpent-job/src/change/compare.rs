//! One pass over the rows of both dates: what is kept, what it became, and where it goes.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::rounded;
use arpent_base::{Result, sha256_hex};
use arpent_change::balance::FlowMatrix;
use arpent_change::events::{
    Displaced, Event, EventKind, Evidence, Objects, Outcome, Rules, Sieve, SieveCounts, SievedRow,
};
use arpent_gdal::{Aoi, RasterKind, StripWriter};
use arpent_publish::{SortedFeatures, Spool, SpoolOptions};
use arpent_raster::{Grid, PixelArea, Raster, Window};
use arpent_vector::{VectorOptions, Vectorizer};
use serde::Deserialize;

use super::chips::{Notable, Selection};
use super::classes::Classes;
use super::columns::{Dates, values};
use super::control::{Stable, StableFacts};
use super::identities::Identities;
use super::lineage::{LineageFile, LineageTable};

/// Rows after which displaced objects are looked for, counted from the origin of the CRS.
const ADVANCE: i64 = 64;
/// Rows that are written to a raster at a time.
const STRIP: usize = 256;
/// Memory of the events before they are sorted on disk, bytes.
const SPOOL_RUN_BYTES: usize = 64 << 20;

/// Some rows of both dates, on one window.
pub(crate) struct Block {
    /// Classes of the comparison; 255 where a date was not observed.
    pub(crate) classes: [Raster<u8>; 2],
    /// Image scores.
    pub(crate) image: Option<Raster<u8>>,
    /// Classes of the date before the earlier one, from a previous comparison.
    pub(crate) earlier: Option<Raster<u8>>,
    /// Confidences of the maps.
    pub(crate) confidences: [Option<Raster<u8>>; 2],
}

impl Block {
    /// What is known of a row beside its classes.
    fn evidence(&self, row: usize) -> Evidence<'_> {
        Evidence {
            image: self.image.as_ref().map(|raster| raster.row(row)),
            earlier: self.earlier.as_ref().map(|raster| raster.row(row)),
            confidence: self.confidences.each_ref().map(|of| of.as_ref().map(|raster| raster.row(row))),
        }
    }
}

/// What a pass needs to know.
pub(crate) struct Comparison<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) extent: Window,
    pub(crate) classes: &'a Classes,
    pub(crate) rules: &'a Rules,
    pub(crate) dates: &'a Dates,
    /// Largest distance of displaced objects, pixels.
    pub(crate) lean_px: f64,
    pub(crate) scene_ids: &'a [String],
    pub(crate) scratch: &'a Path,
    /// Number of events with pictures.
    pub(crate) chips: usize,
    /// Ground that is known not to have changed.
    pub(crate) stable: Option<&'a Aoi>,
    /// Whether no maps are compared.
    pub(crate) images_alone: bool,
}

/// Results of a pass.
pub(crate) struct Compared {
    pub(crate) events: SortedFeatures,
    pub(crate) counts: BTreeMap<EventKind, KindCount>,
    pub(crate) sieve: SieveCounts,
    /// What became what on all observed pixels, before and after changes that are not kept were left out.
    pub(crate) raw: FlowMatrix,
    pub(crate) flows: FlowMatrix,
    /// Rasters of the classes of both dates, with changes that are not kept left out.
    pub(crate) rasters: [StripWriter; 2],
    pub(crate) lineage: LineageFile,
    pub(crate) identities: Identities,
    pub(crate) flickers: u64,
    /// What was found on ground that is known not to have changed.
    pub(crate) stable: Option<StableFacts>,
    /// The largest and the least certain events.
    pub(crate) notable: Notable,
}

/// Events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct KindCount {
    pub(crate) events: u64,
    pub(crate) changed_m2: f64,
}

impl Comparison<'_> {
    /// Reads all rows once, from north to south, by blocks of about `pixels_at_a_time` pixels.
    pub(crate) fn pass(
        &self,
        identities: Identities,
        pixels_at_a_time: usize,
        read: &mut dyn FnMut(Window) -> Result<Block>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Compared> {
        let mut sieve = Sieve::new(self.extent, self.rules.clone())?;
        let mut kept = Kept::new(self, identities)?;
        let mut raw = FlowMatrix::default();
        let area = PixelArea::new(self.grid);
        for window in self.extent.strips_of(pixels_at_a_time) {
            let block = read(window)?;
            for (i, row) in (window.row..window.row_end()).enumerate() {
                let [before, after] = [0, 1].map(|date: usize| block.classes[date].row(i));
                let pixel_area_m2 = area.of_row(row);
                raw.add_row(row.cast_unsigned(), before, after, pixel_area_m2)?;
                if let Some(stable) = &mut kept.stable {
                    stable.push_found(row, before, after, pixel_area_m2);
                }
                let evidence = block.evidence(i);
                let mut keep = |row: SievedRow<'_>| kept.take(&row);
                sieve.push_row::<arpent_base::Failure>(before, after, evidence, pixel_area_m2, &mut keep)?;
            }
            progress(window.pixels());
        }
        let counts = sieve.finish::<arpent_base::Failure>(&mut |row| kept.take(&row))?;
        kept.finish(raw, counts)
    }
}

/// Takes what the sieve kept.
struct Kept<'a> {
    objects: Objects,
    displaced: Displaced,
    flows: FlowMatrix,
    strips: [Strip; 2],
    stable: Option<Stable<'a>>,
    sink: Sink<'a>,
}

/// Rows of a raster until they are a strip.
struct Strip {
    raster: StripWriter,
    first: i64,
    rows: Vec<u8>,
}

impl Strip {
    fn take(&mut self, row: i64, values: &[u8]) -> Result<()> {
        if self.rows.is_empty() {
            self.first = row;
        }
        self.rows.extend_from_slice(values);
        if self.rows.len() >= STRIP * values.len() {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.raster.write_rows(self.first, &self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }
}

impl<'a> Kept<'a> {
    fn new(of: &'a Comparison<'a>, identities: Identities) -> Result<Self> {
        let strip = |name: &str| -> Result<Strip> {
            let kind = RasterKind::Labels(&of.classes.nomenclature);
            let raster = StripWriter::create(&of.scratch.join(name), of.extent, of.grid, kind)?;
            Ok(Strip { raster, first: of.extent.row, rows: Vec::new() })
        };
        Ok(Self {
            objects: Objects::new(of.extent, of.rules.clone())?,
            displaced: Displaced::new(of.lean_px),
            flows: FlowMatrix::default(),
            strips: [strip("before.part.tif")?, strip("after.part.tif")?],
            stable: of.stable.map(|aoi| Stable::new(aoi, of.extent)),
            sink: Sink::new(of, identities)?,
        })
    }

    fn take(&mut self, row: &SievedRow<'_>) -> Result<()> {
        let Self { objects, displaced, flows, strips, stable, sink, .. } = self;
        flows.add_row(row.row.cast_unsigned(), row.before, row.after, row.pixel_area_m2)?;
        if let Some(stable) = stable {
            stable.push_kept(row.row, row.before, row.after, row.pixel_area_m2);
        }
        for (strip, values) in strips.iter_mut().zip([row.before, row.after]) {
            strip.take(row.row, values)?;
        }
        objects.push_row(row.before, row.after, row.evidence, row.pixel_area_m2, &mut |outcome| {
            displaced.push(outcome, &mut |outcome| sink.take(outcome));
        })?;
        if row.row % ADVANCE == 0 {
            let first_open = objects.first_open_row();
            displaced.advance(first_open, &mut |outcome| sink.take(outcome));
        }
        sink.check()
    }

    fn finish(self, raw: FlowMatrix, sieve: SieveCounts) -> Result<Compared> {
        let Self { objects, mut displaced, flows, strips, stable, mut sink } = self;
        objects.finish(&mut |outcome| displaced.push(outcome, &mut |outcome| sink.take(outcome)));
        displaced.finish(&mut |outcome| sink.take(outcome));
        sink.check()?;
        let rasters = strips.map(|mut strip| strip.flush().map(|()| strip.raster));
        let [before, after] = rasters;
        let Sink { spool, counts, lineage, identities, flickers, selection, .. } = sink;
        Ok(Compared {
            events: spool.finish()?,
            counts,
            sieve,
            raw,
            flows,
            rasters: [before?, after?],
            lineage: lineage.finish()?,
            identities,
            flickers,
            stable: stable.as_ref().map(Stable::facts),
            notable: selection.finish(),
        })
    }
}

/// Makes features of events, rows of lineage and ids of objects; keeps the first error.
struct Sink<'a> {
    of: &'a Comparison<'a>,
    vectorizer: Vectorizer,
    spool: Spool,
    counts: BTreeMap<EventKind, KindCount>,
    lineage: LineageTable,
    identities: Identities,
    flickers: u64,
    selection: Selection,
    outcome: Result<()>,
}

impl<'a> Sink<'a> {
    fn new(of: &'a Comparison<'a>, identities: Identities) -> Result<Self> {
        Ok(Self {
            of,
            vectorizer: Vectorizer::new(of.grid, &of.classes.nomenclature, VectorOptions::default())?,
            spool: Spool::create(
                of.scratch,
                of.grid,
                SpoolOptions { run_bytes: SPOOL_RUN_BYTES, ..SpoolOptions::default() },
            )?,
            counts: BTreeMap::new(),
            lineage: LineageTable::new(of.scratch)?,
            identities,
            flickers: 0,
            selection: Selection::new(of.chips),
            outcome: Ok(()),
        })
    }

    fn check(&mut self) -> Result<()> {
        std::mem::replace(&mut self.outcome, Ok(()))
    }

    fn take(&mut self, mut outcome: Outcome) {
        // Images alone say that ground differs, not whether a thing appeared on it or went.
        if let (Outcome::Event(event), true) = (&mut outcome, self.of.images_alone) {
            event.kind = EventKind::Reclassified;
        }
        if self.outcome.is_ok() {
            self.outcome = self.try_take(&outcome);
        }
    }

    fn try_take(&mut self, outcome: &Outcome) -> Result<()> {
        let ids = self.identities.identify(outcome)?;
        let Outcome::Event(event) = outcome else { return Ok(()) };
        let runs: Vec<[i64; 3]> = event.runs.iter().map(|run| [run.row, run.start, run.end]).collect();
        let mut feature = self.vectorizer.runs_to_feature(event.to, &runs)?;
        feature.id = event_id(&feature.id, event);
        feature.score = event.image_score.map(|score| rounded(score, 4));
        feature.scene_ids = self.of.scene_ids.to_vec();
        feature.acquired.clone_from(&self.of.dates.after);
        let flicker = event.returned.map(|share| share > 0.5);
        self.flickers += u64::from(flicker == Some(true));
        feature.attributes = values(event, &ids, flicker, self.of.classes, self.of.dates);
        ids.lineage.iter().try_for_each(|row| self.lineage.push(&feature.id, row))?;
        self.selection.push(event, &feature.id, feature.score);
        let count = self.counts.entry(event.kind).or_default();
        count.events += 1;
        count.changed_m2 += event.area_m2();
        Ok(self.spool.push(&feature)?)
    }
}

/// The id of an event: of its pixels, kind and classes. Events that show the same pixels differ in one of these.
fn event_id(pixels: &str, event: &Event) -> String {
    let text = format!("event\n{pixels}\n{}\n{}\n{}", event.kind.name(), event.from, event.to);
    let mut id = sha256_hex(text.as_bytes());
    id.truncate(32);
    id
}
