//! Columns that grow, and how they are handed over: the Arrow C data interface.

use std::ffi::{c_char, c_void, CString};
use std::{mem, ptr};

#[repr(C)]
pub struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

#[repr(C)]
pub struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

impl ArrowSchema {
    /// Gives up what it holds, unless it was taken away or released before.
    pub unsafe fn release(&mut self) {
        if let Some(release) = self.release {
            release(self);
        }
    }
}

impl ArrowArray {
    /// Gives up what it holds, unless it was taken away or released before.
    pub unsafe fn release(&mut self) {
        if let Some(release) = self.release {
            release(self);
        }
    }
}

const NULLABLE: i64 = 2;

/// One bit a row, set where there is a value; nothing is kept as long as there always is one.
#[derive(Default)]
struct Validity {
    bits: Vec<u8>,
    nulls: i64,
}

impl Validity {
    fn note(&mut self, row: usize, there: bool) {
        if there && self.nulls == 0 {
            return;
        }
        if self.nulls == 0 {
            self.bits = vec![0xFF; row / 8 + 1];
        }
        self.bits.resize(row / 8 + 1, 0xFF);
        if !there {
            self.nulls += 1;
            self.bits[row / 8] &= !(1 << (row % 8));
        }
    }
}

/// A column of texts.
pub struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i64>,
    validity: Validity,
}

impl Default for Texts {
    fn default() -> Self {
        Texts::with_capacity(0, 0)
    }
}

impl Texts {
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Texts {
            bytes: Vec::with_capacity(bytes),
            ends,
            validity: Validity::default(),
        }
    }

    pub fn push(&mut self, text: Option<&[u8]>) {
        self.validity.note(self.ends.len() - 1, text.is_some());
        self.write().add(text.unwrap_or_default());
    }

    /// The next text, to be put together out of parts; it ends when what is answered is dropped.
    pub fn write(&mut self) -> Writing<'_> {
        Writing(self)
    }
}

/// A text that is being written.
pub struct Writing<'a>(&'a mut Texts);

impl Writing<'_> {
    pub fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.bytes.extend_from_slice(part);
        self
    }

    /// Members of a JSON object; answers what has to stand before one more.
    pub fn members<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> &'static [u8] {
        let mut comma: &[u8] = b"";
        for (name, value) in members {
            self.add(comma).add(b"\"").add(name).add(b"\":").add(value);
            comma = b",";
        }
        comma
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.ends.push(self.0.bytes.len() as i64);
    }
}

/// A column of times, microseconds in UTC.
#[derive(Default)]
pub struct Times {
    micros: Vec<i64>,
    validity: Validity,
}

impl Times {
    pub fn push(&mut self, micros: Option<i64>) {
        self.validity.note(self.micros.len(), micros.is_some());
        self.micros.push(micros.unwrap_or(0));
    }
}

/// A column that is handed over.
pub struct Column {
    schema: ArrowSchema,
    array: ArrowArray,
}

/// What an array owns until it is released.
struct Owned {
    validity: Vec<u8>,
    numbers: Vec<i64>,
    bytes: Vec<u8>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

struct Description {
    format: CString,
    name: CString,
    children: Vec<*mut ArrowSchema>,
}

impl Texts {
    /// Hands the column over; the next one has room for as much.
    pub fn take(&mut self, name: &str) -> Column {
        let rows = self.ends.len() - 1;
        let next = Texts::with_capacity(rows, self.bytes.len());
        let whole = mem::replace(self, next);
        Column {
            schema: schema("U", name, Vec::new()),
            array: array(
                rows,
                whole.validity,
                whole.ends,
                Some(whole.bytes),
                Vec::new(),
            ),
        }
    }
}

impl Times {
    /// Hands the column over; the next one has room for as much.
    pub fn take(&mut self, name: &str) -> Column {
        let rows = self.micros.len();
        let next = Times {
            micros: Vec::with_capacity(rows),
            validity: Validity::default(),
        };
        let whole = mem::replace(self, next);
        Column {
            schema: schema("tsu:UTC", name, Vec::new()),
            array: array(rows, whole.validity, whole.micros, None, Vec::new()),
        }
    }
}

/// Columns of equal length as one struct.
pub fn table(rows: usize, columns: Vec<Column>) -> (ArrowSchema, ArrowArray) {
    let (mut schemas, mut arrays) = (Vec::new(), Vec::new());
    for column in columns {
        schemas.push(Box::into_raw(Box::new(column.schema)));
        arrays.push(Box::into_raw(Box::new(column.array)));
    }
    (
        schema("+s", "", schemas),
        array(rows, Validity::default(), Vec::new(), None, arrays),
    )
}

fn schema(format: &str, name: &str, children: Vec<*mut ArrowSchema>) -> ArrowSchema {
    let text = |text: &str| CString::new(text).expect("no NUL in a name of ours");
    let mut own = Box::new(Description {
        format: text(format),
        name: text(name),
        children,
    });
    ArrowSchema {
        format: own.format.as_ptr(),
        name: own.name.as_ptr(),
        metadata: ptr::null(),
        flags: NULLABLE,
        n_children: own.children.len() as i64,
        children: own.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_schema),
        private_data: Box::into_raw(own).cast(),
    }
}

fn array(
    rows: usize,
    validity: Validity,
    numbers: Vec<i64>,
    bytes: Option<Vec<u8>>,
    children: Vec<*mut ArrowArray>,
) -> ArrowArray {
    let n_buffers = match (&bytes, children.is_empty()) {
        (_, false) => 1, // a struct: validity alone
        (None, _) => 2,
        (Some(_), _) => 3,
    };
    let mut own = Box::new(Owned {
        validity: validity.bits,
        numbers,
        bytes: bytes.unwrap_or_default(),
        buffers: Vec::new(),
        children,
    });
    let valid = if validity.nulls > 0 {
        own.validity.as_ptr().cast()
    } else {
        ptr::null()
    };
    own.buffers = vec![
        valid,
        own.numbers.as_ptr().cast(),
        own.bytes.as_ptr().cast(),
    ];
    ArrowArray {
        length: rows as i64,
        null_count: validity.nulls,
        offset: 0,
        n_buffers,
        n_children: own.children.len() as i64,
        buffers: own.buffers.as_mut_ptr(),
        children: own.children.as_mut_ptr(),
        dictionary: ptr::null_mut(),
        release: Some(release_array),
        private_data: Box::into_raw(own).cast(),
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    let own = Box::from_raw((*schema).private_data.cast::<Description>());
    for child in &own.children {
        (**child).release();
        drop(Box::from_raw(*child));
    }
    (*schema).release = None;
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    let own = Box::from_raw((*array).private_data.cast::<Owned>());
    for child in &own.children {
        (**child).release();
        drop(Box::from_raw(*child));
    }
    (*array).release = None;
}
