//! Layers that share memory, because one is read for the last time before the other begins.

/// First and last moment in which a layer is used.
pub(crate) type Life = (usize, usize);

/// A slot for each layer, so that no two layers with a common moment share one; layers of `sizes` values. Large layers
/// choose first: a slot is as large as its first layer, and never grows.
pub(crate) fn slots(lives: &[Life], sizes: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|layer| (std::cmp::Reverse(sizes[*layer]), lives[*layer].0, *layer));
    let mut of = vec![0; sizes.len()];
    let mut slots: Vec<Vec<Life>> = Vec::new();
    for layer in order {
        let life = lives[layer];
        let free = |taken: &Vec<Life>| taken.iter().all(|other| life.1 < other.0 || other.1 < life.0);
        // The smallest of those that are free: slots are in the order of their sizes.
        let slot = slots.iter().rposition(free).unwrap_or(slots.len());
        if slot == slots.len() {
            slots.push(Vec::new());
        }
        slots[slot].push(life);
        of[layer] = slot;
    }
    of
}

#[cfg(test)]
mod tests {
    use super::slots;

    #[test]
    fn layers_of_one_moment_do_not_share() {
        // A chain: each layer is read by the next.
        assert_eq!(slots(&[(0, 1), (1, 2), (2, 3), (3, 9)], &[10, 40, 30, 20]), [1, 0, 1, 0]);
        // The last one reads the first.
        assert_eq!(slots(&[(0, 3), (1, 2), (2, 3), (3, 9)], &[10, 40, 30, 20]), [2, 0, 1, 0]);
        let lives: Vec<(usize, usize)> = (0..60).map(|i| (i, i + 1 + i * 7 % 11)).collect();
        let sizes: Vec<usize> = (0..60).map(|i| i * 31 % 17).collect();
        let of = slots(&lives, &sizes);
        for (a, b) in (0..60).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|(a, b)| of[*a] == of[*b]) {
            assert!(lives[a].1 < lives[b].0 || lives[b].1 < lives[a].0, "{a} {b}");
        }
        assert!(*of.iter().max().unwrap() < 12);
    }
}
