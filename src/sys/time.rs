//! The wall clock in local time, as syslog's time stamps want it.

use std::time::SystemTime;

/// The time in whole seconds since the epoch.
pub fn seconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The clock that runs on whatever the time of day is set to, in microseconds: CLOCK_MONOTONIC as other processes see it,
/// which `Instant` does not tell.
pub fn monotonic_microseconds() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value of the right type. Every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let part = |value| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec).saturating_mul(1_000_000).saturating_add(part(time.tv_nsec) / 1000)
}

/// A moment in local time, as far as a syslog time stamp shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// 0 is January.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60 (a leap second).
    pub second: u8,
}

impl LocalTime {
    /// Now, in the time zone of the system. A clock that libc cannot express shows as midnight of the first of
    /// January.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Of C's time_t, whose width musl has changed.
        let seconds = since_epoch.as_secs().try_into().unwrap_or(0);
        // SAFETY: `tm` is a plain C structure for which all zeros is a value.
        let mut broken_down: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the right type; localtime_r keeps neither. On failure it
        // leaves the zeros.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut broken_down) };
        let part = |value: libc::c_int| u8::try_from(value).unwrap_or(0);
        Self {
            month: part(broken_down.tm_mon),
            day: part(broken_down.tm_mday).max(1),
            hour: part(broken_down.tm_hour),
            minute: part(broken_down.tm_min),
            second: part(broken_down.tm_sec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_runs_as_instants_do() {
        let (before, start) = (monotonic_microseconds(), std::time::Instant::now());
        assert!(before > 0);
        std::thread::yield_now();
        let elapsed = u64::try_from(start.elapsed().as_micros()).unwrap_or(0);
        assert!(monotonic_microseconds() - before >= elapsed);
    }

    #[test]
    fn the_local_time_is_one_that_a_calendar_has() {
        let now = LocalTime::now();
        assert!(now.month < 12 && (1..=31).contains(&now.day), "{now:?}");
        assert!(now.hour < 24 && now.minute < 60 && now.second <= 60, "{now:?}");
    }
}
