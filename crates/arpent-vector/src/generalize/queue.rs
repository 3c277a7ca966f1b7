//! Priority queue of places, by change.

/// Number of steps of change that are distinguished, up to the tolerance.
pub(super) const STEPS: usize = LAST_STEP as usize + 1;

/// The last step.
pub(super) const LAST_STEP: u8 = 63;

/// In no step.
const NONE: u8 = u8::MAX;

/// Queued places, by the step of change they are in; within a step, the last one added is removed first.
#[derive(Debug)]
pub(super) struct Queue {
    steps: [Vec<u32>; STEPS],
    /// Steps below this one are empty.
    lowest: usize,
    /// For each place the step that it is queued in; an entry in another step is stale.
    step_of: Vec<u8>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { steps: std::array::from_fn(|_| Vec::new()), lowest: 0, step_of: Vec::new() }
    }
}

impl Queue {
    /// Empties the queue, for a number of places.
    pub(super) fn clear(&mut self, places: usize) {
        self.steps.iter_mut().for_each(Vec::clear);
        self.lowest = 0;
        self.step_of.clear();
        self.step_of.resize(places, NONE);
    }

    /// Queues a place in a step, or in none.
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

    /// Removes a place of the lowest step.
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
