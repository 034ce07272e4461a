//! The programs. Their files are those of their packages and manuals; what is changed in them is said with each.

pub mod cyrus;
pub mod exim;
mod http;
pub mod memcached;
pub mod perl;
pub mod postfix;
pub mod radicale;
pub mod sendmail;
pub mod slapd;
mod smtp;
pub mod squid;
pub mod svnserve;
pub mod web;
