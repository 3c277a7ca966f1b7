//! Memory of the machine, or of the control group that the process is in.

use sysinfo::{CGroupLimits, System};

/// Memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All that processes may take.
    pub total: u64,
    /// What is left of it. Cached files count as free: the system drops them when memory is needed.
    pub free: u64,
}

impl Memory {
    /// Of now.
    pub fn now() -> Self {
        let mut system = System::new();
        system.refresh_memory();
        let machine = Self { total: system.total_memory(), free: system.available_memory() };
        system.cgroup_limits().map_or(machine, |limits| machine.limited(&limits))
    }

    /// Within the limits of a control group. Its own figure of free memory counts cached files as used.
    fn limited(self, limits: &CGroupLimits) -> Self {
        let left = limits.total_memory.saturating_sub(limits.rss);
        Self { total: self.total.min(limits.total_memory), free: self.free.min(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_files_of_a_control_group_count_as_free() {
        let machine = Memory { total: 64_000, free: 40_000 };
        let limits = CGroupLimits { total_memory: 24_000, free_memory: 1_000, free_swap: 0, rss: 4_000 };
        assert_eq!(machine.limited(&limits), Memory { total: 24_000, free: 20_000 });
        let unlimited = CGroupLimits { total_memory: 64_000, free_memory: 9_000, free_swap: 0, rss: 4_000 };
        assert_eq!(machine.limited(&unlimited), machine);
    }

    #[test]
    fn this_machine_has_some() {
        let memory = Memory::now();
        assert!(0 < memory.free && memory.free <= memory.total, "{memory:?}");
    }
}
