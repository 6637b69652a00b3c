//! One record's bytes → the fields of an event, if the record is of a usual shape.
//!
//! What is an event is defined in Python (`ingest.envelope.examine`). Here only what is beyond doubt is read, and
//! exactly as there; all else is `None`, and looked at there. A property test holds the two together.

use crate::json::{Cursor, Text};
use crate::times;

/// Levels of objects and arrays that a record may have, itself included.
const MAX_DEPTH: usize = 200;
/// Characters of an event_id, event_type or learner_id.
const MAX_TEXT: usize = 255;
/// Characters of a number that any reader of numbers takes.
const MAX_NUMBER: usize = 15;
/// Fields without a column of their own, as many as are looked through for one that comes twice.
const MAX_OTHERS: usize = 32;

/// What is there and neither null nor an empty text, as it stands in the record; times in microseconds of the epoch.
#[derive(Default)]
pub struct Event<'a> {
    pub event_id: &'a [u8],
    pub event_type: &'a [u8],
    pub learner_id: &'a [u8],
    pub occurred_at: Option<i64>,
    pub sent_at: Option<i64>,
    pub published_at: Option<i64>,
    pub tenant_id: Option<&'a [u8]>,
    pub session_id: Option<&'a [u8]>,
    pub version: Option<&'a [u8]>,
    pub data: Option<&'a [u8]>,
    pub metadata: Option<&'a [u8]>,
    pub batch_id: Option<&'a [u8]>,
    pub producer_id: Option<&'a [u8]>,
    /// Names and values of the fields that no column holds.
    pub others: Vec<(&'a [u8], &'a [u8])>,
    seen: u32,
}

/// `None` is a record that is of no usual shape, or no event at all.
pub fn read(value: &[u8]) -> Option<Event<'_>> {
    std::str::from_utf8(value).ok()?;
    let mut event = Event::default();
    let mut cursor = Cursor::new(value);
    cursor.space();
    cursor.members(MAX_DEPTH - 1, |cursor, name, depth| {
        event.outer(cursor, name, depth)
    })?;
    (cursor.at_end() && event.is_whole()).then_some(event)
}

// A bit for each field; two names of one field share it, and a record that has both is of no usual shape.
const EVENT_ID: u32 = 1;
const EVENT_TYPE: u32 = 1 << 1;
const LEARNER_ID: u32 = 1 << 2;
const TIMESTAMP: u32 = 1 << 3;
const SESSION_ID: u32 = 1 << 4;
const TENANT_ID: u32 = 1 << 5;
const SENT_AT: u32 = 1 << 6;
const DATA: u32 = 1 << 7;
const METADATA: u32 = 1 << 8;
const VERSION: u32 = 1 << 9;
const BATCH_ID: u32 = 1 << 10;
const PRODUCER_ID: u32 = 1 << 11;
const PUBLISHED_AT: u32 = 1 << 12;
const WRAPPED: u32 = 1 << 13; // has an `event` …
const BARE: u32 = 1 << 14; // … or fields of one beside it
const COLLECTED: u32 = BATCH_ID | PRODUCER_ID | PUBLISHED_AT;

impl<'a> Event<'a> {
    fn is_whole(&self) -> bool {
        let wrapped = self.seen & WRAPPED > 0;
        let bare = self.seen & BARE > 0;
        bare != wrapped
            && (wrapped || self.seen & COLLECTED == 0)
            && self.occurred_at.is_some()
            && !self.event_id.is_empty()
            && !self.event_type.is_empty()
            && !self.learner_id.is_empty()
    }

    /// A member of the record itself: the collector's field, or one of an event that is not wrapped.
    fn outer(&mut self, cursor: &mut Cursor<'a>, name: Text<'a>, depth: usize) -> Option<()> {
        match name.bytes {
            b"event" => {
                self.once(WRAPPED)?;
                cursor.members(depth.checked_sub(1)?, |cursor, name, depth| {
                    self.inner(cursor, name, depth)
                })
            }
            b"batch_id" => self
                .once(BATCH_ID)
                .and_then(|()| any(cursor, depth, &mut self.batch_id)),
            b"producer_id" => self
                .once(PRODUCER_ID)
                .and_then(|()| any(cursor, depth, &mut self.producer_id)),
            b"published_at" => self
                .once(PUBLISHED_AT)
                .and_then(|()| time(cursor, &mut self.published_at)),
            _ => {
                self.seen |= BARE;
                self.inner(cursor, name, depth)
            }
        }
    }

    /// A member of an event.
    fn inner(&mut self, cursor: &mut Cursor<'a>, name: Text<'a>, depth: usize) -> Option<()> {
        match name.bytes {
            b"event_id" => self
                .once(EVENT_ID)
                .and_then(|()| required(cursor, &mut self.event_id)),
            b"event_type" => self
                .once(EVENT_TYPE)
                .and_then(|()| required(cursor, &mut self.event_type)),
            b"learner_id" => self
                .once(LEARNER_ID)
                .and_then(|()| required(cursor, &mut self.learner_id)),
            b"timestamp" | b"occurred_at" => self
                .once(TIMESTAMP)
                .and_then(|()| time(cursor, &mut self.occurred_at)),
            b"session_id" => self
                .once(SESSION_ID)
                .and_then(|()| optional(cursor, &mut self.session_id)),
            b"tenant_id" => self
                .once(TENANT_ID)
                .and_then(|()| optional(cursor, &mut self.tenant_id)),
            b"sent_at" => self
                .once(SENT_AT)
                .and_then(|()| time(cursor, &mut self.sent_at)),
            b"data" | b"payload" => self
                .once(DATA)
                .and_then(|()| object(cursor, depth, &mut self.data)),
            b"metadata" | b"context" => self
                .once(METADATA)
                .and_then(|()| object(cursor, depth, &mut self.metadata)),
            b"version" | b"schema_version" => self
                .once(VERSION)
                .and_then(|()| version(cursor, &mut self.version)),
            _ => self.other(cursor, name, depth),
        }
    }

    /// A member that no column holds, unless its name means something elsewhere or has to be read first.
    fn other(&mut self, cursor: &mut Cursor<'a>, name: Text<'a>, depth: usize) -> Option<()> {
        let taken = matches!(
            name.bytes,
            b"event" | b"batch_id" | b"producer_id" | b"published_at" | b"_wrapper"
        );
        let twice = self.others.iter().any(|(known, _)| *known == name.bytes);
        if name.escaped || taken || twice || self.others.len() == MAX_OTHERS {
            return None;
        }
        self.others.push((name.bytes, cursor.value(depth)?));
        Some(())
    }

    fn once(&mut self, field: u32) -> Option<()> {
        let before = self.seen;
        self.seen |= field;
        (before & field == 0).then_some(())
    }
}

/// A text without escapes; the inner `None` is null.
fn text<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    if cursor.peek()? == b'n' {
        return cursor.word(b"null").map(|()| None);
    }
    let text = cursor.string()?;
    (!text.escaped).then_some(Some(text.bytes))
}

fn required<'a>(cursor: &mut Cursor<'a>, place: &mut &'a [u8]) -> Option<()> {
    let found = text(cursor)??;
    *place = found;
    (found.len() <= MAX_TEXT || characters(found) <= MAX_TEXT).then_some(())
}

fn characters(utf8: &[u8]) -> usize {
    utf8.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

fn optional<'a>(cursor: &mut Cursor<'a>, place: &mut Option<&'a [u8]>) -> Option<()> {
    *place = text(cursor)?.filter(|text| !text.is_empty());
    Some(())
}

fn time(cursor: &mut Cursor<'_>, place: &mut Option<i64>) -> Option<()> {
    *place = match cursor.peek()? {
        b'-' | b'0'..=b'9' => Some(times::of_number(cursor.value(0)?)?),
        _ => match text(cursor)? {
            Some(b"") | None => None,
            Some(text) => Some(times::of_text(text)?),
        },
    };
    Some(())
}

fn version<'a>(cursor: &mut Cursor<'a>, place: &mut Option<&'a [u8]>) -> Option<()> {
    match cursor.peek()? {
        b'-' | b'0'..=b'9' => {
            let number = cursor.value(0)?;
            *place = Some(number);
            // Those that no number of 64 bits holds are refused, and found out elsewhere.
            (number.len() <= MAX_NUMBER && !number.iter().any(|byte| matches!(byte, b'e' | b'E')))
                .then_some(())
        }
        _ => optional(cursor, place),
    }
}

fn any<'a>(cursor: &mut Cursor<'a>, depth: usize, place: &mut Option<&'a [u8]>) -> Option<()> {
    *place = Some(cursor.value(depth)?).filter(|text| *text != b"null");
    Some(())
}

fn object<'a>(cursor: &mut Cursor<'a>, depth: usize, place: &mut Option<&'a [u8]>) -> Option<()> {
    any(cursor, depth, place)?;
    place.map_or(Some(()), |text| (text[0] == b'{').then_some(()))
}
