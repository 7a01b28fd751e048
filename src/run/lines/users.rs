//! Names of users, as /etc/passwd has them.

use std::collections::HashMap;
use std::fs;

/// Users that were asked for, at most.
const KNOWN_MAX: usize = 4096;

/// Names by number.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, Option<String>>);

impl Users {
    /// A user's name. The file is read again for each number that was not seen before.
    pub(super) fn name(&mut self, uid: u32) -> Option<&str> {
        if self.0.len() >= KNOWN_MAX {
            self.0.clear();
        }
        let name = self.0.entry(uid).or_insert_with(|| {
            let passwd = fs::read("/etc/passwd").unwrap_or_default();
            find(&String::from_utf8_lossy(&passwd), uid)
        });
        name.as_deref()
    }
}

fn find(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n:x:5:\nbroken\nme:x:1000:1000::/:\n";
        assert_eq!(find(passwd, 0).as_deref(), Some("root"));
        assert_eq!(find(passwd, 1000).as_deref(), Some("me"));
        assert_eq!((find(passwd, 5), find(passwd, 7)), (None, None));
    }
}
