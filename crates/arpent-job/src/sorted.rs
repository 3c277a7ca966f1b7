//! Sorted records on disk: memory does not grow with their number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arpent_base::number::index;

use crate::error::JobError;

/// Records that are sorted in memory.
const RUN: usize = 1 << 20;
/// Runs that are merged at once.
const FAN_IN: usize = 64;
/// Records of the sorted file that are kept in memory, at even distances.
const SAMPLES: u64 = 4096;
/// Records that are read at once when one is looked up.
const BLOCK: u64 = 512;

/// Takes records of `N` bytes in any order; they are sorted as bytes are.
pub(crate) struct Sorter<const N: usize> {
    folder: PathBuf,
    name: &'static str,
    run: Vec<[u8; N]>,
    /// Sorted files, none of them empty.
    runs: Vec<PathBuf>,
    made: usize,
    limit: usize,
}

impl<const N: usize> Sorter<N> {
    /// Writes to files in a folder, with a common prefix.
    pub(crate) fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.to_owned(), name, run: Vec::new(), runs: Vec::new(), made: 0, limit: RUN }
    }

    pub(crate) fn push(&mut self, record: [u8; N]) -> Result<(), JobError> {
        self.run.push(record);
        if self.run.len() >= self.limit { self.write_run() } else { Ok(()) }
    }

    /// The records, sorted.
    pub(crate) fn finish(mut self) -> Result<Sorted<N>, JobError> {
        self.write_run()?;
        while self.runs.len() > 1 {
            let inputs: Vec<PathBuf> = self.runs.drain(..FAN_IN.min(self.runs.len())).collect();
            let output = self.next_path();
            merge::<N>(&inputs, &output)?;
            for input in &inputs {
                std::fs::remove_file(input).map_err(failed("remove", input))?;
            }
            self.runs.push(output);
        }
        Sorted::open(&self.runs[0])
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("{}-{}.sorted", self.name, self.made))
    }

    fn write_run(&mut self) -> Result<(), JobError> {
        let path = self.next_path();
        self.run.sort_unstable();
        let mut out = BufWriter::new(File::create(&path).map_err(failed("create", &path))?);
        let written = self.run.iter().try_for_each(|record| out.write_all(record));
        written.and_then(|()| out.flush()).map_err(failed("write", &path))?;
        self.run.clear();
        self.runs.push(path);
        Ok(())
    }
}

fn merge<const N: usize>(inputs: &[PathBuf], output: &Path) -> Result<(), JobError> {
    let mut out = BufWriter::new(File::create(output).map_err(failed("create", output))?);
    let mut files = Vec::new();
    let mut heads = BinaryHeap::new();
    for (i, path) in inputs.iter().enumerate() {
        files.push(BufReader::new(File::open(path).map_err(failed("read", path))?));
        heads.extend(
            next::<N>(&mut files[i]).map_err(failed("read", path))?.map(|record| Reverse((record, i))),
        );
    }
    while let Some(Reverse((record, i))) = heads.pop() {
        out.write_all(&record).map_err(failed("write", output))?;
        heads.extend(
            next(&mut files[i]).map_err(failed("read", &inputs[i]))?.map(|record| Reverse((record, i))),
        );
    }
    out.flush().map_err(failed("write", output))
}

/// The next record of a file; `None` at its end.
fn next<const N: usize>(file: &mut impl Read) -> std::io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Records in a file, the smallest first.
pub(crate) struct Sorted<const N: usize> {
    path: PathBuf,
    file: File,
    count: u64,
    /// One record at every even distance.
    step: u64,
    samples: Vec<[u8; N]>,
}

impl<const N: usize> Sorted<N> {
    fn open(path: &Path) -> Result<Self, JobError> {
        let file = File::open(path).map_err(failed("read", path))?;
        let count = file.metadata().map_err(failed("read", path))?.len() / N as u64;
        let step = count.div_ceil(SAMPLES).max(1);
        let mut sorted = Self { path: path.to_owned(), file, count, step, samples: Vec::new() };
        for at in (0..count).step_by(index(step)) {
            let sample = sorted.read(at, 1)?[0];
            sorted.samples.push(sample);
        }
        Ok(sorted)
    }

    fn read(&self, at: u64, count: u64) -> Result<Vec<[u8; N]>, JobError> {
        let mut bytes = vec![0; index(count) * N];
        self.file.read_exact_at(&mut bytes, at * N as u64).map_err(failed("read", &self.path))?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    /// Number of records that are not larger.
    fn up_to(&self, record: &[u8; N]) -> Result<u64, JobError> {
        // Records before `low` are not larger, those from `high` on are.
        let sample = self.samples.partition_point(|sample| sample <= record) as u64;
        let (mut low, mut high) =
            (sample.saturating_sub(1) * self.step, (sample * self.step).min(self.count));
        while high - low > BLOCK {
            let middle = low.midpoint(high);
            if self.read(middle, 1)?[0] <= *record {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low + self.read(low, high - low)?.partition_point(|other| other <= record) as u64)
    }

    /// Count of larger records.
    pub(crate) fn count_above(&self, record: &[u8; N]) -> Result<u64, JobError> {
        Ok(self.count - self.up_to(record)?)
    }

    /// The first record that is larger.
    pub(crate) fn first_above(&self, record: &[u8; N]) -> Result<Option<[u8; N]>, JobError> {
        let at = self.up_to(record)?;
        Ok(if at < self.count { self.read(at, 1)?.pop() } else { None })
    }

    /// Count of repeated records.
    pub(crate) fn repeats(&self) -> Result<u64, JobError> {
        let (mut last, mut repeats) = (None, 0);
        for record in self.records()? {
            let record = record?;
            repeats += u64::from(last == Some(record));
            last = Some(record);
        }
        Ok(repeats)
    }

    /// All records, the smallest first.
    pub(crate) fn records(&self) -> Result<impl Iterator<Item = Result<[u8; N], JobError>>, JobError> {
        let mut file = BufReader::new(File::open(&self.path).map_err(failed("read", &self.path))?);
        let path = self.path.clone();
        Ok(std::iter::from_fn(move || next(&mut file).map_err(failed("read", &path)).transpose()))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> JobError {
    let path = path.to_owned();
    move |source| JobError::ScratchFile { doing, path: path.clone(), source }
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
            let mut taken = Sorter { limit, ..Sorter::new(folder.path(), "n") };
            for number in &numbers {
                taken.push(number.to_be_bytes()).unwrap();
            }
            let sorted = taken.finish().unwrap();
            for number in numbers.iter().copied().take(20).chain([0, 7, u64::MAX]) {
                let above = numbers.iter().filter(|other| **other > number).count() as u64;
                prop_assert_eq!(sorted.count_above(&number.to_be_bytes()).unwrap(), above);
                let next = numbers.iter().copied().filter(|other| *other > number).min();
                prop_assert_eq!(sorted.first_above(&number.to_be_bytes()).unwrap(), next.map(u64::to_be_bytes));
            }
            let different = numbers.iter().collect::<std::collections::HashSet<_>>().len();
            prop_assert_eq!(sorted.repeats().unwrap(), (numbers.len() - different) as u64);
        }
    }

    #[test]
    fn many_numbers_are_looked_up_in_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let mut taken = Sorter { limit: 1 << 16, ..Sorter::new(folder.path(), "n") };
        let count = SAMPLES * BLOCK * 2 + 77;
        for number in (0..count).rev() {
            taken.push((number / 3).to_be_bytes()).unwrap();
        }
        let sorted = taken.finish().unwrap();
        for number in [0, 1, 1000, count / 7, count / 3 - 1, count / 3] {
            assert_eq!(
                sorted.count_above(&u64::to_be_bytes(number)).unwrap(),
                count.saturating_sub(3 * (number + 1))
            );
        }
        assert_eq!(sorted.repeats().unwrap(), count - count.div_ceil(3));
    }
}
