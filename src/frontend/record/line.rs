//! The fields in brackets that end the lines about requests. Nothing that a client sent can end a field or a line.
#![forbid(unsafe_code)]

use crate::config::site::Site;
use crate::log::{Escaped, clean};
use crate::policy::dispatch::Names;
use crate::policy::route::chain::Asked;
use std::fmt;

/// The longest part of a field that is shown, in bytes: four of them, escaped, must leave room for the rest of the
/// line, or a client could push the reason out of it.
const LONGEST_FIELD: usize = 1024;

/// What is shown of a field.
pub(super) fn shown(field: &[u8]) -> Escaped<'_> {
    clean(field.get(..LONGEST_FIELD).unwrap_or(field))
}

/// Whom a verdict is from.
#[derive(Clone, Copy)]
pub(super) enum Mechanisms<'a> {
    /// Those that were asked: their names at that site, with commas between them.
    Asked(&'a Asked, &'a Site),
    /// The daemon itself.
    Nobody,
}

impl fmt::Display for Mechanisms<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Asked(asked, site) = self else { return formatter.write_str("none") };
        if asked.is_policy_server() {
            return formatter.write_str("policy");
        }
        let instances = asked.instances().filter_map(|id| site.instances.get(id.0));
        for (place, instance) in instances.enumerate() {
            formatter.write_str(if place > 0 { "," } else { "" })?;
            formatter.write_str(&instance.name)?;
        }
        Ok(())
    }
}

/// The fields in brackets, in the C daemon's order; the client address comes last, where logwatch's pattern for
/// the reason takes it along.
pub(super) struct Line<'a> {
    pub(super) names: &'a Names,
    pub(super) mechanisms: Option<Mechanisms<'a>>,
    pub(super) reason: Option<&'a str>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { id: _, login, service, realm, client } = self.names;
        write!(formatter, "[user={}] [service={}] [realm={}]", shown(login), shown(service), shown(realm))?;
        if let Some(mechanisms) = self.mechanisms {
            write!(formatter, " [mech={mechanisms}]")?;
        }
        if let Some(reason) = self.reason {
            write!(formatter, " [reason={}]", shown(reason.as_bytes()))?;
        }
        match client {
            Some(address) => write!(formatter, " [remote={address}]"),
            None => Ok(()),
        }
    }
}
