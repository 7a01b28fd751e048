//! Sites of real functions, proved by running these up to there in an emulator of the whole
//! processor: `emulate.py`, with Debian's python3-unicorn.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ecapture_probe::site::{Inner, Need, Place, Site};

/// Sites of one file that are to be proved.
#[derive(Default)]
pub(crate) struct Cases {
    lines: String,
    names: Vec<String>,
}

impl Cases {
    /// A site in the function itself.
    pub(crate) fn site(&mut self, name: &str, function: u64, site: &Site, need: Need) {
        self.add(name, function, site, need, (-1, -1));
    }

    /// A site in the function that a wrapper calls.
    pub(crate) fn inner(&mut self, name: &str, wrapper: u64, inner: &Inner, site: &Site) {
        let Place::Inner { function, .. } = site.place else { panic!("{name}: {site:?}") };
        let need = Need { args: 0b111, returns: true };
        let count = inner.count.map_or(-1, i64::from);
        self.add(name, wrapper, site, need, (function as i64, count));
    }

    fn add(
        &mut self,
        name: &str,
        function: u64,
        site: &Site,
        need: Need,
        (inner, count): (i64, i64),
    ) {
        let (args, returns) = (need.args, u8::from(need.returns));
        let (va, sp_delta) = (site.va, site.sp_delta);
        writeln!(self.lines, "{function} {va} {args} {returns} {sp_delta} {inner} {count}")
            .unwrap();
        self.names.push(format!("{name} at {site} for {need:?}"));
    }

    /// Runs all of them; panics with those that are wrong.
    pub(crate) fn prove(self, path: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/site/emulate.py");
        let dir = tempfile::tempdir().unwrap();
        let cases = dir.path().join("cases");
        File::create(&cases).unwrap().write_all(self.lines.as_bytes()).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(path).stdin(File::open(cases).unwrap()).stderr(Stdio::inherit());
        let answer = command.output().unwrap();
        assert!(answer.status.success(), "emulate.py failed; `make setup` installs what it needs");
        let answers = String::from_utf8(answer.stdout).unwrap();
        assert_eq!(answers.lines().count(), self.names.len());
        let named = answers.lines().zip(&self.names).filter(|(answer, _)| *answer != "ok");
        let wrong: Vec<_> = named.map(|(answer, name)| format!("{name}: {answer}")).collect();
        assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n"));
    }
}
