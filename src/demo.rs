//! placeholder
use crate::exit::Failure;
pub(crate) fn run() -> Result<(), Failure> {
    Ok(())
}
