//! Texts that occur many times, kept once.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use arpent_base::number::fitted;

/// Values by a number.
#[derive(Debug)]
pub(crate) struct Interned<T> {
    numbers: HashMap<Rc<T>, u32>,
    values: Vec<Rc<T>>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Eq + Hash> Interned<T> {
    /// The number of a value.
    pub(crate) fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = fitted(self.values.len());
        let value = Rc::new(value);
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    /// The number of a value that is there.
    pub(crate) fn find(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(Rc::as_ref)
    }

    /// The value of a number.
    pub(crate) fn value(&self, number: u32) -> &T {
        &self.values[fitted::<usize>(number)]
    }
}
