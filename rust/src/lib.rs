//! The compiled reader: records' values → columns of events.

#[cfg(not(target_pointer_width = "64"))]
compile_error!("lengths are 64 bits wide on both sides");

mod arrow;
mod columns;
mod event;
mod json;
mod times;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

use arrow::{ArrowArray, ArrowSchema};
pub use columns::Columns;

/// What this interface is: a library of another number is not used.
#[no_mangle]
pub extern "C" fn reader_version() -> i64 {
    3
}

/// Columns without rows, to be freed with `reading_free`.
#[no_mangle]
pub extern "C" fn reading_new() -> *mut Columns {
    Box::into_raw(Box::default())
}

/// Reads `count` values that lie one behind the other in `bytes`, each as long as `lengths` says: a row for each.
///
/// A row whose record is of no usual shape holds nulls, and its place in `odd` becomes 1. Answers how many these
/// are, or -1 after a fault of its own, when the columns are good for nothing more.
///
/// # Safety
///
/// `reading` is of `reading_new`, and used by one thread at a time. `bytes` holds the sum of `lengths`; `lengths` and
/// `odd` hold `count`, `odd` zeros.
#[no_mangle]
pub unsafe extern "C" fn reading_add(
    reading: *mut Columns,
    bytes: *const u8,
    lengths: *const usize,
    count: usize,
    odd: *mut u8,
) -> i64 {
    let lengths = slice::from_raw_parts(lengths, count);
    let bytes = slice::from_raw_parts(bytes, lengths.iter().sum());
    let odd = slice::from_raw_parts_mut(odd, count);
    let added = catch_unwind(AssertUnwindSafe(|| add(&mut *reading, bytes, lengths, odd)));
    added.unwrap_or(-1)
}

/// Hands over the rows so far as a struct array; the columns begin anew.
///
/// # Safety
///
/// `reading` as above; `schema` and `array` have room for one struct each, which go to `reading_release`.
#[no_mangle]
pub unsafe extern "C" fn reading_take(
    reading: *mut Columns,
    schema: *mut ArrowSchema,
    array: *mut ArrowArray,
) {
    let (read_schema, read_array) = (*reading).take();
    schema.write(read_schema);
    array.write(read_array);
}

/// Releases what was handed over and nobody has taken away; whoever does, empties the struct.
///
/// # Safety
///
/// Both structs are of `reading_take`.
#[no_mangle]
pub unsafe extern "C" fn reading_release(schema: *mut ArrowSchema, array: *mut ArrowArray) {
    (*schema).release();
    (*array).release();
}

/// Frees the columns, and the rows that nobody took.
///
/// # Safety
///
/// `reading` is of `reading_new`, and not used again.
#[no_mangle]
pub unsafe extern "C" fn reading_free(reading: *mut Columns) {
    drop(Box::from_raw(reading));
}

fn add(columns: &mut Columns, bytes: &[u8], lengths: &[usize], odd: &mut [u8]) -> i64 {
    let mut rest = bytes;
    let mut left = 0;
    for (length, odd) in lengths.iter().zip(odd) {
        let (value, behind) = rest.split_at(*length);
        rest = behind;
        let pushed = match event::read(value) {
            Some(event) => columns.push(&event),
            None => {
                columns.push_nulls();
                false
            }
        };
        if !pushed {
            *odd = 1;
            left += 1;
        }
    }
    left
}
