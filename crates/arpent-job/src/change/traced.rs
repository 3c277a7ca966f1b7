//! Areas of pixels of one kind, traced in as many passes as the number of kinds needs.

use std::collections::BTreeSet;

use arpent_base::Result;
use arpent_raster::{CONFIDENCE_NODATA, LABEL_NODATA, PixelArea, Window};
use arpent_vector::{Feature, Polygonizer, Vectorizer};

/// Pixels that are read at a time.
pub(crate) const PIXELS_AT_A_TIME: usize = 4_000_000;
/// Kinds that are traced in one pass: the values of a byte but nodata.
const KINDS: usize = 255;

/// What makes pixels equal.
pub(crate) type Kind = [u8; 6];

/// Gives the kind of each pixel of a block; `None` for pixels that are not traced.
type Kinds<'a> = dyn FnMut(Window) -> Result<Vec<Option<Kind>>> + 'a;

/// Calls `each` with the 4-connected areas of pixels of one kind, by kinds, in an order that depends on the pixels alone.
/// Areas without end are cut on the lattice.
pub(crate) fn traced(
    window: Window,
    vectorizer: &Vectorizer,
    kinds: &mut Kinds<'_>,
    each: &mut dyn FnMut(&Feature, Kind) -> Result<()>,
) -> Result<()> {
    let mut found = BTreeSet::new();
    for block in window.strips_of(PIXELS_AT_A_TIME) {
        found.extend(kinds(block)?.into_iter().flatten());
    }
    let area = PixelArea::new(vectorizer.grid());
    let confidence = vec![CONFIDENCE_NODATA; window.width];
    for some in found.into_iter().collect::<Vec<Kind>>().chunks(KINDS) {
        let mut polygonizer = Polygonizer::new(window, [true; 256])?;
        let mut outcome = Ok(());
        let mut take = |region| {
            let Some(feature) = vectorizer.region_to_feature(&region) else { return };
            if outcome.is_ok() {
                outcome = each(&feature, some[usize::from(feature.class_id)]);
            }
        };
        for block in window.strips_of(PIXELS_AT_A_TIME) {
            let number = |kind: &Option<Kind>| {
                let at = kind.and_then(|kind| some.binary_search(&kind).ok());
                at.and_then(|at| u8::try_from(at).ok()).unwrap_or(LABEL_NODATA)
            };
            let labels: Vec<u8> = kinds(block)?.iter().map(number).collect();
            for (row, labels) in (block.row..).zip(labels.chunks(block.width)) {
                polygonizer.push_row(labels, &confidence, area.of_row(row), &mut take)?;
            }
        }
        polygonizer.finish(&mut take);
        outcome?;
    }
    Ok(())
}
