//! Which messages are shown, and how much of each: `--where`, `--redact` and their kin.

use stream::filter::{Filter, HoldLimits, Sieve};
use stream::redact::{Names, Redaction, Show};

use crate::exit::Failure;

/// What was typed about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Shown {
    /// Only messages for which this holds, such as 'host ~ "api" && status >= 500'
    /// (docs/where.md)
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) expression: Option<String>,
    /// Mask secrets: passwords, tokens, cookies (docs/privacy.md); the default unless text goes to
    /// a terminal
    #[arg(long, conflicts_with = "no_redact")]
    pub(crate) redact: bool,
    /// Do not mask secrets
    #[arg(long)]
    pub(crate) no_redact: bool,
    /// Mask the values of these JSON keys, form fields and headers too; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) redact_keys: Vec<String>,
    /// Mask the values of these query parameters and form fields too; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) redact_params: Vec<String>,
    /// Leave out bodies
    #[arg(long, conflicts_with = "metadata_only")]
    pub(crate) headers_only: bool,
    /// Leave out bodies, headers and queries
    #[arg(long)]
    pub(crate) metadata_only: bool,
}

/// What it means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    filter: Option<Filter>,
    /// What is masked where masking is on.
    names: Names,
    /// `None`: what the output is decides.
    masks: Option<bool>,
    show: Show,
}

impl Shown {
    /// Checks it. `raw`: bytes are shown, not messages.
    pub(crate) fn selection(&self, raw: bool) -> Result<Selection, Failure> {
        self.refuse(raw)?;
        let filter = self.expression.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| Failure::usage(format!("--where: {error}")))?;
        let adds = !self.redact_keys.is_empty() || !self.redact_params.is_empty();
        let keys = self.redact_keys.iter().map(String::as_str);
        let params = self.redact_params.iter().map(String::as_str);
        Ok(Selection {
            filter,
            names: Names::new(keys, params),
            masks: match (self.redact || adds, self.no_redact || raw) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            show: match (self.headers_only, self.metadata_only) {
                (true, _) => Show::Headers,
                (_, true) => Show::Metadata,
                _ => Show::All,
            },
        })
    }

    /// Whether anything was typed.
    pub(crate) fn is_typed(&self) -> bool {
        let flags = [self.redact, self.no_redact, self.headers_only, self.metadata_only];
        let lists = [&self.redact_keys, &self.redact_params];
        self.expression.is_some()
            || flags.contains(&true)
            || lists.into_iter().any(|list| !list.is_empty())
    }

    /// Whether something is to be masked or left out of messages.
    pub(crate) fn hides(&self) -> bool {
        self.redact
            || self.headers_only
            || self.metadata_only
            || !self.redact_keys.is_empty()
            || !self.redact_params.is_empty()
    }

    fn refuse(&self, raw: bool) -> Result<(), Failure> {
        let adds = !self.redact_keys.is_empty() || !self.redact_params.is_empty();
        let no_name = |name: &String| !name.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let refused = [
            (
                raw && (self.redact || adds),
                "--raw shows bytes that are not decoded, in which secrets can't be found reliably; \
                 leave out --raw or --redact",
            ),
            (raw && self.expression.is_some(), "--where chooses messages, and --raw shows bytes"),
            (
                raw && (self.headers_only || self.metadata_only),
                "--headers-only and --metadata-only are for messages, and --raw shows bytes",
            ),
            (
                self.no_redact && adds,
                "--redact-keys and --redact-params say what is masked, and --no-redact that \
                 nothing is",
            ),
            (
                self.redact_keys.iter().chain(&self.redact_params).any(no_name),
                "--redact-keys and --redact-params take names with letters or digits",
            ),
        ];
        match refused.into_iter().find(|(typed, _)| *typed) {
            Some((_, sentence)) => Err(Failure::usage(sentence)),
            None => Ok(()),
        }
    }
}

impl Selection {
    /// A filter with its state, if there is one.
    pub(crate) fn sieve(&self) -> Option<Sieve> {
        self.filter.clone().map(|filter| Sieve::new(filter, HoldLimits::default()))
    }

    /// What stands before the output, if anything is masked or left out. `private`: only the
    /// person in front of it sees this output.
    pub(crate) fn redaction(&self, private: bool) -> Option<Redaction> {
        let names = self.masks.unwrap_or(!private).then(|| self.names.clone());
        (names.is_some() || self.show != Show::All).then(|| Redaction::new(names, self.show))
    }
}
