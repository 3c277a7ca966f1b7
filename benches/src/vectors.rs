//! Vectorization of a label raster, alone.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use arpent_raster::{CONFIDENCE_NODATA, Window};
use arpent_vector::{Coverage, CoverageRules, MappingUnits, Polygonizer, Region};
use serde_json::{Value, json};

/// The output to make from the labels.
#[derive(Debug, Clone, Copy)]
pub enum VectorCase {
    /// The outline of every region.
    Regions,
    /// A coverage: minimum mapping unit in pixels and tolerance in pixels.
    Coverage {
        /// Minimum mapping unit, pixels.
        mmu_px: f64,
        /// Tolerance, pixels.
        tolerance_px: f64,
    },
}

/// Makes regions from a file of labels, one byte each, row by row, and returns their number and the time.
///
/// # Errors
/// If the file cannot be read or is not a whole number of rows.
pub fn run(path: &Path, width: usize, made: VectorCase) -> Result<Value> {
    let bytes = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    let bytes = usize::try_from(bytes)?;
    ensure!(width > 0 && bytes.is_multiple_of(width), "{bytes} labels are no whole rows of {width}");
    let extent = Window::new(0, 0, width, bytes / width);
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut labels, confidence) = (vec![0; width], vec![CONFIDENCE_NODATA; width]);
    let (mut regions, mut vertices) = (0u64, 0u64);
    let mut sink = |region: Region| {
        regions += 1;
        vertices += region.rings.iter().map(|ring| ring.len() as u64).sum::<u64>();
    };
    let began = Instant::now();
    match made {
        VectorCase::Regions => {
            let mut polygonizer = Polygonizer::new(extent, [true; 256])?;
            for _ in 0..extent.height {
                file.read_exact(&mut labels)?;
                polygonizer.push_row(&labels, &confidence, 1.0, &mut sink)?;
            }
            polygonizer.finish(&mut sink);
        }
        VectorCase::Coverage { mmu_px, tolerance_px } => {
            let rules = CoverageRules::new(MappingUnits::new(mmu_px)?, None, tolerance_px)?;
            let mut coverage = Coverage::new(extent, &rules)?;
            for _ in 0..extent.height {
                file.read_exact(&mut labels)?;
                coverage.push_row(&labels, (&labels, &confidence), None, 1.0, &mut |_| {}, &mut sink)?;
            }
            coverage.finish(&mut |_| {}, &mut sink)?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(json!({ "regions": regions, "vertices": vertices, "seconds": seconds }))
}
