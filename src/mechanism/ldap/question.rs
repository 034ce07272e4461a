//! What is asked of a server and what it answers.
#![forbid(unsafe_code)]

use super::message::Operation;
use super::named::Named;
use super::response::LdapResult;
use super::sasl::Identity;
use super::sasl_choice::Choice;
use crate::secret::Secret;
use std::rc::Rc;

/// One thing to ask. The requests are encoded already, but for the number that each connection gives them.
pub enum Question {
    /// Which entries there are.
    Search {
        /// The search request.
        request: Operation,
        /// The attribute whose values are wanted.
        attribute: Option<String>,
        /// Who chose the base.
        base: Named,
    },
    /// Whether an entry has a value.
    Compare {
        /// The compare request.
        request: Operation,
        /// Who chose the entry.
        entry: Named,
    },
    /// Whether a DN has a password.
    Bind {
        /// The bind request.
        request: Operation,
        /// The password in it, which the server may repeat.
        password: Rc<Secret>,
    },
    /// Whether a login has a password, by SASL.
    SaslBind {
        /// How; among several the connection has chosen.
        choice: Choice,
        /// Who.
        identity: Rc<Identity>,
        /// Whether the DN is wanted that the server knows the login by.
        tell_dn: bool,
    },
}

/// What the server said, where it said something about the login: see [`meaning`](super::verdict::meaning).
pub enum Answer {
    /// To a search.
    Found(Found),
    /// To a comparison.
    Compared(LdapResult),
    /// To a bind.
    Bound(LdapResult),
    /// To a successful bind by SASL whose DN was wanted: the authorization identity of RFC 4532, such as `dn:uid=x`.
    Known(Vec<u8>),
}

/// What a search found.
pub struct Found {
    /// The place of the server in its pool.
    pub server: usize,
    /// How many entries.
    pub entries: usize,
    /// The first of them.
    pub first: Option<Entry>,
    /// Where else to search: for each place the URIs that lead there.
    pub references: Vec<Vec<Vec<u8>>>,
    /// How the search ended.
    pub result: LdapResult,
}

/// An entry.
pub struct Entry {
    /// Its DN.
    pub name: Vec<u8>,
    /// The values of the attribute that was wanted. They may be passwords.
    pub values: Vec<Secret>,
}
