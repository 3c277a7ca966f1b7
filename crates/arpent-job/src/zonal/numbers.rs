//! Sorted numbers of all zones, on disk: memory does not grow with the number of zones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arpent_base::number::index;

use super::error::ZonalError;
use super::spool::failed;

/// Numbers that are sorted in memory.
const RUN: usize = 1 << 20;
/// Runs that are merged at once.
const FAN_IN: usize = 64;
/// Numbers of the sorted file that are kept in memory, at even distances.
const SAMPLES: u64 = 4096;
/// Numbers that are read at once when one is looked up.
const BLOCK: u64 = 512;

/// Takes numbers in any order.
pub(crate) struct Numbers {
    folder: PathBuf,
    name: &'static str,
    run: Vec<u64>,
    /// Sorted files, none of them empty.
    runs: Vec<PathBuf>,
    made: usize,
    limit: usize,
}

impl Numbers {
    /// Writes to files in a folder, with a common prefix.
    pub(crate) fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.to_owned(), name, run: Vec::new(), runs: Vec::new(), made: 0, limit: RUN }
    }

    pub(crate) fn push(&mut self, number: u64) -> Result<(), ZonalError> {
        self.run.push(number);
        if self.run.len() >= self.limit { self.write_run() } else { Ok(()) }
    }

    /// The numbers, sorted.
    pub(crate) fn finish(mut self) -> Result<Sorted, ZonalError> {
        self.write_run()?;
        while self.runs.len() > 1 {
            let inputs: Vec<PathBuf> = self.runs.drain(..FAN_IN.min(self.runs.len())).collect();
            let output = self.next_path();
            merge(&inputs, &output)?;
            for input in &inputs {
                std::fs::remove_file(input).map_err(failed("remove", input))?;
            }
            self.runs.push(output);
        }
        Sorted::open(&self.runs[0])
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("{}-{}.numbers", self.name, self.made))
    }

    fn write_run(&mut self) -> Result<(), ZonalError> {
        let path = self.next_path();
        self.run.sort_unstable();
        let mut out = BufWriter::new(File::create(&path).map_err(failed("create", &path))?);
        let written = self.run.iter().try_for_each(|number| out.write_all(&number.to_le_bytes()));
        written.and_then(|()| out.flush()).map_err(failed("write", &path))?;
        self.run.clear();
        self.runs.push(path);
        Ok(())
    }
}

fn merge(inputs: &[PathBuf], output: &Path) -> Result<(), ZonalError> {
    let mut out = BufWriter::new(File::create(output).map_err(failed("create", output))?);
    let mut files = Vec::new();
    let mut heads = BinaryHeap::new();
    for (i, path) in inputs.iter().enumerate() {
        files.push(BufReader::new(File::open(path).map_err(failed("read", path))?));
        heads.extend(next(&mut files[i]).map_err(failed("read", path))?.map(|number| Reverse((number, i))));
    }
    while let Some(Reverse((number, i))) = heads.pop() {
        out.write_all(&number.to_le_bytes()).map_err(failed("write", output))?;
        heads.extend(
            next(&mut files[i]).map_err(failed("read", &inputs[i]))?.map(|number| Reverse((number, i))),
        );
    }
    out.flush().map_err(failed("write", output))
}

/// The next number of a file; `None` at its end.
fn next(file: &mut impl Read) -> std::io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Numbers in a file, the smallest first.
pub(crate) struct Sorted {
    path: PathBuf,
    file: File,
    count: u64,
    /// One number at every even distance.
    step: u64,
    samples: Vec<u64>,
}

impl Sorted {
    fn open(path: &Path) -> Result<Self, ZonalError> {
        let file = File::open(path).map_err(failed("read", path))?;
        let count = file.metadata().map_err(failed("read", path))?.len() / 8;
        let step = count.div_ceil(SAMPLES).max(1);
        let mut sorted = Self { path: path.to_owned(), file, count, step, samples: Vec::new() };
        for at in (0..count).step_by(index(step)) {
            let sample = sorted.read(at, 1)?[0];
            sorted.samples.push(sample);
        }
        Ok(sorted)
    }

    fn read(&self, at: u64, count: u64) -> Result<Vec<u64>, ZonalError> {
        let mut bytes = vec![0; index(count * 8)];
        self.file.read_exact_at(&mut bytes, at * 8).map_err(failed("read", &self.path))?;
        Ok(bytes.chunks_exact(8).map(|b| b.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))).collect())
    }

    /// Count of larger numbers.
    pub(crate) fn count_above(&self, number: u64) -> Result<u64, ZonalError> {
        // Numbers before `low` are not larger, those from `high` on are.
        let sample = self.samples.partition_point(|sample| *sample <= number) as u64;
        let (mut low, mut high) =
            (sample.saturating_sub(1) * self.step, (sample * self.step).min(self.count));
        while high - low > BLOCK {
            let middle = low.midpoint(high);
            if self.read(middle, 1)?[0] <= number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let below = self.read(low, high - low)?.partition_point(|other| *other <= number) as u64;
        Ok(self.count - low - below)
    }

    /// Count of repeated numbers.
    pub(crate) fn repeats(&self) -> Result<u64, ZonalError> {
        let mut file = BufReader::new(File::open(&self.path).map_err(failed("read", &self.path))?);
        let (mut last, mut repeats) = (None, 0);
        while let Some(number) = next(&mut file).map_err(failed("read", &self.path))? {
            repeats += u64::from(last == Some(number));
            last = Some(number);
        }
        Ok(repeats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn numbers_are_counted_as_in_memory(
            numbers in prop::collection::vec(prop_oneof![0u64..50, any::<u64>()], 0..3000), limit in 1usize..900,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut taken = Numbers { limit, ..Numbers::new(folder.path(), "n") };
            for number in &numbers {
                taken.push(*number).unwrap();
            }
            let sorted = taken.finish().unwrap();
            for number in numbers.iter().copied().take(20).chain([0, 7, u64::MAX]) {
                let above = numbers.iter().filter(|other| **other > number).count() as u64;
                prop_assert_eq!(sorted.count_above(number).unwrap(), above);
            }
            let different = numbers.iter().collect::<std::collections::HashSet<_>>().len();
            prop_assert_eq!(sorted.repeats().unwrap(), (numbers.len() - different) as u64);
        }
    }

    #[test]
    fn many_numbers_are_looked_up_in_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let mut taken = Numbers { limit: 1 << 16, ..Numbers::new(folder.path(), "n") };
        let count = SAMPLES * BLOCK * 2 + 77;
        for number in (0..count).rev() {
            taken.push(number / 3).unwrap();
        }
        let sorted = taken.finish().unwrap();
        for number in [0, 1, 1000, count / 7, count / 3 - 1, count / 3] {
            assert_eq!(sorted.count_above(number).unwrap(), count.saturating_sub(3 * (number + 1)));
        }
        assert_eq!(sorted.repeats().unwrap(), count - count.div_ceil(3));
    }
}
