//! Pictures inside a report: each is in the file once, and both languages show it.

use arpent_base::number::fitted;
use arpent_base::{Failure, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;
use maud::{Markup, html};

/// A picture of red, green and blue, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
}

impl Picture {
    /// One color everywhere.
    pub(crate) fn filled(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self { width, height, rgb: color.repeat(width * height) }
    }

    /// Sets a pixel; one outside of the picture is left out.
    pub(crate) fn set(&mut self, col: i64, row: i64, color: [u8; 3]) {
        let (Ok(col), Ok(row)) = (usize::try_from(col), usize::try_from(row)) else { return };
        if col < self.width && row < self.height {
            self.rgb[3 * (row * self.width + col)..][..3].copy_from_slice(&color);
        }
    }

    /// Its bytes as a `WebP` file without loss.
    ///
    /// # Errors
    /// When the encoder fails.
    pub(crate) fn webp(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        WebPEncoder::new_lossless(&mut bytes)
            .encode(&self.rgb, fitted(self.width), fitted(self.height), ExtendedColorType::Rgb8)
            .map_err(Failure::foreign)?;
        Ok(bytes)
    }
}

/// A picture of a report, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    number: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The pictures of a report.
#[derive(Debug, Default)]
pub(crate) struct Pictures(Vec<(Stored, String)>);

impl Pictures {
    /// Adds a picture.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(crate) fn push(&mut self, picture: &Picture) -> Result<Stored> {
        Ok(self.push_webp(&picture.webp()?, [picture.width, picture.height]))
    }

    /// Adds a `WebP` file of a size.
    pub(crate) fn push_webp(&mut self, bytes: &[u8], [width, height]: [usize; 2]) -> Stored {
        let stored = Stored { number: self.0.len(), width, height };
        self.0.push((stored, STANDARD.encode(bytes)));
        stored
    }

    /// The element that holds them; it shows nothing.
    pub(crate) fn store(&self) -> Markup {
        html! {
            svg.store width="0" height="0" aria-hidden="true" focusable="false" { defs {
                @for (stored, data) in &self.0 {
                    image id={ "picture-" (stored.number) } width=(stored.width) height=(stored.height)
                        href={ "data:image/webp;base64," (data) } {}
                }
            } }
        }
    }
}

impl Stored {
    /// The picture, to be put into an SVG element.
    pub(crate) fn used(self) -> Markup {
        html! { use href={ "#picture-" (self.number) } {} }
    }

    /// The picture with its text alternative.
    pub(crate) fn shown(self, label: &str) -> Markup {
        html! {
            svg.picture role="img" aria-label=(label) viewBox={ "0 0 " (self.width) " " (self.height) }
                width=(self.width) height=(self.height) { (self.used()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_in_the_file_once() {
        let mut picture = Picture::filled(3, 2, [255, 0, 0]);
        picture.set(2, 1, [0, 0, 255]);
        picture.set(-1, 5, [0; 3]);
        picture.set(3, 0, [0; 3]);
        let mut pictures = Pictures::default();
        let stored = pictures.push(&picture).unwrap();
        let page = html! { (pictures.store()) (stored.shown("a")) (stored.shown("b")) }.into_string();
        assert_eq!(page.matches("base64,").count(), 1);
        assert_eq!(page.matches("<use href=\"#picture-0\">").count(), 2);
        let data = page.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let read = image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap().to_rgb8();
        assert_eq!(read.into_raw(), picture.rgb);
    }
}
