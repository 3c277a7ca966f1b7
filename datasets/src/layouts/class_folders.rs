//! One folder per class: `<class>/<item>.jpg`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_raster::{Raster, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_mask::Pictures;
use super::layout::{Layout, Listed};
use super::names::Names;
use crate::ellipse::ellipse_pixels;
use crate::folders::ImageFolder;
use crate::remarks::Seen;
use crate::set::Set;
use crate::{AnnotatedBox, Card, DatasetError, Example, IGNORE, Split, Truth};

/// Options of the layout `class-folders`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassFolders {
    /// Names of the card by names of folders, where they differ.
    pub names: BTreeMap<String, String>,
    /// Folders to leave out.
    pub skip: Vec<String>,
    /// Size of the central ellipse that is certainly of the class, as a share of the picture's half-sides, for tasks that label
    /// pixels: the rest is unknown. Without it, the class applies to the picture as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ellipse: Option<f64>,
}

#[derive(Debug)]
pub(super) struct ClassFoldersLayout {
    items: Vec<Listed>,
    classes: Vec<u8>,
    pictures: Pictures,
    ellipse: Option<f64>,
}

pub(super) fn find(
    options: &ClassFolders,
    root: &Path,
    card: &Card,
) -> Result<ClassFoldersLayout, DatasetError> {
    if options.ellipse.is_some_and(|part| !(part > 0.0 && part <= 1.0)) {
        let problem = "`ellipse` must lie above 0 and up to 1".into();
        return Err(DatasetError::BadConfig { path: root.to_owned(), problem });
    }
    let names = Names::new(card, &options.names, &options.skip);
    let pictures = Pictures::find(card, root, &[ImageFolder::new(".")])?;
    let (mut items, mut classes) = (Vec::new(), Vec::new());
    for id in pictures.ids() {
        let Some((folder, _)) = id.split_once('/') else { continue };
        if let Some(class) = names.id(&root.join(folder), None, folder)? {
            items.push(Listed::alone(id));
            classes.push(class);
        }
    }
    Ok(ClassFoldersLayout { items, classes, pictures, ellipse: options.ellipse })
}

impl Layout for ClassFoldersLayout {
    fn items(&self) -> &[Listed] {
        &self.items
    }

    fn place(&self, item: &str) -> PathBuf {
        self.pictures.place(item)
    }

    fn check(&self, card: &Card, position: usize) -> Result<(), DatasetError> {
        self.pictures.check(card, &self.items[position].item)
    }

    fn read(&self, set: &Set, position: usize, _: Split) -> Result<Example, DatasetError> {
        let (item, mut seen) = (&self.items[position].item, Seen::default());
        let (_, chip) = self.pictures.read(set, item, &mut seen)?;
        set.remark(item, &seen);
        let class_id = self.classes[position];
        let truth = match self.ellipse {
            Some(part) => object(chip.window, class_id, part),
            None => Truth::Classes(vec![class_id]),
        };
        Ok(Example { chips: vec![chip], truth })
    }
}

/// One object that fills its picture.
fn object(window: Window, class_id: u8, part: f64) -> Truth {
    #[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
    let [width, height] = [window.width, window.height].map(|side| side as f64);
    let bbox = [0.0, 0.0, width, height];
    let mut labels = Raster::filled(window, IGNORE);
    let inside = ellipse_pixels(bbox, part, [window.width, window.height]);
    inside.for_each(|pixel| labels.data_mut()[pixel] = class_id);
    Truth::Objects { labels, boxes: vec![AnnotatedBox { class_id, bbox, oriented: None }] }
}
