//! Energy of a process: by the processor's counters (RAPL, through Linux's powercap) where they can be read, else estimated, and
//! marked as what it is.
//!
//! A counter covers a whole processor, and starts again at its maximum, after 44 minutes at 100 W for the usual 262 kJ
//! (Linux's `Documentation/power/powercap/powercap.rst`). So a thread reads it every ten seconds, and of each interval the process
//! is charged the share that it had of the CPU time of all: several processes on one machine never add up to more than it took.

mod counter;
mod gpu;
mod meter;
mod sources;
mod taken;

pub use meter::{Meter, WATTS_PER_CORE};
pub use taken::{Energy, Quality};
