//! Names whose values are secret. The list of what is masked is in docs/privacy.md.

/// Names in one spelling: `Access-Token`, `access_token` and `accessToken` are `accesstoken`.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// JSON keys, form fields and headers that the user added.
    keys: Vec<Vec<u8>>,
    /// Query parameters and form fields that the user added.
    params: Vec<Vec<u8>>,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    Header,
    Key,
    Param,
}

/// Secret wherever they occur in a name.
const PARTS: [&[u8]; 10] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"secret",
    b"apikey",
    b"privatekey",
    b"accesskey",
    b"credential",
    b"authkey",
    b"subscriptionkey",
];
/// Secret at the end of a name: `max_tokens` is none.
const ENDS: [&[u8]; 3] = [b"token", b"pwd", b"sessionid"];
/// Secret as a whole name.
const WHOLE: [&[u8]; 18] = [
    b"pass",
    b"pw",
    b"auth",
    b"authorization",
    b"bearer",
    b"jwt",
    b"cookie",
    b"cookies",
    b"setcookie",
    b"sid",
    b"sessionkey",
    b"csrf",
    b"xsrf",
    b"otp",
    b"totp",
    b"clientassertion",
    b"codeverifier",
    b"samlresponse",
];
/// Secret as a whole name of a query parameter.
const PARAMS: [&[u8]; 4] = [b"key", b"sig", b"signature", b"xamzsignature"];
/// Secret anywhere in a header's name.
const HEADER_PARTS: [&[u8]; 3] = [b"authorization", b"csrf", b"xsrf"];
/// Secret as a whole name of a header.
const HEADERS: [&[u8]; 4] = [b"xauth", b"authenticationinfo", b"xfunctionskey", b"cookie2"];

/// Every header, key and parameter asks, and hardly one is secret: two small tables tell so without
/// a look at the lists. First and second letters of parts:
const BEGINNINGS: [u32; 256] = beginnings(beginnings([0; 256], &PARTS), &HEADER_PARTS);
/// Lengths and first letters of whole names. Longer ones are none.
const SHAPES: [u32; 32] = shapes(shapes(shapes([0; 32], &WHOLE), &PARAMS), &HEADERS);

/// Letters and digits of a name that are looked at. A longer name counts as secret.
const LETTERS: usize = 128;

impl Names {
    /// Names beside the built-in ones: JSON keys (they count as form fields and headers, too), and
    /// query parameters. One without a letter or digit is ignored.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = &'a str>,
        params: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let plain = |name: &str| {
            let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
            letters.map(|letter| letter.to_ascii_lowercase()).collect::<Vec<u8>>()
        };
        let list = |names: &mut dyn Iterator<Item = &'a str>| {
            names.map(plain).filter(|name| !name.is_empty()).collect()
        };
        Self { keys: list(&mut keys.into_iter()), params: list(&mut params.into_iter()) }
    }

    /// Whether the value of this name is to be masked.
    pub(super) fn is_secret(&self, name: &[u8], bearer: Bearer) -> bool {
        let mut room = [0; LETTERS];
        let mut len = 0;
        for letter in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            let Some(place) = room.get_mut(len) else { return true };
            *place = letter.to_ascii_lowercase();
            len += 1;
        }
        let name = &room[..len];
        let shape = SHAPES.get(name.len()).copied().unwrap_or_default();
        let may_be = name.first().is_some_and(|&first| shape & bit(first) != 0);
        let is = |list: &[&[u8]]| may_be && list.contains(&name);
        let added = |names: &[Vec<u8>]| names.iter().any(|known| known == name);
        holds(name, bearer)
            || ENDS.iter().any(|end| name.ends_with(end))
            || is(&WHOLE)
            || match bearer {
                Bearer::Header => is(&HEADERS) || added(&self.keys),
                Bearer::Key => added(&self.keys),
                Bearer::Param => is(&PARAMS) || added(&self.keys) || added(&self.params),
            }
    }
}

/// Whether a part stands anywhere in a name.
fn holds(name: &[u8], bearer: Bearer) -> bool {
    let more: &[&[u8]] = if bearer == Bearer::Header { &HEADER_PARTS } else { &[] };
    name.windows(2).enumerate().any(|(at, pair)| {
        BEGINNINGS[usize::from(pair[0])] & bit(pair[1]) != 0
            && PARTS.iter().chain(more).any(|part| name[at..].starts_with(part))
    })
}

/// A letter among 32: some digits share theirs with letters, which costs a look and nothing else.
const fn bit(letter: u8) -> u32 {
    1 << (letter & 31)
}

const fn beginnings(mut table: [u32; 256], parts: &[&[u8]]) -> [u32; 256] {
    let mut at = 0;
    while at < parts.len() {
        table[parts[at][0] as usize] |= bit(parts[at][1]);
        at += 1;
    }
    table
}

const fn shapes(mut table: [u32; 32], names: &[&[u8]]) -> [u32; 32] {
    let mut at = 0;
    while at < names.len() {
        table[names[at].len()] |= bit(names[at][0]);
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_spelling() {
        let names = Names::new(["card-number", "--"], ["Ticket"]);
        for (name, header, key, param) in [
            ("Authorization", true, true, true),
            ("X-Forwarded-Authorization", true, false, false),
            ("X-API-Key", true, true, true),
            ("x-auth-token", true, true, true),
            ("X-CSRFToken", true, true, true),
            ("x-ratelimit-remaining-tokens", false, false, false),
            ("accessToken", true, true, true),
            ("access_token", true, true, true),
            ("token_type", false, false, false),
            ("max_tokens", false, false, false),
            ("new-password-2", true, true, true),
            ("aws_secret_access_key", true, true, true),
            ("key", false, false, true),
            ("monkey", false, false, false),
            ("X-Amz-Signature", false, false, true),
            ("cardNumber", true, true, true),
            ("ticket", false, false, true),
            ("content-type", false, false, false),
            ("2fa-otp", false, false, false),
            ("pass", true, true, true),
            ("x-functions-key", true, false, false),
            ("s", false, false, false),
            ("", false, false, false),
        ] {
            let found = [Bearer::Header, Bearer::Key, Bearer::Param]
                .map(|bearer| names.is_secret(name.as_bytes(), bearer));
            assert_eq!(found, [header, key, param], "{name}");
        }
        assert!(names.is_secret(&[b'a'; 200], Bearer::Key), "too long to be judged");
    }

    /// The tables pass over none of the lists.
    #[test]
    fn all_that_is_listed() {
        let names = Names::default();
        let lists: [(&[&[u8]], Bearer); 6] = [
            (&PARTS, Bearer::Key),
            (&ENDS, Bearer::Key),
            (&WHOLE, Bearer::Key),
            (&PARAMS, Bearer::Param),
            (&HEADER_PARTS, Bearer::Header),
            (&HEADERS, Bearer::Header),
        ];
        for (list, bearer) in lists {
            for name in list {
                assert!(names.is_secret(name, bearer), "{}", name.escape_ascii());
            }
        }
        for (list, bearer) in [(&PARTS[..], Bearer::Key), (&HEADER_PARTS, Bearer::Header)] {
            for part in list {
                let within = [b"1x", *part, b"9"].concat();
                assert!(names.is_secret(&within, bearer), "{}", within.escape_ascii());
            }
        }
    }
}
