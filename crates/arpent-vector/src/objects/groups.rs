//! Things joined two by two.

/// Groups of the numbers from 0 on: what is joined, directly or through others, is in one group.
#[derive(Debug)]
pub(super) struct Groups {
    /// A number of the same group that is not greater; itself for the least of a group.
    lesser: Vec<usize>,
}

impl Groups {
    /// Each of the first `count` numbers for itself.
    pub(super) fn new(count: usize) -> Self {
        Self { lesser: (0..count).collect() }
    }

    /// Makes one group of the groups of two numbers.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.lesser[a.max(b)] = a.min(b);
    }

    /// The least number of the group of each.
    pub(super) fn firsts(mut self) -> Vec<usize> {
        for i in 0..self.lesser.len() {
            self.lesser[i] = self.lesser[self.lesser[i]];
        }
        self.lesser
    }

    /// The least number of a group; the way there gets shorter for those who come later.
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
