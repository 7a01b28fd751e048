//! `ecapture doctor`: what could be captured on this machine, and what not and why. Nothing is
//! changed: the kernel half is loaded and let go again, and no other program is probed.

mod libraries;
mod machine;
mod report;

use probe::Survey;

use crate::exit::Failure;
use crate::page::{Mark, Page};
use machine::Machine;

/// Prints all of it; fails if `ecapture tls` could not work.
pub(crate) fn run() -> Result<(), Failure> {
    let machine = Machine::ask();
    let survey = Survey::take();
    let mut page = Page::new();
    let remedies = report::tell(&mut page, &machine);
    libraries::tell(&mut page, &survey);
    conclude(&mut page, &remedies, &survey);
    page.print()?;
    // The page has said why.
    if remedies.is_empty() { Ok(()) } else { Err(Failure::all(Vec::new())) }
}

/// The last line says it all, or what to do.
fn conclude(page: &mut Page, remedies: &[String], survey: &Survey) {
    page.title("Altogether");
    if !remedies.is_empty() {
        let what = remedies.join("; ");
        page.line(Mark::No, &format!("`ecapture tls` can't work here. What to do: {what}"));
        return;
    }
    let all = survey.files.len();
    let hooked = survey.files.iter().filter(|file| file.functions.is_ok()).count();
    let now = match (hooked, all) {
        (_, 0) => "no TLS library is in use now".to_owned(),
        (hooked, all) if hooked == all => format!("hooked would be {all} of {all} TLS files"),
        (hooked, all) => format!("hooked would be {hooked} of {all} TLS files, see above"),
    };
    page.line(Mark::Ok, &format!("`ecapture tls` can work here; {now}"));
}

#[cfg(test)]
mod tests {
    use probe::Carrier;

    use super::*;

    fn concluded(remedies: &[&str], files: Vec<Carrier>) -> String {
        let remedies: Vec<String> = remedies.iter().map(|&remedy| remedy.to_owned()).collect();
        let mut page = Page::plain();
        conclude(&mut page, &remedies, &Survey { files, ..Survey::default() });
        page.as_text().lines().last().unwrap().to_owned()
    }

    #[test]
    fn the_last_line_says_what_to_do() {
        let line = concluded(&["run it as root", "use Linux 5.8"], Vec::new());
        assert!(line.starts_with("  no    "), "{line}");
        assert!(line.ends_with("What to do: run it as root; use Linux 5.8"), "{line}");
    }

    #[test]
    fn the_last_line_counts_what_would_be_hooked() {
        let file = |functions| {
            let keys = Ok(Vec::new());
            Carrier { path: "/a".to_owned(), pids: vec![1], functions, keys }
        };
        let (yes, no) = (file(Ok(Vec::new())), file(Err("GnuTLS".to_owned())));
        assert!(concluded(&[], Vec::new()).ends_with("no TLS library is in use now"));
        assert!(concluded(&[], vec![yes.clone()]).ends_with("1 of 1 TLS files"));
        let line = concluded(&[], vec![yes, no]);
        assert!(line.starts_with("  ok    ") && line.contains("1 of 2"), "{line}");
    }
}
