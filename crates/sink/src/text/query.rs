//! A statement as people read it: result and connection in the header, then text, parameters, error.

use stream::message::{Outcome, Query};

use super::body::{self, Look};
use crate::address::push_number;
use crate::{escape, time};

/// What came of it, for whom: ` in 1.2 ms, 3 rows, db shop, user bob`.
pub(super) fn push_result(out: &mut Vec<u8>, query: &Query<'_>) {
    match query.outcome {
        Outcome::Done => {}
        Outcome::Error => out.extend_from_slice(b" failed"),
        Outcome::Skipped => out.extend_from_slice(b" skipped"),
        Outcome::Unknown => out.extend_from_slice(b" without a result"),
    }
    if let Some(total) = query.total {
        out.extend_from_slice(b" in ");
        time::push_duration(out, total);
    }
    for (count, unit) in [(query.rows, &b" rows"[..]), (query.copied, b" B of data")] {
        if let Some(count) = count {
            out.extend_from_slice(b", ");
            push_number(out, count);
            out.extend_from_slice(unit);
        }
    }
    for (before, name) in [(&b", db "[..], query.db), (b", user ", query.user)] {
        if let Some(name) = name {
            out.extend_from_slice(before);
            escape::name(out, name);
        }
    }
    if let Some(id) = query.server_id {
        out.extend_from_slice(b", server id ");
        push_number(out, id);
    }
}

/// The statement, its parameters by number, and the error.
pub(super) fn push(out: &mut Vec<u8>, query: &Query<'_>, look: Look) {
    if query.statement.len > 0 {
        body::push(out, &query.statement, b"", look);
    }
    for (index, param) in query.params.iter().enumerate() {
        out.extend_from_slice(b"  ");
        push_number(out, index as u64 + 1);
        out.extend_from_slice(b": ");
        match param.value {
            Some(value) => escape::name(out, value),
            None => out.extend_from_slice(b"NULL"),
        }
        if let Some(name) = param.name {
            out.extend_from_slice(b" (");
            escape::name(out, name);
            out.push(b')');
        }
        out.push(b'\n');
    }
    if let Some(error) = query.error {
        out.extend_from_slice(b"error ");
        escape::name(out, error.sqlstate);
        if let Some(number) = error.number {
            out.extend_from_slice(b" (");
            push_number(out, number.into());
            out.push(b')');
        }
        out.extend_from_slice(b": ");
        escape::name(out, error.message);
        out.push(b'\n');
    }
}
