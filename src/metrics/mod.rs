//! What the daemon tells of itself: counters that survive a reload, and what it is doing now. Only numbers and the names
//! of the site's own file; never a login, realm or client address.
#![forbid(unsafe_code)]

pub mod activity;
pub mod daemon;
pub mod histogram;
pub mod ledger;
pub mod reasons;
pub mod recent;
pub mod snapshot;
pub mod totals;
