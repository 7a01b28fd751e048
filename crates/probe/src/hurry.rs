//! Scheduling for the threads that race with others.

/// Which of our threads goes first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Haste {
    /// It hooks a file that was never seen: some milliseconds as a rule.
    Hooks = 1,
    /// It holds who mapped the file meanwhile: microseconds, and nobody else does it.
    Holds = 2,
}

/// Lets this thread run as soon as it is woken, before every ordinary thread. Without the right to
/// do so it runs like any other thread.
pub(crate) fn ahead_of_others(haste: Haste) {
    let priority = libc::sched_param { sched_priority: haste as libc::c_int };
    // SAFETY: the parameters are a valid sched_param; 0 means the calling thread.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const priority) };
    if done != 0 {
        // SAFETY: plain numbers; 0 means the calling thread.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
    }
}
