//! A ring buffer of a layer's rows.

use super::aligned::{Aligned, LINE};
use crate::numbers::{signed, size};

/// Memory of a layer's rows, channels last: row `y` is stored in slot `y % capacity`, and overwritten by row `y +
/// capacity`. Left and right of each row are zeros, which are never overwritten.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    data: Aligned,
    shape: BufferShape,
}

/// Shape of a buffer of f32 values, or of four bytes in the place of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BufferShape {
    /// Number of rows.
    pub(crate) capacity: usize,
    /// First and last + 1 computed column.
    pub(crate) columns: (i64, i64),
    /// Number of zeros before and after them.
    pub(crate) border: (usize, usize),
    /// Values of a pixel: one for each channel, or for four channels of bytes.
    pub(crate) channels: usize,
    /// Rows of the whole picture: rows outside 0..height are zero.
    pub(crate) height: i64,
}

impl BufferShape {
    /// Values of a row: whole cache lines.
    fn row_length(&self) -> usize {
        let columns = size(self.columns.1 - self.columns.0);
        ((columns + self.border.0 + self.border.1) * self.channels).next_multiple_of(LINE)
    }

    /// Number of values in a buffer of this shape: its rows and one row of zeros.
    pub(crate) fn values(&self) -> usize {
        (self.capacity + 1) * self.row_length()
    }
}

impl Buffer {
    /// Resizes it to a shape; its content is lost if the shape changes.
    pub(crate) fn fit(&mut self, shape: BufferShape) {
        if self.shape != shape {
            self.data = Aligned::zeros(shape.values());
            self.shape = shape;
        }
    }

    /// Its rows, to be read and written by kernels. The caller guarantees that no two kernels write the same pixels
    /// at the same time, and that none reads what another writes.
    pub(crate) fn rows(&mut self) -> Rows {
        self.rows_of(self.shape)
    }

    /// The same for a layer of another shape, which uses the memory for a while, after [`Rows::clear`].
    pub(crate) fn rows_of(&mut self, shape: BufferShape) -> Rows {
        assert!(shape.values() <= self.data.len(), "{shape:?} in the memory of {:?}", self.shape);
        Rows {
            data: self.data.as_mut_ptr(),
            shape,
            length: shape.row_length(),
            first: shape.columns.0 - signed(shape.border.0),
        }
    }
}

fn slot(y: i64, capacity: usize) -> usize {
    size(y.rem_euclid(signed(capacity.max(1))))
}

/// The rows of a buffer, shared by the tasks of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    data: *mut f32,
    shape: BufferShape,
    length: usize,
    /// First stored column, including zeros.
    first: i64,
}

// SAFETY: the pointer is to a buffer that outlives the tasks; they write disjoint pixels (`Buffer::rows`).
unsafe impl Send for Rows {}
// SAFETY: as above.
unsafe impl Sync for Rows {}

impl Rows {
    pub(crate) fn channels(&self) -> usize {
        self.shape.channels
    }

    pub(crate) fn height(&self) -> i64 {
        self.shape.height
    }

    /// First and last + 1 computed column.
    pub(crate) fn columns(&self) -> (i64, i64) {
        self.shape.columns
    }

    /// Zeroes what no kernel writes: the values left and right of each row, and the row of zeros. In debug builds,
    /// what was there before becomes NaN. Called between layers, when no kernel writes.
    pub(crate) fn clear(&self) {
        let BufferShape { capacity, border, channels, columns, .. } = self.shape;
        let left = border.0 * channels;
        let right = self.length - left - size(columns.1 - columns.0) * channels;
        if cfg!(debug_assertions) {
            // SAFETY: the rows lie in the memory (`rows_of`); all ones are NaN.
            unsafe { self.data.write_bytes(0xff, capacity * self.length) };
        }
        for slot in 0..capacity {
            // SAFETY: both parts lie in the row, which lies in the memory (`rows_of`).
            unsafe {
                let row = self.data.add(slot * self.length);
                row.write_bytes(0, left);
                row.add(self.length - right).write_bytes(0, right);
            }
        }
        // SAFETY: the row of zeros comes after the others.
        unsafe { self.data.add(capacity * self.length).write_bytes(0, self.length) };
    }

    /// The `count` pixels of row `y` from `col` on, to read. Rows outside the picture are zeros.
    pub(crate) fn read(&self, y: i64, col: i64, count: usize) -> *const f32 {
        let inside = (0..self.shape.height).contains(&y);
        let slot = if inside { slot(y, self.shape.capacity) } else { self.shape.capacity };
        let offset = self.offset(slot, col, count);
        // SAFETY: `offset` has checked that the pixels lie in the row (in debug builds; the schedule requests no
        // others).
        unsafe { self.data.add(offset) }
    }

    /// The `count` pixels of row `y` from `col` on, to write.
    pub(crate) fn write(&self, y: i64, col: i64, count: usize) -> *mut f32 {
        debug_assert!((0..self.shape.height).contains(&y), "row {y} of {}", self.shape.height);
        debug_assert!(col >= self.shape.columns.0, "column {col} is zero by contract");
        debug_assert!(col + signed(count) <= self.shape.columns.1);
        let offset = self.offset(slot(y, self.shape.capacity), col, count);
        // SAFETY: as in `read`.
        unsafe { self.data.add(offset) }
    }

    fn offset(&self, slot: usize, col: i64, count: usize) -> usize {
        debug_assert!(col >= self.first, "column {col} before {}", self.first);
        let start = size(col - self.first) * self.shape.channels;
        debug_assert!(
            start + count * self.shape.channels <= self.length,
            "{count} columns from {col} in a row of {} values",
            self.length
        );
        slot * self.length + start
    }

    /// Pixels of a row as a slice.
    ///
    /// # Safety
    /// They are not written at the same time.
    pub(crate) unsafe fn slice<'a>(&self, y: i64, col: i64, count: usize) -> &'a [f32] {
        // SAFETY: `read` gives `count` pixels that lie in the row.
        unsafe { std::slice::from_raw_parts(self.read(y, col, count), count * self.shape.channels) }
    }

    /// Pixels of a row as a slice to write.
    ///
    /// # Safety
    /// They are not read or written at the same time.
    pub(crate) unsafe fn slice_mut<'a>(&self, y: i64, col: i64, count: usize) -> &'a mut [f32] {
        // SAFETY: as in `slice`.
        unsafe { std::slice::from_raw_parts_mut(self.write(y, col, count), count * self.shape.channels) }
    }

    /// Pixels of a row that is complete.
    pub(crate) fn complete(&self, y: i64, col: i64, count: usize) -> &[f32] {
        // SAFETY: called between layers, when no kernel writes.
        unsafe { self.slice(y, col, count) }
    }

    /// Bytes of pixels, of a layer that is stored in bytes.
    ///
    /// # Safety
    /// As [`Rows::slice`].
    pub(crate) unsafe fn bytes<'a>(&self, y: i64, col: i64, count: usize) -> &'a [u8] {
        // SAFETY: every value is four bytes.
        unsafe {
            std::slice::from_raw_parts(self.read(y, col, count).cast(), 4 * count * self.shape.channels)
        }
    }

    /// Bytes of pixels to write.
    ///
    /// # Safety
    /// As [`Rows::slice_mut`].
    pub(crate) unsafe fn bytes_mut<'a>(&self, y: i64, col: i64, count: usize) -> &'a mut [u8] {
        // SAFETY: every value is four bytes, and any four bytes are a value.
        unsafe {
            std::slice::from_raw_parts_mut(self.write(y, col, count).cast(), 4 * count * self.shape.channels)
        }
    }

    /// Calls `fill` to write pixels of a row that belong to the calling task.
    pub(crate) fn fill(&self, y: i64, col: i64, count: usize, fill: impl FnOnce(&mut [f32])) {
        // SAFETY: tasks of a layer write disjoint pixels.
        fill(unsafe { self.slice_mut(y, col, count) });
    }
}
