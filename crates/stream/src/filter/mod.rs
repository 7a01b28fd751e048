//! Which messages are wanted: a small language over their fields (docs/where.md).
//!
//! Text goes to tokens ([`lex`]), to an expression ([`parse`]) over fields ([`field`]), which is
//! asked about a message ([`eval`]); a [`Sieve`] holds back what can't be answered yet. Nothing
//! here knows a protocol or an output.

mod error;
mod eval;
mod field;
mod lex;
mod parse;
mod sieve;

use std::sync::Arc;

use eval::{Answer, Subject, Truth};
use field::Field;
use parse::Expr;

use crate::Conn;
use crate::message::Message;

pub use error::FilterError;
pub use sieve::{Filtered, HoldLimits, Sieve};

/// An expression, ready to be asked. Clones share it.
#[derive(Debug, Clone)]
pub struct Filter {
    expr: Arc<Expr>,
    /// Request and response are shown together.
    pairs: bool,
    /// Times of the exchange are asked for.
    times: bool,
}

impl Filter {
    /// Reads an expression such as `method == "POST" && status >= 500`. The error says what is
    /// wrong, and where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let expr = parse::parse(text).map_err(|error| error.of(text))?;
        let pairs = !expr.names(&Field::is_of_one_message);
        let times = expr.names(&|field| matches!(field, Field::Ms | Field::Ttfb));
        Ok(Self { expr: Arc::new(expr), pairs, times })
    }

    fn ask(&self, conn: &Conn, message: &Message<'_>, answer: Answer) -> Truth {
        self.expr.ask(&Subject { conn, message, answer, shared_only: false })
    }

    /// Whether some message of the exchange could pass.
    fn is_possible(&self, conn: &Conn, message: &Message<'_>, answer: Answer) -> bool {
        self.expr.ask(&Subject { conn, message, answer, shared_only: true }) != Truth::No
    }
}
