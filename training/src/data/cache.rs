//! Items that were read, kept in memory up to a limit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arpent_base::Result;

use super::{Item, ItemId, Sets};

/// A cache of items; its contents never change what is drawn.
#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<ItemId, (u64, Arc<Item>)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    /// A cache of this many MB.
    pub(crate) fn new(megabytes: usize) -> Self {
        Self { limit: megabytes.saturating_mul(1 << 20), held: Mutex::default() }
    }

    /// The item, from memory or from its files.
    pub(crate) fn get(&self, sets: &Sets, id: ItemId) -> Result<Arc<Item>> {
        if let Some(item) = self.lock().touch(id) {
            return Ok(item);
        }
        // Two threads may read the same item at the same time; that is faster than locking.
        let item = Arc::new(sets.read(id)?);
        self.lock().keep(id, &item, self.limit);
        Ok(item)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn touch(&mut self, id: ItemId) -> Option<Arc<Item>> {
        self.clock += 1;
        let (used, item) = self.items.get_mut(&id)?;
        *used = self.clock;
        Some(Arc::clone(item))
    }

    fn keep(&mut self, id: ItemId, item: &Arc<Item>, limit: usize) {
        if size(item) > limit {
            return;
        }
        self.clock += 1;
        if let Some((_, old)) = self.items.insert(id, (self.clock, Arc::clone(item))) {
            self.bytes -= size(&old);
        }
        self.bytes += size(item);
        while self.bytes > limit {
            let Some(oldest) = self.items.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id) else {
                break;
            };
            if let Some((_, old)) = self.items.remove(&oldest) {
                self.bytes -= size(&old);
            }
        }
    }
}

fn size(item: &Item) -> usize {
    4 * item.chip.data.len() + 2 * item.chip.valid.len()
}
