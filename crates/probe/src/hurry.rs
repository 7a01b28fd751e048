//! Scheduling for the threads that race with others.

/// Which of our threads goes first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Haste {
    /// It hooks files that were never seen: some milliseconds as a rule, but seconds if a file is
    /// built for it. It gets most of a CPU and leaves the rest to others: a program that holds a lock
    /// of its own memory and gets no time would keep us from asking what it maps.
    Hooks,
    /// It holds who mapped the file meanwhile: microseconds, and nobody else does it.
    Holds,
}

/// Lets this thread run before ordinary threads; who holds others, as soon as it is woken. Without the
/// right to do so it runs like any other thread.
pub(crate) fn ahead_of_others(haste: Haste) {
    let priority = libc::sched_param { sched_priority: 1 };
    let done = match haste {
        Haste::Hooks => -1,
        // SAFETY: the parameters are a valid sched_param; 0 means the calling thread.
        Haste::Holds => unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const priority) },
    };
    if done != 0 {
        // SAFETY: plain numbers; 0 means the calling thread.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
    }
}
