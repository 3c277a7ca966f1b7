//! Disjoint sets.

/// Disjoint sets of the numbers from 0 on: numbers joined directly or through others are in one group.
#[derive(Debug)]
pub(super) struct Groups {
    /// A number of the same group that is not greater; itself for the smallest one of a group.
    lesser: Vec<usize>,
}

impl Groups {
    /// Puts each of the first `count` numbers into a group of its own.
    pub(super) fn new(count: usize) -> Self {
        Self { lesser: (0..count).collect() }
    }

    /// Merges the groups of two numbers.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.lesser[a.max(b)] = a.min(b);
    }

    /// The smallest number of the group of each.
    pub(super) fn firsts(mut self) -> Vec<usize> {
        for i in 0..self.lesser.len() {
            self.lesser[i] = self.lesser[self.lesser[i]];
        }
        self.lesser
    }

    /// The smallest number of a group; shortens the path for later calls.
    fn first(&mut self, mut i: usize) -> usize {
        while self.lesser[i] != i {
            self.lesser[i] = self.lesser[self.lesser[i]];
            i = self.lesser[i];
        }
        i
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_stands_for_all() {
        let mut groups = Groups::new(6);
        for (a, b) in [(5, 4), (1, 3), (3, 5), (1, 1)] {
            groups.join(a, b);
        }
        assert_eq!(groups.firsts(), [0, 1, 2, 1, 1, 1]);
    }
}
