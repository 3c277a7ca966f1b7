//! What persons open of an output: files that are made of its manifest and of its other files.

mod imagery;
mod output;
mod page;
mod stretch;
mod zone_tiles;

use std::path::Path;

use arpent_base::Result;
use arpent_publish::StagedArtifact;

use imagery::Pictured;
pub(crate) use imagery::{Imagery, Scenes, bands_of, dates_of, name_of};
pub(crate) use output::{Output, ZoneTable};
pub(crate) use page::title_of_dates;
pub(crate) use stretch::{colors, limits_of};
pub(crate) use zone_tiles::{ZoneSpec, ZoneTiles};

impl Output<'_> {
    /// Writes what the options ask for to a folder, beside the files that `staged` has, and appends it to them.
    ///
    /// # Errors
    /// When places of the output cannot be transformed to WGS 84, a scene cannot be read, or a file cannot be written.
    pub(crate) fn present(&self, staged: &mut Vec<StagedArtifact>, folder: &Path) -> Result<()> {
        if let Some(scenes) = self.scenes.as_ref().filter(|_| self.options.imagery) {
            staged.extend(imagery::write(&self.pictured(), scenes, folder)?);
        }
        // Last: the page lists the files.
        if self.options.viewer {
            staged.push(page::write(self, staged, folder)?);
        }
        Ok(())
    }

    /// What files of pictures say.
    fn pictured(&self) -> Pictured<'_> {
        Pictured {
            title: self.title(),
            run_id: &self.manifest.run_id,
            attribution: self.options.attribution.as_deref().unwrap_or_default(),
            grid: self.grid,
            window: self.window,
        }
    }
}
