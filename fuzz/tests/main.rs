//! The checks with what is committed in `corpus`, and our codecs against those of others.

mod corpus;
mod imap_commands;
mod imap_replies;
mod ldap_replies;
mod ldap_requests;
mod seeds;
