//! The terminal: echo off for a password.

use super::result::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Keeps a terminal from showing what is typed; dropping it brings the echo back.
pub struct EchoOff<'a> {
    terminal: BorrowedFd<'a>,
    saved: libc::termios,
}

impl<'a> EchoOff<'a> {
    /// Turns the echo off and throws away what was typed before, since that has been shown.
    pub fn new(terminal: &'a impl AsFd) -> io::Result<Self> {
        let terminal = terminal.as_fd();
        let saved = attributes(terminal)?;
        let mut hidden = saved;
        hidden.c_lflag &= !(libc::ECHO | libc::ECHONL);
        set_attributes(terminal, libc::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, saved })
    }
}

impl Drop for EchoOff<'_> {
    fn drop(&mut self) {
        // Nothing is left to try when this fails: the terminal is gone.
        let _ = set_attributes(self.terminal, libc::TCSADRAIN, &self.saved);
    }
}

fn attributes(terminal: BorrowedFd<'_>) -> io::Result<libc::termios> {
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the pointer is to memory for one termios.
    check(unsafe { libc::tcgetattr(terminal.as_raw_fd(), attributes.as_mut_ptr()) })?;
    // SAFETY: tcgetattr succeeded, so it has filled all of it.
    Ok(unsafe { attributes.assume_init() })
}

fn set_attributes(terminal: BorrowedFd<'_>, when: libc::c_int, attributes: &libc::termios) -> io::Result<()> {
    // SAFETY: the pointer is to a whole termios that outlives the call.
    check(unsafe { libc::tcsetattr(terminal.as_raw_fd(), when, attributes) })
}
