//! What the protocols of databases share: units with a declared length ([`side`]), what was asked
//! and what came of it ([`asked`]), prepared statements ([`named`]), and how SQL is written
//! ([`lex`]), as far as passwords have to be found in it ([`secret`]).

pub(crate) mod asked;
pub(crate) mod fields;
pub(crate) mod lex;
pub(crate) mod named;
pub(crate) mod secret;
pub(crate) mod side;

/// How a result is told.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(&crate::message::Message<'_>);
