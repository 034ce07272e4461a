//! The programs. Their files are those of their packages and manuals; what is changed in them is said with each.

pub mod postfix;
mod smtp;
