//! Strict JSON (RFC 8259) over bytes that are UTF-8: values are walked over, not built.

/// A place in one record's bytes. Every step checks what it passes; `None` is text that is no JSON.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub bytes: &'a [u8],
    pub escaped: bool,
}

/// How many bytes stand in a string before the next quote, backslash or control character; all if there is none.
fn plain(bytes: &[u8]) -> usize {
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let stops = stops(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + words
        .remainder()
        .iter()
        .take_while(|byte| !matches!(byte, 0..=0x1F | b'"' | b'\\'))
        .count()
}

/// The high bit of each of eight bytes that ends a run of plain ones. Above the lowest that is set, bits mean nothing.
fn stops(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGHS
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether all is read, but for white space.
    pub fn at_end(&mut self) -> bool {
        self.space();
        self.at == self.bytes.len()
    }

    pub fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek()? == byte {
            self.at += 1;
            Some(())
        } else {
            None
        }
    }

    /// Steps over `byte` if it comes next.
    pub fn take(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    pub fn string(&mut self) -> Option<Text<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
        let bytes = &self.bytes[start..self.at];
        self.at += 1;
        Some(Text { bytes, escaped })
    }

    /// One escape; of surrogates only a pair passes.
    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        let kind = self.peek()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.unit()? {
                0xD800..=0xDBFF => {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    matches!(self.unit()?, 0xDC00..=0xDFFF).then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, digit| {
            Some(value * 16 + (*digit as char).to_digit(16)?)
        })
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    pub fn word(&mut self, word: &[u8]) -> Option<()> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end)? == word {
            self.at = end;
            Some(())
        } else {
            None
        }
    }

    /// Any value's own bytes. `depth` is how many levels of objects and arrays it may have.
    pub fn value(&mut self, depth: usize) -> Option<&'a [u8]> {
        let start = self.at;
        self.skip(depth)?;
        Some(&self.bytes[start..self.at])
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.members(depth.checked_sub(1)?, |cursor, _, inner| cursor.skip(inner)),
            b'[' => self.items(depth.checked_sub(1)?),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// Hands each member of an object to `each`, which reads its value.
    pub fn members(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, Text<'a>, usize) -> Option<()>,
    ) -> Option<()> {
        self.expect(b'{')?;
        self.space();
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            each(self, name, depth)?;
            self.space();
            if self.take(b'}') {
                return Some(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.expect(b'[')?;
        self.space();
        if self.take(b']') {
            return Some(());
        }
        loop {
            self.skip(depth)?;
            self.space();
            if self.take(b']') {
                return Some(());
            }
            self.expect(b',')?;
            self.space();
        }
    }
}
