//! Which processes use which TLS library, and whether `ecapture tls` would hook it.

use probe::{Carrier, Survey};

use crate::page::{Mark, Page};

/// Processes named for one file, at most.
const NAMED: usize = 8;

/// Writes it down.
pub(super) fn tell(page: &mut Page, survey: &Survey) {
    page.title(&format!("TLS libraries in {} processes", survey.processes));
    for file in &survey.files {
        match &file.functions {
            Ok(functions) => {
                page.line(Mark::Ok, &file.path);
                page.below("would be hooked:");
                for function in functions {
                    page.below(&format!("  {function}"));
                }
            }
            Err(reason) => {
                page.line(Mark::No, &file.path);
                page.below(&format!("not hooked: {reason}"));
            }
        }
        keys(page, file);
        page.below(&format!("used by {}", users(file, probe::comm)));
    }
    if survey.files.is_empty() {
        page.line(Mark::Note, "none in use now; those that start later are hooked as they appear");
    }
    if survey.closed > 0 {
        let closed = survey.closed;
        page.line(Mark::Note, &format!("processes that may not be looked at: {closed}"));
    }
    if survey.unopened > 0 {
        let unopened = survey.unopened;
        page.line(Mark::Note, &format!("files in use that may not be opened: {unopened}"));
    }
}

/// Where `-m keylog` and `-m pcap` would get its keys.
fn keys(page: &mut Page, file: &Carrier) {
    match &file.keys {
        Ok(places) => {
            page.below("keys would be read at:");
            places.iter().for_each(|place| page.below(&format!("  {place}")));
        }
        Err(why) => {
            let why = why.strip_prefix("its keys can't be read: ").unwrap_or(why);
            page.below(&format!("no keys: {why}"));
        }
    }
}

/// `nginx[12 13 14], curl[99] and 7 more`, in the order of the process numbers.
fn users(file: &Carrier, name: impl Fn(u32) -> String) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for &pid in file.pids.iter().take(NAMED) {
        let name = name(pid);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, pids)) => pids.push(pid.to_string()),
            None => groups.push((name, vec![pid.to_string()])),
        }
    }
    let named: Vec<_> =
        groups.iter().map(|(name, pids)| format!("{name}[{}]", pids.join(" "))).collect();
    match file.pids.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use probe::Probed;

    use super::*;

    fn carrier(pids: Vec<u32>, functions: Result<Vec<Probed>, String>) -> Carrier {
        let keys = match functions {
            Ok(_) => Ok(vec!["log function at 0x1".to_owned()]),
            Err(_) => Err("no key log labels".to_owned()),
        };
        Carrier { path: "/lib/libssl.so.3".to_owned(), pids, functions, keys }
    }

    #[test]
    fn users_are_grouped_by_name_and_not_all_named() {
        let name = |pid| if pid < 10 { "nginx".to_owned() } else { "curl".to_owned() };
        let few = carrier(vec![2, 3, 11], Ok(Vec::new()));
        assert_eq!(users(&few, name), "nginx[2 3], curl[11]");
        let many = carrier((1..=20).collect(), Ok(Vec::new()));
        assert_eq!(users(&many, name), "nginx[1 2 3 4 5 6 7 8] and 12 more");
    }

    #[test]
    fn each_file_says_what_would_be_done_about_it() {
        let symbols = vec!["SSL_read", "SSL_write"];
        let probed = Probed { symbols, site: "entry".to_owned() };
        let files = vec![
            carrier(vec![u32::MAX], Ok(vec![probed])),
            carrier(vec![u32::MAX], Err("a 32-bit file".to_owned())),
        ];
        let mut page = Page::plain();
        tell(&mut page, &Survey { files, processes: 7, closed: 5, unopened: 3 });
        let text = page.as_text();
        assert!(text.starts_with("TLS libraries in 7 processes\n  ok    /lib/libssl.so.3\n"));
        assert!(text.contains("would be hooked:\n            SSL_read SSL_write (site: entry)\n"));
        assert!(
            text.contains("          keys would be read at:\n            log function at 0x1\n")
        );
        assert!(text.contains("          no keys: no key log labels\n"));
        assert!(text.contains("  no    /lib/libssl.so.3\n          not hooked: a 32-bit file\n"));
        assert!(text.contains("looked at: 5\n") && text.contains("opened: 3\n"));
    }
}
