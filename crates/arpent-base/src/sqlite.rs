//! The part of a SQLite file that programs change without changing what it holds.

/// Bytes of the header of a SQLite file (<https://www.sqlite.org/fileformat2.html#the_database_header>).
pub const SQLITE_HEADER: usize = 100;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Version of the format for writing and for reading: 1 with a rollback journal, 2 with a write-ahead log.
const FORMAT: std::ops::Range<usize> = 18..20;
/// How often the file was written to.
const CHANGE_COUNTER: std::ops::Range<usize> = 24..28;
/// The counter at which the next field was written.
const VALID_FOR: std::ops::Range<usize> = 92..96;
/// Version of the library that wrote last.
const LIBRARY: std::ops::Range<usize> = 96..100;
/// The first library that writes these two fields.
const LIBRARY_3_7_0: u32 = 3_007_000;

/// Gives the fields of a SQLite header that change whenever a program opens the file for writing, even if it writes nothing,
/// the same values in every file: the mode of the journal, the counter of changes and the version of the library. The file
/// holds the same afterwards. What is not the header of a SQLite file stays as it is; returns whether it is one.
///
/// QGIS changes them when editing begins, also if it is canceled.
pub fn settle_sqlite_header(header: &mut [u8; SQLITE_HEADER]) -> bool {
    if !header.starts_with(MAGIC) {
        return false;
    }
    if matches!(header[FORMAT], [1, 1] | [2, 2]) {
        header[FORMAT].fill(1);
    }
    header[CHANGE_COUNTER].copy_from_slice(&1u32.to_be_bytes());
    header[VALID_FOR].copy_from_slice(&1u32.to_be_bytes());
    header[LIBRARY].copy_from_slice(&LIBRARY_3_7_0.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_opening_changes_is_settled() {
        let mut header = [7u8; SQLITE_HEADER];
        assert!(!settle_sqlite_header(&mut header) && header == [7; SQLITE_HEADER]);
        header[..16].copy_from_slice(MAGIC);
        // A format of the future stays.
        assert!(settle_sqlite_header(&mut header) && header[FORMAT] == [7, 7]);
        header[FORMAT].fill(2);
        let before = header;
        assert!(settle_sqlite_header(&mut header) && header[FORMAT] == [1, 1]);
        let changed: Vec<usize> = (0..SQLITE_HEADER).filter(|at| header[*at] != before[*at]).collect();
        let fields = [FORMAT, CHANGE_COUNTER, VALID_FOR, LIBRARY];
        assert!(changed.iter().all(|at| fields.iter().any(|field| field.contains(at))), "{changed:?}");
        let once = header;
        assert!(settle_sqlite_header(&mut header) && header == once);
    }
}
