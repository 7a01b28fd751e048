//! The embedded exchange: what the client asks and what the server answers.

use std::fmt::Write as _;

/// A request as a browser's script would send it. Short enough for one write into a pipe.
pub(super) fn request(port: u16) -> Vec<u8> {
    format!(
        "GET /stations/koeln/readings?since=2026-01-01 HTTP/1.1\r\n\
         Host: localhost:{port}\r\n\
         User-Agent: ecapture-demo/{}\r\n\
         Accept: application/json\r\n\
         Authorization: Bearer not-a-secret-any-more\r\n\
         Cookie: session=5f1d2a90; theme=dark\r\n\
         Connection: close\r\n\
         \r\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// The answer: headers, and a body that no single TLS record can hold.
pub(super) fn response() -> Vec<u8> {
    let body = body();
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         Date: Thu, 01 Jan 2026 12:00:00 GMT\r\n\
         Server: demo\r\n\
         Content-Type: application/json; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Set-Cookie: session=7c03e6bb; Secure; HttpOnly\r\n\
         Connection: close\r\n\
         \r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// Readings in the hundreds; every line differs from every other.
const READINGS: u32 = 500;

fn body() -> String {
    let mut body = String::from("{\n  \"station\": \"Köln ☀\",\n  \"readings\": [\n");
    for n in 0..READINGS {
        let comma = if n + 1 < READINGS { "," } else { "" };
        // A String takes whatever is written to it.
        let _ = writeln!(
            body,
            "    {{\"at\": \"2026-01-01T{:02}:{:02}:00Z\", \"celsius\": {}.{}, \"humidity\": {}, \
             \"seq\": {n}}}{comma}",
            n / 60,
            n % 60,
            n * 7 % 23,
            n * 3 % 10,
            40 + n * 11 % 50
        );
    }
    body.push_str("  ]\n}\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest payload of a TLS record.
    const RECORD: usize = 1 << 14;

    #[test]
    fn the_request_fits_in_one_atomic_write_and_the_response_in_no_record() {
        assert!(request(u16::MAX).len() < rustix::param::page_size());
        assert!(response().len() > 2 * RECORD);
    }

    #[test]
    fn the_response_is_what_its_headers_say() {
        let response = String::from_utf8(response()).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["readings"].as_array().unwrap().len(), READINGS as usize);
    }
}
