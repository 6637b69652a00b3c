//! Events → columns.

use std::mem;

use crate::arrow::{table, ArrowArray, ArrowSchema, Texts, Times};
use crate::event::Event;

const DEFAULT_TENANT: &[u8] = b"default";
const DEFAULT_VERSION: &[u8] = b"1.0";
const NOTHING: &[u8] = b"{}";

/// The columns of events as they grow, named as in `ingest.events.SCHEMA`.
#[derive(Default)]
pub struct Columns {
    event_id: Texts,
    event_type: Texts,
    occurred_at: Times,
    learner_id: Texts,
    tenant_id: Texts,
    session_id: Texts,
    sent_at: Times,
    published_at: Times,
    schema_version: Texts,
    data: Texts,
    metadata: Texts,
    rows: usize,
}

impl Columns {
    /// Adds a row. False if the event's metadata can't take what no column holds: it is a row of nulls then.
    pub fn push(&mut self, event: &Event) -> bool {
        if !self.push_metadata(event) {
            self.push_nulls();
            return false;
        }
        self.event_id.push(Some(event.event_id));
        self.event_type.push(Some(event.event_type));
        self.occurred_at.push(event.occurred_at);
        self.learner_id.push(Some(event.learner_id));
        self.tenant_id
            .push(event.tenant_id.or(Some(DEFAULT_TENANT)));
        self.session_id.push(event.session_id);
        self.sent_at.push(event.sent_at);
        self.published_at.push(event.published_at);
        self.schema_version
            .push(event.version.or(Some(DEFAULT_VERSION)));
        self.data.push(event.data.or(Some(NOTHING)));
        self.rows += 1;
        true
    }

    /// Adds a row of nulls.
    pub fn push_nulls(&mut self) {
        for texts in [
            &mut self.event_id,
            &mut self.event_type,
            &mut self.learner_id,
            &mut self.tenant_id,
            &mut self.session_id,
            &mut self.schema_version,
            &mut self.data,
            &mut self.metadata,
        ] {
            texts.push(None);
        }
        for times in [
            &mut self.occurred_at,
            &mut self.sent_at,
            &mut self.published_at,
        ] {
            times.push(None);
        }
        self.rows += 1;
    }

    /// The metadata, and under `_extra` what no column holds; under `_wrapper` therein what the collector said.
    /// False if that can't be told by looking at bytes: nothing is added.
    fn push_metadata(&mut self, event: &Event) -> bool {
        let own = event.metadata.unwrap_or(NOTHING);
        let collected = [
            (&b"batch_id"[..], event.batch_id),
            (b"producer_id", event.producer_id),
        ];
        let mut said = collected
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .peekable();
        if event.others.is_empty() && said.peek().is_none() {
            self.metadata.push(Some(own));
            return true;
        }
        if own.contains(&b'\\') || own.windows(6).any(|part| part == b"_extra") {
            return false;
        }
        let body = own[..own.len() - 1].trim_ascii_end();
        let mut text = self.metadata.write();
        text.add(body)
            .add(if body == b"{" { b"" } else { b"," })
            .add(b"\"_extra\":{");
        let comma = text.members(event.others.iter().copied());
        if said.peek().is_some() {
            text.add(comma).add(b"\"_wrapper\":{");
            text.members(said);
            text.add(b"}");
        }
        text.add(b"}}");
        true
    }

    /// All rows so far as one struct of the Arrow C data interface; none are left.
    pub fn take(&mut self) -> (ArrowSchema, ArrowArray) {
        let columns = vec![
            self.event_id.take("event_id"),
            self.event_type.take("event_type"),
            self.occurred_at.take("occurred_at"),
            self.learner_id.take("learner_id"),
            self.tenant_id.take("tenant_id"),
            self.session_id.take("session_id"),
            self.sent_at.take("sent_at"),
            self.published_at.take("published_at"),
            self.schema_version.take("schema_version"),
            self.data.take("data"),
            self.metadata.take("metadata"),
        ];
        table(mem::take(&mut self.rows), columns)
    }
}
