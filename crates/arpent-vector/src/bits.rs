//! Rows of bits: one bit for each column, 64 in a word.

/// Columns of a word.
pub(crate) const WORD: usize = 64;

/// Resizes a row to `columns` bits, all clear.
pub(crate) fn clear(bits: &mut Vec<u64>, columns: usize) {
    bits.clear();
    bits.resize(columns.div_ceil(WORD), 0);
}

/// Sets the bit of every column in which two rows of labels differ, and clears the others.
pub(crate) fn differences(a: &[u8], b: &[u8], bits: &mut [u64]) {
    bits.fill(0);
    let (a_words, b_words) = (a.chunks_exact(WORD), b.chunks_exact(WORD));
    let (a_rest, b_rest) = (a_words.remainder(), b_words.remainder());
    let mut words = bits.iter_mut();
    for ((a, b), word) in a_words.zip(b_words).zip(&mut words) {
        let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            *word |= u64::from(differing(*a, *b)) << (8 * i);
        }
    }
    if let Some(word) = words.next() {
        for (i, _) in a_rest.iter().zip(b_rest).enumerate().filter(|(_, (a, b))| a != b) {
            *word |= 1 << i;
        }
    }
}

/// A bit for each of eight labels, set if they differ.
fn differing(a: [u8; 8], b: [u8; 8]) -> u8 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let other = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
    // The high bit of every byte that is not 0; then these bits are moved next to each other.
    let high = (((other & LOW) + LOW) | other) & !LOW;
    ((high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// Appends the bits of so many columns from `start` on, and clear ones up to a whole word.
pub(crate) fn slice(bits: &[u64], start: usize, columns: usize, sliced: &mut Vec<u64>) {
    let (first, shift) = (start / WORD, start % WORD);
    let word = |i: usize| bits.get(i).copied().unwrap_or(0);
    for i in 0..columns.div_ceil(WORD) {
        let low = word(first + i) >> shift;
        let high = if shift == 0 { 0 } else { word(first + i + 1) << (WORD - shift) };
        let beyond = (WORD * (i + 1)).saturating_sub(columns);
        sliced.push((low | high) & u64::MAX >> beyond);
    }
}

/// Whether the bit of a column is set; bits beyond the row are clear.
pub(crate) fn is_set(bits: &[u64], column: usize) -> bool {
    bits.get(column / WORD).is_some_and(|word| word >> (column % WORD) & 1 == 1)
}

/// Calls `visit` with the columns whose bits are set, from west to east.
pub(crate) fn for_each_one(bits: &[u64], mut visit: impl FnMut(usize)) {
    for (i, word) in bits.iter().enumerate() {
        ones_of(*word).for_each(|bit| visit(WORD * i + bit as usize));
    }
}

/// The first column whose bit is set, of those east of `west` and west of `east`.
pub(crate) fn first_between(bits: &[u64], west: usize, east: usize) -> Option<usize> {
    let (first, last) = (west + 1, east);
    let mut at = first / WORD;
    let mut word = bits.get(at)? & u64::MAX << (first % WORD);
    while word == 0 && (at + 1) * WORD < last {
        at += 1;
        word = *bits.get(at)?;
    }
    let column = at * WORD + word.trailing_zeros() as usize;
    (word != 0 && column < last).then_some(column)
}

/// The last column whose bit is set, of those east of `west` and west of `east`.
pub(crate) fn last_between(bits: &[u64], west: usize, east: usize) -> Option<usize> {
    let last = east.checked_sub(1)?;
    let mut at = last / WORD;
    let mut word = bits.get(at)? & u64::MAX >> (WORD - 1 - last % WORD);
    while word == 0 && at * WORD > west + 1 {
        at -= 1;
        word = bits[at];
    }
    let column = (at * WORD + WORD - 1).checked_sub(word.leading_zeros() as usize)?;
    (word != 0 && column > west).then_some(column)
}

/// The numbers of the bits that are set in a word, from the lowest.
pub(crate) fn ones_of(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_set_where_labels_differ(pairs in prop::collection::vec((0u8..3, 0u8..3), 0..300), high in any::<bool>()) {
            // The high bit of a byte is one of a label, too.
            let label = |n: u8| if high { n.wrapping_mul(0x80).wrapping_sub(n & 2) } else { n };
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.iter().map(|(a, b)| (label(*a), label(*b))).unzip();
            let mut bits = Vec::new();
            clear(&mut bits, a.len());
            differences(&a, &b, &mut bits);
            let expected: Vec<usize> = (0..a.len()).filter(|i| a[*i] != b[*i]).collect();
            let mut found = Vec::new();
            for_each_one(&bits, |i| found.push(i));
            prop_assert_eq!(&found, &expected);
            prop_assert!((0..400).all(|i| is_set(&bits, i) == expected.contains(&i)));
            for (start, columns) in (0..a.len()).flat_map(|start| [0, 1, 63, 64, 65, 200].map(|n| (start, n))) {
                let mut sliced = Vec::new();
                slice(&bits, start, columns, &mut sliced);
                prop_assert!((0..300).all(|i| is_set(&sliced, i) == (i < columns && is_set(&bits, start + i))));
            }
            for (west, east) in (0..a.len()).flat_map(|west| [0, 1, 2, 9, 64, 130].map(|n| (west, west + n))) {
                let east = east.min(a.len() - 1);
                let mut between = expected.iter().copied().filter(|i| (west + 1..east).contains(i));
                prop_assert_eq!(first_between(&bits, west, east), between.clone().next());
                prop_assert_eq!(last_between(&bits, west, east), between.next_back());
            }
        }
    }
}
