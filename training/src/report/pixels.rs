//! Pictures as data URIs.

use std::io::Cursor;

use arpent_base::number::truncate;
use arpent_raster::{Color, Nomenclature};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage};

use crate::evaluate::figures::ChipBox;

/// Color of pixels that have no label.
pub(super) const UNLABELED: Color = Color([0xe4, 0xe4, 0xe4]);
/// Color of pixels whose label is right, where errors are shown.
pub(super) const RIGHT: Color = Color([0xff, 0xff, 0xff]);
/// Color of pixels whose label is wrong, where errors are shown.
pub(super) const WRONG: Color = Color([0xc2, 0x18, 0x1f]);

/// A picture from red, green, blue of each pixel; `None` where their number does not fit.
pub(super) fn picture(width: u32, height: u32, rgb: &[u8]) -> Option<RgbImage> {
    let bytes = (u64::from(width) * u64::from(height)).saturating_mul(3);
    let fits = rgb.len() as u64 == bytes && !rgb.is_empty();
    if fits { RgbImage::from_raw(width, height, rgb.to_vec()) } else { None }
}

/// Labels in the colors of their classes.
pub(super) fn labels(width: u32, height: u32, labels: &[u8], classes: &Nomenclature) -> Option<RgbImage> {
    let color = |id: &u8| classes.by_id(*id).map_or(UNLABELED, |class| class.color).0;
    picture(width, height, &labels.iter().flat_map(color).collect::<Vec<u8>>())
}

/// Where the prediction differs from the truth.
pub(super) fn errors(
    width: u32,
    height: u32,
    (truth, prediction): (&[u8], &[u8]),
    classes: &Nomenclature,
) -> Option<RgbImage> {
    if truth.len() != prediction.len() {
        return None;
    }
    let color = |(true_id, id): (&u8, &u8)| match classes.by_id(*true_id) {
        None => UNLABELED.0,
        Some(_) if true_id == id => RIGHT.0,
        Some(_) => WRONG.0,
    };
    picture(width, height, &truth.iter().zip(prediction).flat_map(color).collect::<Vec<u8>>())
}

/// Draws boxes on a picture: the class's color between white, so that it is seen on any ground.
pub(super) fn draw_boxes(picture: &mut RgbImage, boxes: &[ChipBox], classes: &Nomenclature) {
    for shown in boxes {
        let color = classes.by_id(shown.class).map_or(UNLABELED, |class| class.color);
        let Some(corners) = shown.corners else {
            for (inset, color) in [(-1, RIGHT), (1, RIGHT), (0, color)] {
                outline(picture, shown.sides, inset, color);
            }
            continue;
        };
        for (around, color) in [(1, RIGHT), (0, color)] {
            for i in 0..4 {
                line(picture, [corners[i], corners[(i + 1) % 4]], around, color);
            }
        }
    }
}

fn outline(picture: &mut RgbImage, sides: [f32; 4], inset: i64, color: Color) {
    let [x0, y0, x1, y1] = sides.map(|side| truncate::<i64>(f64::from(side.round().clamp(-1e6, 1e6))));
    let (x0, y0, x1, y1) = (x0 + inset, y0 + inset, x1 - 1 - inset, y1 - 1 - inset);
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    // Sides beyond the chip are not walked along.
    let columns = x0.max(0)..=x1.min(width - 1);
    let rows = y0.max(0)..=y1.min(height - 1);
    let across = columns.flat_map(|x| [(x, y0), (x, y1)]);
    for (x, y) in across.chain(rows.flat_map(|y| [(x0, y), (x1, y)])) {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(pixel) = picture.get_pixel_mut_checked(x, y)
        {
            *pixel = image::Rgb(color.0);
        }
    }
}

/// Longest line that is drawn, pixels along an axis: chips are smaller.
const LONGEST: f32 = 4096.0;

/// Draws a line with so many pixels on every side of it.
fn line(picture: &mut RgbImage, [from, to]: [[f32; 2]; 2], around: i64, color: Color) {
    let [from, to] = [from, to].map(|place| place.map(|v| f64::from(v.clamp(-LONGEST, LONGEST))));
    let step = [to[0] - from[0], to[1] - from[1]];
    let count = truncate::<u32>(step[0].abs().max(step[1].abs()).ceil()).max(1);
    for i in 0..=count {
        let part = f64::from(i) / f64::from(count);
        let [x, y] = [0, 1].map(|axis| truncate::<i64>((from[axis] + part * step[axis]).floor()));
        let square = (-around..=around).flat_map(|dy| (-around..=around).map(move |dx| (x + dx, y + dy)));
        for (x, y) in square {
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = picture.get_pixel_mut_checked(x, y)
            {
                *pixel = image::Rgb(color.0);
            }
        }
    }
}

/// The picture as `data:image/png;base64,...`; `None` where it cannot be encoded.
pub(super) fn data_uri(picture: &RgbImage) -> Option<String> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(bytes.into_inner())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_raster::Class;

    const RED: [u8; 3] = [200, 0, 0];

    fn classes() -> Nomenclature {
        let class = |id, color| Class {
            id,
            name: "x".into(),
            name_fr: None,
            code: None,
            color: Color(color),
            features: true,
        };
        Nomenclature::new(vec![class(1, RED), class(2, [0, 0, 200])]).unwrap()
    }

    #[test]
    fn labels_have_the_colors_of_their_classes() {
        let image = labels(3, 1, &[1, 2, 255], &classes()).unwrap();
        assert_eq!(image.as_raw()[..6], [200, 0, 0, 0, 0, 200]);
        assert_eq!(image.as_raw()[6..], UNLABELED.0);
        let wrong = errors(3, 1, (&[1, 2, 255], &[1, 1, 1]), &classes()).unwrap();
        assert_eq!(wrong.as_raw()[..], [RIGHT.0, WRONG.0, UNLABELED.0].concat());
    }

    #[test]
    fn pictures_of_a_wrong_size_are_none() {
        assert!(picture(2, 2, &[0; 11]).is_none() && picture(2, 2, &[0; 13]).is_none());
        assert!(picture(0, 0, &[]).is_none() && picture(u32::MAX, u32::MAX, &[0; 3]).is_none());
        assert!(errors(1, 1, (&[1], &[]), &classes()).is_none());
    }

    #[test]
    fn boxes_are_outlined_and_may_leave_the_chip() {
        let mut image = RgbImage::new(20, 20);
        let sides = [5.0, 5.0, 15.0, 15.0];
        let huge = [-1e9, -1e9, 1e9, f32::NAN];
        draw_boxes(
            &mut image,
            &[ChipBox { class: 1, sides, corners: None }, ChipBox { class: 9, sides: huge, corners: None }],
            &classes(),
        );
        assert_eq!(image.get_pixel(5, 10).0, RED);
        assert_eq!((image.get_pixel(4, 10).0, image.get_pixel(6, 10).0), (RIGHT.0, RIGHT.0));
        assert_eq!((image.get_pixel(10, 10).0, image.get_pixel(14, 14).0), ([0; 3], RED));
    }

    #[test]
    fn a_data_uri_is_the_picture() {
        let image = labels(2, 1, &[1, 2], &classes()).unwrap();
        let uri = data_uri(&image).unwrap();
        let bytes = STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgb8(), image);
    }

    #[test]
    fn boxes_with_a_direction_are_drawn_along_it() {
        let mut image = RgbImage::new(20, 20);
        let corners = Some([[10.5, 2.5], [17.5, 9.5], [10.5, 16.5], [3.5, 9.5]]);
        let sides = [3.5, 2.5, 17.5, 16.5];
        draw_boxes(&mut image, &[ChipBox { class: 1, sides, corners }], &classes());
        assert_eq!([(10, 2), (14, 6), (7, 13)].map(|(x, y)| image.get_pixel(x, y).0), [RED; 3]);
        assert_eq!((image.get_pixel(10, 9).0, image.get_pixel(4, 3).0), ([0; 3], [0; 3]));
        assert_eq!(image.get_pixel(14, 7).0, RIGHT.0);
    }
}
