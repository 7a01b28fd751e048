//! How much is remembered, and for how long.

/// Bounds of one interface's [`crate::Flows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a packet waits for its process or its key to become known, on the packets' own
    /// clock. A server may know a key only when the client has answered.
    pub wait_ns: u64,
    /// Bytes of all packets that wait.
    pub wait_bytes: usize,
    /// Bytes of one flow's packets that wait, so that a stranger's bulk leaves room for others. On
    /// loopback megabytes pass before the process or the key is told.
    pub flow_bytes: usize,
    /// Packets of a flow that may wait in vain; its next ones are given up at once, until some
    /// process claims the flow.
    pub doubts: u32,
    /// Flows that are remembered.
    pub flows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wait_ns: 2_000_000_000,
            wait_bytes: 32 << 20,
            flow_bytes: 4 << 20,
            doubts: 64,
            flows: 131_072,
        }
    }
}
