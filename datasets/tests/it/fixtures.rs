//! Tiny sets in the layouts of the published ones, made anew for each test.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use arpent_datasets::{Dataset, DatasetError, SetConfig};
use arpent_raster::ReadAs;
use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::ColorType;
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};

/// The shared data: `ARPENT_DATA`, or `../shared/data` beside the repository.
pub(crate) fn data() -> Option<PathBuf> {
    let splits = arpent_testing::real_data("splits.csv")?;
    splits.parent().map(Path::to_path_buf)
}

/// The committed cards.
pub(crate) fn cards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cards")
}

/// A folder with a card, to be filled.
pub(crate) struct Fixture {
    pub(crate) root: TempDir,
}

impl Fixture {
    /// A folder whose card has these bands and classes.
    pub(crate) fn new(bands: &[&str], classes: &[(u8, &str)]) -> Self {
        let root = TempDir::new().unwrap();
        let mut card = format!(
            "name = \"tiny\"\ntitle = \"Tiny\"\nlicence = \"CC0-1.0\"\nsource = \"made here\"\n\
             weights_may_ship = true\nsplits = \"by rule\"\nbands = {bands:?}\n"
        );
        for (id, name) in classes {
            writeln!(card, "[[classes]]\nid = {id}\nname = {name:?}").unwrap();
        }
        fs::write(root.path().join("card.toml"), card).unwrap();
        Self { root }
    }

    pub(crate) fn rgb(classes: &[(u8, &str)]) -> Self {
        Self::new(&["red", "green", "blue"], classes)
    }

    /// A path below the folder, whose parents are made.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn text(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// A picture whose red counts columns and whose green counts rows; blue is `blue`.
    pub(crate) fn picture(&self, path: &str, (width, height): (u32, u32), blue: u8) {
        let color = |x: u32, y: u32| Rgb([u8::try_from(x).unwrap(), u8::try_from(y).unwrap(), blue]);
        RgbImage::from_fn(width, height, color).save(self.path(path)).unwrap();
    }

    /// A gray picture or mask.
    pub(crate) fn mask(&self, path: &str, (width, height): (u32, u32), value: impl Fn(u32, u32) -> u8) {
        GrayImage::from_fn(width, height, |x, y| Luma([value(x, y)])).save(self.path(path)).unwrap();
    }

    /// A splits.csv of (split, item, group).
    pub(crate) fn table(&self, rows: &[(&str, &str, &str)]) {
        let mut text = "task,dataset,split,item,group\n".to_owned();
        for (split, item, group) in rows {
            writeln!(text, "task,tiny,{split},{item},{group}").unwrap();
        }
        self.text("splits.csv", &text);
    }

    /// The set with these options, split by `splits.csv` where that exists and the options have no other split.
    pub(crate) fn config(&self, options: &str) -> SetConfig {
        let asked = ["split =", "part =", "splits =", "lists"].iter().any(|key| options.contains(key));
        let table = !asked && self.root.path().join("splits.csv").exists();
        let table = if table { "splits = \"splits.csv\"\n" } else { "" };
        toml::from_str(&format!("path = \".\"\ncard = \"card.toml\"\n{table}{options}")).unwrap()
    }

    pub(crate) fn open(&self, options: &str) -> Result<Box<dyn Dataset>, DatasetError> {
        self.config(options).open(self.root.path(), ReadAs::Raw)
    }
}

/// Two pictures `a`, `b` with masks of two classes, one for training and one for validation.
pub(crate) fn image_mask() -> Fixture {
    let fixture = Fixture::rgb(&[(0, "ground"), (1, "tree")]);
    for (item, blue) in [("a", 10), ("b", 20)] {
        fixture.picture(&format!("images/{item}.png"), (6, 4), blue);
        fixture.mask(&format!("masks/{item}.png"), (6, 4), |x, _| u8::from(x >= 3));
    }
    fixture.table(&[("train", "a", "A"), ("val", "b.png", "B")]);
    fixture
}

/// Five bands of 8 bits, as FLAIR's pictures have.
struct FiveBands;

impl ColorType for FiveBands {
    type Inner = u8;
    const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::RGB;
    const BITS_PER_SAMPLE: &'static [u16] = &[8; 5];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::Uint; 5];

    fn horizontal_predict(row: &[u8], result: &mut Vec<u8>) {
        result.extend_from_slice(row);
    }
}

/// A TIFF of five bands; band `b` of pixel (x, y) holds `10 * b + x`.
pub(crate) fn five_bands(path: &Path, size: u32) {
    let mut file = TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
    let mut image = file.new_image::<FiveBands>(size, size).unwrap();
    image.encoder().write_tag(Tag::ExtraSamples, &[0u16, 0][..]).unwrap();
    let pixel = |i: u32| (0..5).map(move |b| u8::try_from(10 * b + i % size).unwrap());
    let data: Vec<u8> = (0..size * size).flat_map(pixel).collect();
    image.write_data(&data).unwrap();
}

/// FLAIR-1 with two domains of two zones each: one chip per zone, numbered from 1, labels 1, 12, 13 and 19.
pub(crate) fn flair_1() -> Fixture {
    let names: Vec<String> = (1..=19).map(|id| format!("class {id}")).collect();
    let classes: Vec<(u8, &str)> = (1..).zip(names.iter().map(String::as_str)).collect();
    let fixture = Fixture::new(&["red", "green", "blue", "nir", "height"], &classes);
    let zones = ["D004_2021/Z10_AU", "D004_2021/Z12_UU", "D014_2020/Z1_NF", "D014_2020/Z2_UN"];
    for (number, zone) in (1..).zip(zones) {
        five_bands(&fixture.path(&format!("flair_aerial_train/{zone}/img/IMG_{number:06}.tif")), 4);
        let labels = |x: u32, _| [1, 12, 13, 19][usize::try_from(x).unwrap()];
        fixture.mask(&format!("flair_labels_train/{zone}/msk/MSK_{number:06}.tif"), (4, 4), labels);
    }
    fixture
}

/// One Pascal VOC file.
pub(crate) fn voc(size: (u32, u32), objects: &[(&str, [u32; 4])]) -> String {
    let (width, height) = size;
    let mut text = format!(
        "<annotation>\n<filename>x.jpg</filename>\n<size>\n<width>{width}</width>\n<height>{height}</height>\n\
         <depth>3</depth>\n</size>\n"
    );
    for (name, [x0, y0, x1, y1]) in objects {
        writeln!(
            text,
            "<object>\n<name>{name}</name>\n<difficult>0</difficult>\n<bndbox>\n<xmin>{x0}</xmin>\n\
             <ymin>{y0}</ymin>\n<xmax>{x1}</xmax>\n<ymax>{y1}</ymax>\n</bndbox>\n</object>"
        )
        .unwrap();
    }
    text + "</annotation>\n"
}
