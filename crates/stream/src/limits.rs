//! How much a table may hold. A traced program decides how many connections there are.

/// What bounds a [`Table`](crate::Table)'s memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections followed at once. Past it, the one that was silent for longest is closed.
    pub connections: usize,
    /// Ended connections whose positions are remembered: a late record of one must not be
    /// taken for a new connection that lost its first bytes.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 65_536, remembered: 65_536 }
    }
}
