//! Vectorization of a label raster block by block.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use arpent_raster::{CONFIDENCE_NODATA, Window};
use arpent_vector::{
    BlockSurvey, Connectivity, Coverage, CoverageRules, Fragments, Polygonizer, Region, RegionJoiner, Settled,
};
use serde_json::{Value, json};

/// Labels in memory, cut into blocks.
struct Cut {
    extent: Window,
    labels: Vec<u8>,
    blocks: Vec<Window>,
}

impl Cut {
    /// The rows of a block, with their numbers.
    fn rows(&self, block: &Window) -> impl Iterator<Item = &[u8]> {
        let (col, row) = self.extent.offset_of(block).unwrap_or_default();
        let rows = self.labels.chunks_exact(self.extent.width).skip(row).take(block.height);
        let columns = col..col + block.width;
        rows.map(move |row| &row[columns.clone()])
    }
}

/// Processor time of each step, seconds, and bytes of what is kept between them.
#[derive(Debug, Default)]
struct Spent {
    survey: f64,
    settle: f64,
    trace: f64,
    join: f64,
    bytes: [usize; 3],
    unsettled: usize,
    regions: u64,
    vertices: u64,
}

impl Spent {
    fn count(&mut self, region: &Region) {
        self.regions += 1;
        self.vertices += region.rings.iter().map(|ring| ring.len() as u64).sum::<u64>();
    }
}

/// Makes regions from a file of labels, one byte each, row by row, in blocks of `side` pixels; of a coverage, if there are
/// rules. Returns their number, the processor time and the bytes that blocks leave.
///
/// # Errors
/// If the file cannot be read or is not a whole number of rows, or if blocks do not fit the lattice.
pub fn run(path: &Path, width: usize, side: usize, rules: Option<&CoverageRules>) -> Result<Value> {
    let labels = std::fs::read(path).with_context(|| path.display().to_string())?;
    let count = labels.len();
    ensure!(width > 0 && count.is_multiple_of(width), "{count} labels are no whole rows of {width}");
    let every = i64::try_from(side)?;
    ensure!(every > 0, "blocks have a side");
    let extent = Window::new(0, 0, width, count / width);
    let blocks = extent.split_rows(every).flat_map(|rows| rows.split_columns(every)).collect();
    let cut = Cut { extent, labels, blocks };
    let mut spent = Spent::default();
    match rules {
        Some(rules) => coverage(&cut, rules, &mut spent)?,
        None => regions(&cut, &mut spent)?,
    }
    let Spent { survey, settle, trace, join, bytes: [borders, settled, fragments], .. } = spent;
    Ok(json!({
        "regions": spent.regions, "vertices": spent.vertices, "blocks": cut.blocks.len(),
        "processor_seconds": { "survey": survey, "settle": settle, "trace": trace, "join": join },
        "bytes": { "borders": borders, "settled": settled, "fragments": fragments },
        "unsettled": spent.unsettled,
    }))
}

fn regions(cut: &Cut, spent: &mut Spent) -> Result<()> {
    let four = Connectivity::Four;
    let mut joiner = RegionJoiner::new(cut.extent, four)?;
    for block in &cut.blocks {
        let confidence = vec![CONFIDENCE_NODATA; block.width];
        let began = processor_seconds()?;
        let mut polygonizer = Polygonizer::of_block(cut.extent, *block, [true; 256], four)?;
        for labels in cut.rows(block) {
            polygonizer.push_row(labels, &confidence, 1.0, &mut |region| spent.count(&region))?;
        }
        let fragments = polygonizer.leave(&mut |region| spent.count(&region));
        let traced = processor_seconds()?;
        spent.trace += traced - began;
        join(&mut joiner, fragments, spent)?;
    }
    joiner.finish()?;
    Ok(())
}

fn coverage(cut: &Cut, rules: &CoverageRules, spent: &mut Spent) -> Result<()> {
    let mut settler = rules.settler(cut.extent)?;
    for block in &cut.blocks {
        let began = processor_seconds()?;
        let mut survey = BlockSurvey::new(cut.extent, *block, rules)?;
        for labels in cut.rows(block) {
            survey.push_row(labels, None, 1.0)?;
        }
        let borders = survey.finish()?;
        let surveyed = processor_seconds()?;
        spent.survey += surveyed - began;
        spent.bytes[0] += borders.encode().len();
        spent.unsettled += borders.regions();
        let began = processor_seconds()?;
        settler.add(&borders)?;
        spent.settle += processor_seconds()? - began;
    }
    let began = processor_seconds()?;
    let settlement = settler.settle()?;
    spent.settle += processor_seconds()? - began;
    let mut joiner = rules.joiner(cut.extent)?;
    for settled in &settlement.blocks {
        spent.bytes[1] += settled.encode().len();
        let began = processor_seconds()?;
        let fragments = trace(cut, rules, settled, spent)?;
        spent.trace += processor_seconds()? - began;
        join(&mut joiner, fragments, spent)?;
    }
    joiner.finish()?;
    Ok(())
}

fn trace(cut: &Cut, rules: &CoverageRules, settled: &Settled, spent: &mut Spent) -> Result<Fragments> {
    let block = settled.block();
    let confidence = vec![CONFIDENCE_NODATA; block.width];
    let mut coverage = Coverage::of_block(cut.extent, rules, settled)?;
    for labels in cut.rows(&block) {
        let sink = &mut |region| spent.count(&region);
        coverage.push_row(labels, (labels, &confidence), None, 1.0, &mut |_| {}, sink)?;
    }
    let (_, fragments) = coverage.leave(&mut |_| {}, &mut |region| spent.count(&region))?;
    Ok(fragments)
}

fn join(joiner: &mut RegionJoiner, fragments: Fragments, spent: &mut Spent) -> Result<()> {
    spent.bytes[2] += fragments.encode().len();
    let began = processor_seconds()?;
    joiner.take(fragments, &mut |region| spent.count(&region))?;
    spent.join += processor_seconds()? - began;
    Ok(())
}

/// Processor time of this thread, seconds.
fn processor_seconds() -> Result<f64> {
    let path = "/proc/thread-self/schedstat";
    let text = std::fs::read_to_string(path).context(path)?;
    let nanoseconds: f64 = text.split_whitespace().next().unwrap_or_default().parse().context(path)?;
    Ok(nanoseconds / 1e9)
}
