//! Colors of classes: as given, else a palette that is distinguishable with any color vision.

use arpent_raster::Color;

use crate::error::TrainError;

/// A color in the common notations: `#rrggbb`, or red, green and blue from 0 to 255.
pub(super) fn parsed(text: &str, place: &str) -> Result<Color, TrainError> {
    let text = text.trim();
    let numbers: Vec<&str> = text.split([',', ' ']).filter(|part| !part.is_empty()).collect();
    let numbers: Option<Vec<u8>> = numbers.into_iter().map(|part| part.parse().ok()).collect();
    match (text.parse(), numbers.as_deref()) {
        (Ok(color), _) => Ok(color),
        // A fourth number is the opacity, as QGIS writes colors.
        (_, Some([r, g, b] | [r, g, b, _])) => Ok(Color([*r, *g, *b])),
        _ => {
            let problem = format!("{place}: `{text}` is not a color");
            Err(TrainError::refused(problem, "write it as #rrggbb, or as red,green,blue from 0 to 255"))
        }
    }
}

/// Okabe and Ito: *Color universal design*, 2008, with gray in place of black.
const PALETTE: [[u8; 3]; 8] = [
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0xcc, 0x79, 0xa7],
    [0x99, 0x99, 0x99],
];

/// For each further round through the palette: how far colors are mixed with this gray value, percent.
const ROUNDS: [(u16, u16); 5] = [(0, 0), (50, 255), (45, 0), (75, 255), (70, 0)];

/// The color of the class at a position, `#rrggbb`: all different for the first 40.
pub(super) fn color(position: usize) -> String {
    let (share, to) = ROUNDS[position / PALETTE.len() % ROUNDS.len()];
    let mixed = |v: u8| (u16::from(v) * (100 - share) + to * share) / 100;
    let [r, g, b] = PALETTE[position % PALETTE.len()].map(mixed);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_color_of_its_own() {
        let all: std::collections::BTreeSet<String> =
            (0..super::super::classes::MAX_CLASSES).map(color).collect();
        assert_eq!(all.len(), super::super::classes::MAX_CLASSES);
        assert_eq!((color(0).as_str(), color(8).as_str()), ("#e69f00", "#f2cf7f"));
    }
}
