//! Numbered items that can be united: union-find with numbers that are reused.

use arpent_base::number::fitted;
use arpent_vector::find_root;

#[derive(Debug)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    parents: Vec<u32>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), parents: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn add(&mut self, item: T) -> u32 {
        if let Some(id) = self.free.pop() {
            self.items[id as usize] = item;
            self.parents[id as usize] = id;
            return id;
        }
        let id = fitted(self.items.len());
        self.items.push(item);
        self.parents.push(id);
        id
    }

    pub(super) fn find(&mut self, id: u32) -> u32 {
        find_root(&mut self.parents, id)
    }

    /// Makes `child` part of `root`; both are roots.
    pub(super) fn unite(&mut self, root: u32, child: u32) {
        self.parents[child as usize] = root;
    }

    pub(super) fn at(&mut self, root: u32) -> &mut T {
        &mut self.items[root as usize]
    }

    pub(super) fn get(&self, root: u32) -> &T {
        &self.items[root as usize]
    }

    /// Two items at once.
    pub(super) fn pair(&mut self, a: u32, b: u32) -> [&mut T; 2] {
        self.items.get_disjoint_mut([a as usize, b as usize]).expect("two different numbers in use")
    }

    /// The number may be given to another item: nothing may refer to it any more.
    pub(super) fn remove(&mut self, id: u32) {
        self.free.push(id);
    }

    pub(super) fn live(&self) -> usize {
        self.items.len() - self.free.len()
    }
}
