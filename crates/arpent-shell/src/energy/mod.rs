//! Energy of a process: by the processor's counters (RAPL, through Linux's powercap) if they can be read, else
//! estimated, with a mark of its quality.
//!
//! A counter covers a whole processor, and wraps at its maximum, after 44 minutes at 100 W for the usual 262 kJ
//! (Linux's `Documentation/power/powercap/powercap.rst`). So a thread reads it every ten seconds, and of each interval
//! the process is charged its share of the CPU time of all: the sum over processes on one machine never exceeds its
//! total.

mod counter;
mod gpu;
mod meter;
mod sources;
mod taken;

pub use meter::{Meter, WATTS_PER_CORE};
pub use taken::{Energy, Quality};
