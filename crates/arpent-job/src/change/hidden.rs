//! What was not observed at a date: polygons, a raster of classes, or the map of a mask.

use arpent_base::{Result, redacted};
use arpent_gdal::{Aoi, Fingerprint};
use arpent_publish::Warning;
use arpent_raster::{Grid, Window};

use crate::config::{DateInputs, MaskClass};
use crate::mask::{MadeOf, MaskError, RasterMask, kind_of, open_raster};

/// Number of everything that a raster hides: reasons are not told apart here.
const HIDDEN: u8 = 1;

/// What was not observed at a date.
pub(crate) enum Hidden {
    /// Polygons.
    Areas(Aoi),
    /// A raster; what it says nothing of was observed.
    Raster(Box<RasterMask>, Option<Warning>),
}

impl Hidden {
    /// Opens what the configuration of a date names; with what identifies its bytes.
    ///
    /// # Errors
    /// Layers and rasters that cannot be used; [`MaskError::NotMade`] for a model.
    pub(crate) fn open(
        date: &DateInputs,
        grid: &Grid,
        extent: &Window,
    ) -> Result<Option<(Self, Fingerprint)>> {
        let Some(layer) = &date.not_observed else { return Ok(None) };
        let classes: &[MaskClass] = &date.not_observed_classes;
        let mask = redacted(layer);
        match kind_of(layer)? {
            MadeOf::Areas if !classes.is_empty() => {
                let (kind, option) = ("a vector layer", "classes");
                Err(MaskError::WrongOption { mask, kind, option }.into())
            }
            MadeOf::Areas => {
                let areas = arpent_gdal::read_aoi(layer, grid, extent)?;
                Ok(Some((Self::Areas(areas), arpent_gdal::fingerprint_layer(layer)?)))
            }
            made_of @ (MadeOf::Raster | MadeOf::Map) => {
                let facts = open_raster(layer, &made_of, classes, (grid, extent))?;
                let raster = RasterMask::open(&facts.address, &facts.numbers(&mut |_| HIDDEN))?;
                let partial = (!facts.is_below_all).then(|| partial(&mask));
                Ok(Some((Self::Raster(Box::new(raster), partial), facts.print)))
            }
            MadeOf::Model(_) | MadeOf::Run(_) => Err(MaskError::NotMade { mask }.into()),
        }
    }

    /// What is doubtful about it.
    pub(crate) fn warning(&self) -> Option<&Warning> {
        if let Self::Raster(_, warning) = self { warning.as_ref() } else { None }
    }

    /// Whether each pixel of a window is hidden, row by row. The same for a pixel in every window.
    ///
    /// # Errors
    /// A raster that cannot be read.
    pub(crate) fn mask(&self, grid: &Grid, window: &Window) -> Result<Vec<bool>> {
        Ok(match self {
            Self::Areas(areas) => areas.mask(*window).data().to_vec(),
            Self::Raster(raster, _) => {
                raster.reasons(grid, window)?.iter().map(|number| *number == HIDDEN).collect()
            }
        })
    }
}

/// A warning about a raster that does not cover what is compared.
fn partial(mask: &str) -> Warning {
    let message = format!(
        "{mask} does not cover everything that is compared: beyond it, everything is taken as observed"
    );
    let hint = "use a mask that covers both dates";
    Warning::new("mask-unknown", "not_observed", message).with_hint(hint)
}
