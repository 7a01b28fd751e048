//! ecapture: shows what programs really send and receive over TLS.
fn main() {}
