//! What goes first.

/// Steps of change that are told apart, up to the tolerance.
pub(super) const STEPS: usize = 64;

/// In no step.
const NONE: u8 = u8::MAX;

/// Places that wait, by the step of change they are in; of one step, the one that came last goes first.
#[derive(Debug)]
pub(super) struct Queue {
    steps: [Vec<u32>; STEPS],
    /// No step below this one has places.
    lowest: usize,
    /// For each place the step that it waits in; where it is found in another one, it is not there any more.
    step_of: Vec<u8>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { steps: std::array::from_fn(|_| Vec::new()), lowest: 0, step_of: Vec::new() }
    }
}

impl Queue {
    /// Nothing waits; there are as many places.
    pub(super) fn clear(&mut self, places: usize) {
        self.steps.iter_mut().for_each(Vec::clear);
        self.lowest = 0;
        self.step_of.clear();
        self.step_of.resize(places, NONE);
    }

    /// Lets a place wait in a step, or in none.
    pub(super) fn put(&mut self, place: u32, step: Option<u8>) {
        let step = step.unwrap_or(NONE);
        let known = &mut self.step_of[place as usize];
        if *known == step {
            return;
        }
        *known = step;
        if let Some(places) = self.steps.get_mut(usize::from(step)) {
            places.push(place);
            self.lowest = self.lowest.min(usize::from(step));
        }
    }

    /// Takes a place of the lowest step.
    pub(super) fn pop(&mut self) -> Option<u32> {
        while let Some(places) = self.steps.get_mut(self.lowest) {
            let Some(place) = places.pop() else {
                self.lowest += 1;
                continue;
            };
            let step = &mut self.step_of[place as usize];
            if usize::from(*step) == self.lowest {
                *step = NONE;
                return Some(place);
            }
        }
        None
    }
}
