//! Links paths to closed boundaries.

use super::chains::TOUCH;
use super::open::NONE;
use super::paths::{Kind, Passed, PathHead, Paths};

/// A path by its vertices in the list of all.
#[derive(Debug, Clone, Copy)]
struct Path {
    head: PathHead,
    first: usize,
    end: usize,
}

/// An end of a path: its vertex, the direction there, and the path's number.
type End = ([u32; 2], u8, u32);

/// Links the paths of a region, or of a part of one.
#[derive(Debug, Default)]
pub(super) struct Links {
    vertices: Vec<Passed>,
    paths: Vec<Path>,
    starts: Vec<End>,
    ends: Vec<End>,
    /// For each path the one that follows.
    next: Vec<u32>,
    /// For each path whether the boundary touches itself at its end.
    touches: Vec<bool>,
    boundary: Vec<Passed>,
}

impl Links {
    pub(super) fn clear(&mut self) {
        self.vertices.clear();
        self.paths.clear();
    }

    /// Adds paths, with those that are boundaries of cut regions only if `is_cut`; `false` if they are malformed.
    pub(super) fn add(&mut self, paths: &Paths, is_cut: bool) -> bool {
        let Self { vertices, paths: all, .. } = self;
        paths.read(&mut |head, path| {
            if head.kind == Kind::Cut && !is_cut {
                return;
            }
            let first = vertices.len();
            vertices.extend_from_slice(path);
            all.push(Path { head, first, end: vertices.len() });
        })
    }

    /// Calls `each` with the closed boundaries; their vertices where lines meet are kept where boundaries go straight
    /// on if `is_coverage`. `false` if a path does not end where another begins.
    pub(super) fn follow(&mut self, is_coverage: bool, each: &mut impl FnMut(&[Passed])) -> bool {
        if !self.link() {
            return false;
        }
        let Self { vertices, paths, next, touches, boundary, .. } = self;
        for start in 0..paths.len() {
            if paths[start].head.kind == Kind::Closed {
                each(&vertices[paths[start].first..paths[start].end]);
                continue;
            }
            boundary.clear();
            let mut at = start;
            while next[at] != NONE {
                let Path { head, first, end } = paths[at];
                boundary.extend_from_slice(&vertices[first + 1..end - 1]);
                let following = std::mem::replace(&mut next[at], NONE) as usize;
                if is_coverage || head.arrives != paths[following].head.leaves {
                    let marks = if touches[at] { TOUCH } else { 0 };
                    boundary.push(Passed { at: vertices[end - 1].at, marks });
                }
                at = following;
            }
            if at != start {
                return false;
            }
            if !boundary.is_empty() {
                each(boundary);
            }
        }
        true
    }

    /// Finds the path that follows each one. Where a region touches itself at a corner, boundaries turn left.
    fn link(&mut self) -> bool {
        let Self { vertices, paths, starts, ends, next, touches, .. } = self;
        starts.clear();
        ends.clear();
        let open = (0..).zip(&*paths).filter(|(_, path)| path.head.kind != Kind::Closed);
        for (number, path) in open {
            starts.push((vertices[path.first].at, path.head.leaves, number));
            ends.push((vertices[path.end - 1].at, path.head.arrives, number));
        }
        starts.sort_unstable();
        ends.sort_unstable();
        next.clear();
        next.resize(paths.len(), NONE);
        touches.clear();
        touches.resize(paths.len(), false);
        let mut at = 0;
        while let Some((vertex, ..)) = ends.get(at) {
            let count = ends[at..].iter().take_while(|end| end.0 == *vertex).count();
            let Some(group) = starts.get(at..at + count).filter(|group| group.iter().all(|s| s.0 == *vertex))
            else {
                return false;
            };
            for (_, arrives, number) in &ends[at..at + count] {
                let left = (arrives + 3) % 4;
                let found = match group {
                    [one] => Some(one),
                    more => more.iter().find(|start| start.1 == left),
                };
                let Some((.., following)) = found else { return false };
                next[*number as usize] = *following;
                touches[*number as usize] = count > 1;
            }
            at += count;
        }
        starts.len() == ends.len() && is_permutation(paths, next)
    }
}

/// Whether each open path follows another one.
fn is_permutation(paths: &[Path], next: &[u32]) -> bool {
    let mut seen = vec![false; paths.len()];
    let following = next.iter().filter(|next| **next != NONE);
    let open = paths.iter().filter(|path| path.head.kind != Kind::Closed).count();
    following.filter(|next| !std::mem::replace(&mut seen[**next as usize], true)).count() == open
}
