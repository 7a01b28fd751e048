//! Scheduling for the one thread that races with others.

/// Lets this thread run as soon as it is woken, before every ordinary thread: it sleeps until a
/// program maps a file that was never seen, and then works for some milliseconds at most. Without
/// the right to do so it runs like any other thread.
pub(crate) fn ahead_of_others() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameters are a valid sched_param; 0 means the calling thread.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const lowest) };
    if done != 0 {
        // SAFETY: plain numbers; 0 means the calling thread.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
    }
}
