//! What the kernel is, what it offers, and what it lets us do, by asking it.

use probe::{Features, Kernel, Lockdown, Rights, Settings, Watch};

/// The answers.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) release: String,
    pub(super) arch: String,
    pub(super) missing_rights: Vec<&'static str>,
    pub(super) lockdown: Lockdown,
    pub(super) features: Features,
    /// `None`: not tried, since something that it needs is missing.
    pub(super) loaded: Option<Result<Loaded, String>>,
    /// Likewise.
    pub(super) watching: Option<Result<(), String>>,
}

/// What the kernel took.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Names and types.
    pub(super) programs: Vec<(String, String)>,
    /// Whether a probe could be placed.
    pub(super) probing: Result<(), String>,
}

impl Machine {
    /// Asks the kernel.
    pub(super) fn ask() -> Self {
        let name = rustix::system::uname();
        let missing_rights = Rights::own().missing();
        let features = Features::detect();
        let able = missing_rights.is_empty();
        Self {
            release: name.release().to_string_lossy().into_owned(),
            arch: name.machine().to_string_lossy().into_owned(),
            lockdown: Lockdown::read(),
            loaded: (able && features.missing().is_empty()).then(|| load(&features)),
            watching: able.then(|| Watch::start(&[]).map(drop).map_err(|error| error.to_string())),
            missing_rights,
            features,
        }
    }
}

fn load(features: &Features) -> Result<Loaded, String> {
    let settings = Settings {
        plaintext: true,
        flows: true,
        secrets: true,
        shards: 1,
        ring_bytes: SMALL_RING,
        ..Settings::default()
    };
    let kernel = Kernel::load(settings, features.clone()).map_err(|error| error.to_string())?;
    Ok(Loaded {
        programs: kernel.programs(),
        probing: kernel.try_probe().map_err(|error| error.to_string()),
    })
}

/// Nothing will be written to it.
const SMALL_RING: u64 = 256 << 10;
