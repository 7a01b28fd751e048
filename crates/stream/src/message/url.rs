//! A request's URL and its parts.

use super::RequestLine;

impl<'a> RequestLine<'a> {
    /// The scheme. What is captured is TLS, so it is `https` where it is only implied.
    pub fn scheme(&self) -> &'a [u8] {
        self.scheme.unwrap_or(b"https")
    }

    /// The host, without user and port.
    pub fn host(&self) -> Option<&'a [u8]> {
        let authority = self.authority.or_else(|| match self.split()? {
            Target::Absolute { authority, .. } | Target::Authority(authority) => Some(authority),
            Target::Origin(_) => None,
        })?;
        let host = authority.rsplit(|&byte| byte == b'@').next().unwrap_or(authority);
        let end = if host.first() == Some(&b'[') {
            host.iter().position(|&byte| byte == b']').map(|at| at + 1)
        } else {
            host.iter().position(|&byte| byte == b':')
        };
        Some(&host[..end.unwrap_or(host.len())])
    }

    /// The path, without query. CONNECT has none.
    pub fn path(&self) -> Option<&'a [u8]> {
        let path = self.path_and_query()?;
        Some(&path[..path.iter().position(|&b| b == b'?' || b == b'#').unwrap_or(path.len())])
    }

    /// What stands behind the `?`, if there is one.
    pub fn query(&self) -> Option<&'a [u8]> {
        let path = self.path_and_query()?;
        let path = &path[..path.iter().position(|&byte| byte == b'#').unwrap_or(path.len())];
        let mark = path.iter().position(|&byte| byte == b'?')?;
        Some(&path[mark + 1..])
    }

    /// Appends the URL; what is not known of it is left out. Returns whether any of it is known.
    pub fn push_url(&self, out: &mut Vec<u8>) -> bool {
        match self.split() {
            Some(Target::Absolute { .. }) => out.extend_from_slice(self.target.unwrap_or_default()),
            Some(Target::Authority(authority)) => out.extend_from_slice(authority),
            Some(Target::Origin(_)) | None => {
                if let Some(authority) = self.authority {
                    out.extend_from_slice(self.scheme());
                    out.extend_from_slice(b"://");
                    out.extend_from_slice(authority);
                }
                // `OPTIONS *` has no path.
                let target = self.target.unwrap_or_default();
                out.extend_from_slice(if target == b"*" { b"" } else { target });
            }
        }
        self.authority.is_some() || self.target.is_some()
    }

    fn path_and_query(&self) -> Option<&'a [u8]> {
        match self.split()? {
            Target::Absolute { path: b"", .. } => Some(b"/"),
            Target::Absolute { path, .. } | Target::Origin(path) => Some(path),
            Target::Authority(_) => None,
        }
    }

    /// Which form of RFC 9112, section 3.2 the target has.
    fn split(&self) -> Option<Target<'a>> {
        let target = self.target?;
        if matches!(target.first(), None | Some(b'/' | b'*' | b'?')) {
            return Some(Target::Origin(target));
        }
        let colon = target.windows(3).take(16).position(|part| part == b"://");
        let Some(colon) = colon else {
            let connect = self.method == Some(b"CONNECT");
            return Some(if connect { Target::Authority(target) } else { Target::Origin(target) });
        };
        let rest = &target[colon + 3..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Some(Target::Absolute { authority, path })
    }
}

enum Target<'a> {
    /// `/path?query`, `*`.
    Origin(&'a [u8]),
    /// `https://host/path?query`, sent to a proxy.
    Absolute { authority: &'a [u8], path: &'a [u8] },
    /// `host:port`, of CONNECT.
    Authority(&'a [u8]),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(authority: Option<&'a str>, target: &'a str) -> RequestLine<'a> {
        let authority = authority.map(str::as_bytes);
        let (method, scheme) = (Some(b"GET".as_slice()), None);
        RequestLine { method, scheme, authority, target: Some(target.as_bytes()) }
    }

    fn text(bytes: Option<&[u8]>) -> Option<&str> {
        bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
    }

    fn url(line: &RequestLine<'_>) -> String {
        let mut out = Vec::new();
        line.push_url(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_form_of_a_target() {
        let origin = line(Some("u@h.org:8443"), "/a/b?c=d?e#f");
        assert_eq!(text(origin.host()), Some("h.org"));
        assert_eq!(text(origin.path()), Some("/a/b"));
        assert_eq!(text(origin.query()), Some("c=d?e"));
        assert_eq!(url(&origin), "https://u@h.org:8443/a/b?c=d?e#f");
        let absolute = line(None, "http://[::1]:80?q");
        assert_eq!(text(absolute.host()), Some("[::1]"));
        assert_eq!((text(absolute.path()), text(absolute.query())), (Some(""), Some("q")));
        assert_eq!(url(&absolute), "http://[::1]:80?q");
        assert_eq!(text(line(None, "http://h").path()), Some("/"));
        let star = line(Some("h"), "*");
        assert_eq!((text(star.path()), url(&star)), (Some("*"), "https://h".to_owned()));
        let connect = RequestLine { method: Some(b"CONNECT"), ..line(None, "h:443") };
        assert_eq!((text(connect.host()), text(connect.path())), (Some("h"), None));
        assert_eq!(url(&connect), "h:443");
        let unknown = RequestLine { target: None, ..origin };
        assert_eq!((unknown.path(), unknown.query()), (None, None));
        assert_eq!(url(&unknown), "https://u@h.org:8443");
        assert_eq!(RequestLine::default().host(), None);
    }
}
