//! Points in time as text, cheap enough for every event.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::address::push_number;

const NANOSECONDS: u64 = 1_000_000_000;

/// How many digits of a second are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// None.
    Seconds,
    /// 3 digits.
    Millis,
    /// 6 digits.
    #[default]
    Micros,
    /// 9 digits.
    Nanos,
}

impl Precision {
    fn digits(self) -> usize {
        match self {
            Self::Seconds => 0,
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// `20261123051500`, in the machine's zone: for names of files. `time` is in nanoseconds since 1970.
pub fn compact_time(time: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default();
    time.to_zoned(TimeZone::system()).strftime("%Y%m%d%H%M%S").to_string()
}

/// `2026-11-23T05-15-00.123`, in the machine's zone: for names of files that may follow each other
/// within a second. `time` is in nanoseconds since 1970.
pub fn precise_time(time: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default();
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H-%M-%S%.3f").to_string()
}

/// Formats points in time of one zone. The date and the zone's offset are worked out once per
/// second of the events' time.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    zone: TimeZone,
    precision: Precision,
    separator: u8,
    suffix: &'static [u8],
    second: Option<u64>,
    prefix: Vec<u8>,
}

impl Stamp {
    /// `2026-11-23 05:15:00.123456` in a zone.
    pub(crate) fn local(zone: TimeZone, precision: Precision) -> Self {
        Self { zone, precision, separator: b' ', suffix: b"", second: None, prefix: Vec::new() }
    }

    /// `2026-11-23T05:15:00.123456789Z`.
    pub(crate) fn rfc3339() -> Self {
        Self {
            zone: TimeZone::UTC,
            precision: Precision::Nanos,
            separator: b'T',
            suffix: b"Z",
            second: None,
            prefix: Vec::new(),
        }
    }

    /// Appends a point in time; `time` is nanoseconds since 1970.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, time: u64) {
        let second = time / NANOSECONDS;
        if self.second != Some(second) {
            self.second = Some(second);
            self.prefix.clear();
            self.date_and_time(second);
        }
        out.extend_from_slice(&self.prefix);
        let digits = self.precision.digits();
        if digits > 0 {
            let mut fraction = *b".000000000";
            let mut rest = time % NANOSECONDS;
            for digit in fraction[1..].iter_mut().rev() {
                *digit += (rest % 10) as u8;
                rest /= 10;
            }
            out.extend_from_slice(&fraction[..=digits]);
        }
        out.extend_from_slice(self.suffix);
    }

    fn date_and_time(&mut self, second: u64) {
        // u64 nanoseconds end in 2554, long before jiff does.
        let timestamp = Timestamp::from_second(second as i64).unwrap_or(Timestamp::MAX);
        let civil = self.zone.to_datetime(timestamp);
        let prefix = &mut self.prefix;
        push_number(prefix, civil.year().unsigned_abs().into());
        for (separator, number) in [
            (b'-', civil.month()),
            (b'-', civil.day()),
            (self.separator, civil.hour()),
            (b':', civil.minute()),
            (b':', civil.second()),
        ] {
            let number = number.unsigned_abs();
            prefix.extend_from_slice(&[separator, b'0' + number / 10, b'0' + number % 10]);
        }
    }
}

/// Appends a length of time with three or four digits: `850 ns`, `13.7 ms`, `2.05 s`.
pub(crate) fn push_duration(out: &mut Vec<u8>, nanoseconds: u64) {
    const UNITS: [(u64, &[u8]); 3] = [(NANOSECONDS, b" s"), (1_000_000, b" ms"), (1_000, b" us")];
    let Some((unit, name)) = UNITS.into_iter().find(|&(unit, _)| nanoseconds >= unit) else {
        push_number(out, nanoseconds);
        out.extend_from_slice(b" ns");
        return;
    };
    let whole = nanoseconds / unit;
    push_number(out, whole);
    let hundredths = nanoseconds % unit * 100 / unit;
    match whole {
        0..10 => out.extend_from_slice(&[
            b'.',
            b'0' + (hundredths / 10) as u8,
            b'0' + (hundredths % 10) as u8,
        ]),
        10..100 => out.extend_from_slice(&[b'.', b'0' + (hundredths / 10) as u8]),
        _ => {}
    }
    out.extend_from_slice(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: u64 = 1_795_410_900_012_345_678;

    fn text(stamp: &mut Stamp, time: u64) -> String {
        let mut out = Vec::new();
        stamp.push(&mut out, time);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc3339_has_nanoseconds_and_zone() {
        let mut stamp = Stamp::rfc3339();
        assert_eq!(text(&mut stamp, TIME), "2026-11-23T05:15:00.012345678Z");
        assert_eq!(text(&mut stamp, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(text(&mut stamp, u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn durations_have_the_digits_that_matter() {
        let shown = |nanoseconds| {
            let mut out = Vec::new();
            push_duration(&mut out, nanoseconds);
            String::from_utf8(out).unwrap()
        };
        for (nanoseconds, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_050, "1.05 us"),
            (13_790_000, "13.7 ms"),
            (999_999_999, "999 ms"),
            (2_000_000_000, "2.00 s"),
            (u64::MAX, "18446744073 s"),
        ] {
            assert_eq!(shown(nanoseconds), expected);
        }
    }

    #[test]
    fn every_precision_cuts_and_does_not_round() {
        for (precision, expected) in [
            (Precision::Seconds, "2026-11-23 05:15:00"),
            (Precision::Millis, "2026-11-23 05:15:00.012"),
            (Precision::Micros, "2026-11-23 05:15:00.012345"),
            (Precision::Nanos, "2026-11-23 05:15:00.012345678"),
        ] {
            let mut stamp = Stamp::local(TimeZone::UTC, precision);
            assert_eq!(text(&mut stamp, TIME), expected);
        }
    }

    #[test]
    fn the_zone_is_asked_again_when_its_offset_changes() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut stamp = Stamp::local(berlin, Precision::Seconds);
        // 2026-03-29T00:59:59Z, the second before summer time.
        assert_eq!(text(&mut stamp, 1_774_745_999 * NANOSECONDS), "2026-03-29 01:59:59");
        assert_eq!(text(&mut stamp, 1_774_746_000 * NANOSECONDS), "2026-03-29 03:00:00");
        assert_eq!(text(&mut stamp, 1_774_745_999 * NANOSECONDS), "2026-03-29 01:59:59");
    }
}
