//! CPU time and bytes that a thread or the process has taken so far, as Linux counts them.

use std::fs;
use std::ops::Sub;
use std::path::Path;

use arpent_base::number::exact;

/// CPU times of a process are counted in ticks of 1/100 s, which Linux fixes for user space (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What was taken up to a moment. Files that cannot be read count as 0: other systems have none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// CPU time, seconds.
    pub cpu_s: f64,
    /// Bytes that were read from files, from the disk or the system's cache; bytes of sockets are not among them.
    pub read: u64,
    /// Bytes that were written to files.
    pub written: u64,
}

impl Used {
    /// Of the calling thread: `/proc/thread-self/schedstat` (nanoseconds) and `io`.
    pub fn of_thread() -> Self {
        Self::in_folder(Path::new("/proc/thread-self"), nanoseconds)
    }

    /// Of all threads of the process, those that have ended included: `/proc/self/stat` (ticks of 10 ms) and `io`.
    pub fn of_process() -> Self {
        Self::in_folder(Path::new("/proc/self"), ticks)
    }

    fn in_folder(folder: &Path, cpu: fn(&Path) -> Option<f64>) -> Self {
        let io = fs::read_to_string(folder.join("io")).unwrap_or_default();
        let count = |name: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
        };
        Self { cpu_s: cpu(folder).unwrap_or(0.0), read: count("rchar"), written: count("wchar") }
    }
}

impl Sub for Used {
    type Output = Self;

    /// What was taken since an earlier moment.
    fn sub(self, before: Self) -> Self {
        Self {
            cpu_s: (self.cpu_s - before.cpu_s).max(0.0),
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// Time on a processor: the first field.
fn nanoseconds(folder: &Path) -> Option<f64> {
    let text = fs::read_to_string(folder.join("schedstat")).ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(exact(nanoseconds) / 1e9)
}

/// User and system time: fields 14 and 15. The second field, the name in parentheses, may hold blanks.
fn ticks(folder: &Path) -> Option<f64> {
    let text = fs::read_to_string(folder.join("stat")).ok()?;
    let mut fields = text.rsplit(')').next()?.split_whitespace().skip(11).map(str::parse::<u64>);
    let sum = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(exact(sum) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_of_a_thread_is_counted_there_and_in_the_process() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (thread, process) = (Used::of_thread(), Used::of_process());
        fs::write(file.path(), vec![7; 100_000]).unwrap();
        assert_eq!(fs::read(file.path()).unwrap().len(), 100_000);
        let began = Instant::now();
        let mut x = 0.5f64;
        while began.elapsed().as_millis() < 60 {
            x = std::hint::black_box(x.sin());
        }
        for used in [Used::of_thread() - thread, Used::of_process() - process] {
            assert!(used.read >= 100_000 && used.written >= 100_000, "{used:?}");
            assert!(used.cpu_s > 0.01, "{used:?}");
        }
        // Another thread has its own.
        let other = std::thread::spawn(Used::of_thread).join().unwrap();
        assert!(other.written < 100_000, "{other:?}");
    }

    #[test]
    fn files_that_are_not_there_count_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Used::in_folder(folder.path(), ticks), Used::default());
        fs::write(folder.path().join("stat"), "1 (a b) c) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0")
            .unwrap();
        assert!((Used::in_folder(folder.path(), ticks).cpu_s - 2.0).abs() < 1e-9);
    }
}
