//! Union-find.

/// The root of an element of a forest, which is given by the parent of every element; a root is its own parent. Paths
/// are halved on the way.
pub fn find_root(parents: &mut [u32], of: u32) -> u32 {
    let mut at = of;
    loop {
        let parent = parents[at as usize];
        if parent == at {
            return at;
        }
        let above = parents[parent as usize];
        parents[at as usize] = above;
        at = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_and_paths_get_shorter() {
        let mut parents: Vec<u32> = vec![0, 0, 1, 2, 3, 5];
        assert_eq!((find_root(&mut parents, 4), find_root(&mut parents, 5)), (0, 5));
        assert_eq!(parents, [0, 0, 0, 2, 2, 5]);
        assert_eq!((0..5).map(|at| find_root(&mut parents, at)).max(), Some(0));
    }
}
