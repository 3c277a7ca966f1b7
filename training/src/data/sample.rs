//! Training chips.

use std::fmt::Debug;

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_datasets::IGNORE;
use arpent_raster::OrientedBox;

use super::Rng;

/// A box of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ObjectBox {
    /// Position of its class in the model.
    pub(crate) class: u8,
    /// West, north, east, south, pixels.
    pub(crate) sides: [f64; 4],
    /// The rectangle, if it has a direction; [`ObjectBox::sides`] are those of the box around it.
    pub(crate) oriented: Option<OrientedBox>,
}

impl ObjectBox {
    /// The rectangle, along rows and columns if it has no direction.
    pub(crate) fn rectangle(&self) -> OrientedBox {
        self.oriented.unwrap_or_else(|| OrientedBox::upright(self.sides))
    }
}

/// The truth of a chip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// Position of the class in the model, or [`IGNORE`], for each pixel.
    Labels(Vec<u8>),
    /// The objects whose centers lie in the chip.
    Boxes(Vec<ObjectBox>),
}

/// A square training chip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Side, pixels.
    pub(crate) side: usize,
    /// Raw values, band by band, row by row.
    pub(crate) data: Vec<f32>,
    /// Valid pixels.
    pub(crate) valid: Vec<bool>,
    /// Their truth.
    pub(crate) target: Target,
}

/// A source of chips.
pub(crate) trait Draw: Debug + Send + Sync {
    /// The chip of a random stream.
    fn draw(&self, side: usize, rng: &mut Rng) -> Result<Sample>;

    /// Chips that were held out, cut at random and as they are: always the same of a seed. None where there are none.
    fn held_out(&self, _side: usize, _count: usize, _seed: u64) -> Result<Vec<Sample>> {
        Ok(Vec::new())
    }
}

impl Sample {
    /// One of the eight turns and flips of the square.
    #[must_use]
    pub(crate) fn turned(&self, turn: usize) -> Self {
        let side = self.side;
        let source: Vec<usize> = (0..side * side).map(|i| turned_index(side, i, turn)).collect();
        let pick = |plane: &[f32]| source.iter().map(|i| plane[*i]).collect::<Vec<_>>();
        let target = match &self.target {
            Target::Labels(labels) => Target::Labels(source.iter().map(|i| labels[*i]).collect()),
            Target::Boxes(boxes) => Target::Boxes(boxes.iter().map(|b| turned_box(side, *b, turn)).collect()),
        };
        Self {
            side,
            data: self.data.chunks_exact(side * side).flat_map(pick).collect(),
            valid: source.iter().map(|i| self.valid[*i]).collect(),
            target,
        }
    }

    /// Whether any pixel or object is known.
    pub(crate) fn has_truth(&self) -> bool {
        match &self.target {
            Target::Labels(labels) => labels.iter().any(|l| *l != IGNORE),
            Target::Boxes(_) => self.valid.iter().any(|v| *v),
        }
    }
}

/// Where the pixel `i` of a turned square comes from.
pub(crate) fn turned_index(side: usize, i: usize, turn: usize) -> usize {
    let (mut x, mut y) = (i % side, i / side);
    if turn & 1 != 0 {
        x = side - 1 - x;
    }
    if turn & 2 != 0 {
        y = side - 1 - y;
    }
    if turn & 4 != 0 {
        (x, y) = (y, x);
    }
    y * side + x
}

/// The inverse of [`turned_index`], for a box: source to turned.
fn turned_box(side: usize, from: ObjectBox, turn: usize) -> ObjectBox {
    let side = exact(side);
    let [mut x0, mut y0, mut x1, mut y1] = from.sides;
    if turn & 4 != 0 {
        (x0, y0, x1, y1) = (y0, x0, y1, x1);
    }
    if turn & 1 != 0 {
        (x0, x1) = (side - x1, side - x0);
    }
    if turn & 2 != 0 {
        (y0, y1) = (side - y1, side - y0);
    }
    let reversed = [turn & 1 != 0, turn & 2 != 0];
    let oriented = from.oriented.map(|oriented| oriented.turned(turn & 4 != 0, reversed, [side; 2]));
    ObjectBox { sides: [x0, y0, x1, y1], oriented, ..from }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The turn that undoes another: flips come before the change of axes, so that it swaps them.
    fn inverse(turn: usize) -> usize {
        if turn & 4 == 0 { turn } else { 4 | (turn & 1) << 1 | (turn & 2) >> 1 }
    }

    /// A chip whose first band numbers its pixels and whose second one, validity and labels follow from the number.
    fn numbered(side: usize, target: Target) -> Sample {
        let numbers = || (0..side * side).map(|i| f32::from(u16::try_from(i).unwrap()));
        let data = numbers().chain(numbers().map(|v| 1000.0 - v)).collect();
        Sample { side, data, valid: (0..side * side).map(|i| i % 5 != 0).collect(), target }
    }

    fn labels(side: usize) -> Target {
        Target::Labels(
            (0..side * side)
                .map(|i| if i % 7 == 0 { IGNORE } else { u8::try_from(i % 3).unwrap() })
                .collect(),
        )
    }

    /// Sides of a rectangle of pixels: whole numbers, which turns keep exact.
    fn rectangles() -> impl Strategy<Value = (usize, [usize; 4])> {
        (1usize..24).prop_flat_map(|side| {
            let span = move || {
                (0..side, 1..=side).prop_map(move |(start, length)| (start, (start + length).min(side)))
            };
            (span(), span()).prop_map(move |((x0, x1), (y0, y1))| (side, [x0, y0, x1, y1]))
        })
    }

    proptest! {
        #[test]
        fn a_turn_and_its_inverse_give_the_chip_back(side in 1usize..20, turn in 0usize..8, sides in prop::array::uniform4(-64i16..1000)) {
            // Sixteenths of a pixel: sums are exact. Boxes may reach out of the chip.
            let sides = sides.map(|v| f64::from(v) / 16.0);
            let boxes = Target::Boxes(vec![ObjectBox { class: 3, sides, oriented: None }]);
            for target in [labels(side), boxes] {
                let sample = numbered(side, target);
                let turned = sample.turned(turn);
                prop_assert_eq!(&turned.turned(inverse(turn)), &sample);
            }
        }

        #[test]
        fn bands_validity_and_labels_move_together(side in 1usize..20, turn in 0usize..8) {
            let sample = numbered(side, labels(side));
            let turned = sample.turned(turn);
            let (Target::Labels(before), Target::Labels(after)) = (&sample.target, &turned.target) else { panic!("labels") };
            let mut seen = vec![false; side * side];
            for (at, label) in after.iter().enumerate() {
                let from = (0..side * side).find(|i| (turned.data[at] - sample.data[*i]).abs() < 0.5).unwrap();
                prop_assert!(!std::mem::replace(&mut seen[from], true), "every pixel once");
                prop_assert!((turned.data[side * side + at] - sample.data[side * side + from]).abs() < 0.5);
                prop_assert_eq!((turned.valid[at], *label), (sample.valid[from], before[from]));
            }
        }

        #[test]
        fn a_box_around_a_blob_stays_around_it((side, [x0, y0, x1, y1]) in rectangles(), turn in 0usize..8) {
            let is_in = |i: usize| (x0..x1).contains(&(i % side)) && (y0..y1).contains(&(i / side));
            let data = (0..side * side).map(|i| f32::from(u8::from(is_in(i)))).collect();
            let sides = [x0, y0, x1, y1].map(|v| f64::from(u8::try_from(v).unwrap()));
            let target = Target::Boxes(vec![ObjectBox { class: 1, sides, oriented: None }]);
            let turned = Sample { side, data, valid: vec![true; side * side], target }.turned(turn);
            let blob = || (0..side * side).filter(|i| turned.data[*i] > 0.5).map(|i| (i % side, i / side));
            let around = [
                blob().map(|p| p.0).min().unwrap(),
                blob().map(|p| p.1).min().unwrap(),
                blob().map(|p| p.0).max().unwrap() + 1,
                blob().map(|p| p.1).max().unwrap() + 1,
            ];
            let sides = around.map(|v| f64::from(u8::try_from(v).unwrap()));
            prop_assert_eq!(turned.target, Target::Boxes(vec![ObjectBox { class: 1, sides, oriented: None }]));
        }
    }

    #[test]
    fn the_eight_turns_differ_and_carry_boxes_with_their_pixels() {
        let mut turns = std::collections::BTreeSet::new();
        for turn in 0..8 {
            // A box around the pixel (0, 1) of a square of 3.
            let object = ObjectBox { class: 0, sides: [0.0, 1.0, 1.0, 2.0], oriented: None };
            let data: Vec<f32> = (0..9u8).map(f32::from).collect();
            let sample = Sample { side: 3, data, valid: vec![true; 9], target: Target::Boxes(vec![object]) };
            let turned = sample.turned(turn);
            let Target::Boxes(boxes) = &turned.target else { panic!() };
            let at = turned.data.iter().position(|v| (*v - 3.0).abs() < 0.1).unwrap();
            let place = [at % 3, at / 3].map(|v| f64::from(u8::try_from(v).unwrap()));
            assert!(
                (boxes[0].sides[0] - place[0]).abs() < 1e-9 && (boxes[0].sides[1] - place[1]).abs() < 1e-9
            );
            turns.insert(turned.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }
        assert_eq!(turns.len(), 8);
    }

    /// The pixels whose centers lie in a rectangle are those of its picture, after every turn.
    #[test]
    fn rectangles_with_a_direction_turn_with_their_pixels() {
        const SIDE: usize = 32;
        let holds = |rectangle: &OrientedBox, i: usize| {
            let local = rectangle.local([exact(i % SIDE) + 0.5, exact(i / SIDE) + 0.5]);
            local.iter().zip(rectangle.halves()).all(|(place, half)| place.abs() < half)
        };
        let oriented = OrientedBox::new([13.3, 17.1], [9.2, 4.1], 3.3);
        let data = (0..SIDE * SIDE).map(|i| f32::from(u8::from(holds(&oriented, i)))).collect();
        let object = ObjectBox { class: 0, sides: oriented.bbox(), oriented: Some(oriented) };
        let target = Target::Boxes(vec![object]);
        let sample = Sample { side: SIDE, data, valid: vec![true; SIDE * SIDE], target };
        for turn in 0..8 {
            let turned = sample.turned(turn);
            let Target::Boxes(boxes) = &turned.target else { panic!("boxes") };
            let rectangle = boxes[0].oriented.unwrap();
            for (i, value) in turned.data.iter().enumerate() {
                assert_eq!(*value > 0.5, holds(&rectangle, i), "turn {turn}, pixel {i}");
            }
            let near = rectangle.bbox().iter().zip(&boxes[0].sides).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(near, "{rectangle:?} {:?}", boxes[0].sides);
        }
    }
}
