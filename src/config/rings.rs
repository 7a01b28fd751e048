//! How large the rings are.

/// Pages per CPU: 16 MiB.
const MAPSIZE: u64 = 4096;
/// Of all rings together, unless the user sizes them.
const RINGS_MAX: u64 = 256 << 20;
/// Of one ring, whoever sizes it.
const RING_MIN: u64 = 256 << 10;
const RING_MAX: u64 = 1 << 30;

/// `--mapsize` counts pages per CPU, as eCapture's does; a ring is a power of two.
pub(super) fn ring_bytes(pages: Option<u64>, cpus: u64, shards: u64) -> u64 {
    let page = rustix::param::page_size() as u64;
    let each = match pages {
        // At least what was asked for.
        Some(pages) => (pages.saturating_mul(page).saturating_mul(cpus) / shards)
            .min(RING_MAX)
            .next_power_of_two(),
        None => {
            1 << (((MAPSIZE * page).saturating_mul(cpus).min(RINGS_MAX) / shards).max(1).ilog2())
        }
    };
    each.clamp(RING_MIN, RING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_powers_of_two_within_bounds() {
        assert_eq!(ring_bytes(Some(1024), 2, 1), 8 << 20);
        assert_eq!(ring_bytes(Some(1), 1, 1), RING_MIN);
        assert_eq!(ring_bytes(Some(u64::MAX), 64, 1), RING_MAX);
        assert_eq!(ring_bytes(None, 2, 1), 32 << 20);
        assert!(ring_bytes(None, 128, 64) * 64 <= RINGS_MAX);
        assert!(ring_bytes(None, 24, 12) * 12 <= RINGS_MAX);
    }
}
