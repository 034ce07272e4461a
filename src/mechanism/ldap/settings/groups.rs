//! The keys of group checks.
#![forbid(unsafe_code)]

use super::super::filter::Filter;
use super::super::message::Scope;
use super::super::tokens::Template;
use super::Lookup;
use super::lookup::{SCOPES, dn_template, filter};
use crate::settings::keys::Keys;

/// Who must be a member of what.
#[derive(PartialEq)]
pub enum GroupCheck {
    /// This entry must have the user's DN among the values of this attribute.
    Compare {
        /// `ldap_group_dn`
        dn: Template,
        /// `ldap_group_attr`
        attribute: String,
    },
    /// This search must find something.
    Search(Lookup),
}

const DN: &str = "ldap_group_dn";
const FILTER: &str = "ldap_group_filter";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Compare,
    Search,
}

/// There is a check if there is `ldap_group_dn` or `ldap_group_filter`, as in C.
/// `base`: what `ldap_search_base` says.
pub(super) fn read(keys: &mut Keys<'_>, base: &Template) -> Option<GroupCheck> {
    let ways = [("attr", Way::Compare), ("filter", Way::Search)];
    let way = keys.lenient_choice(&["ldap_group_match_method"], &ways).unwrap_or(Way::Compare);
    let (has_dn, has_filter) = (keys.entry(&[DN]).is_some(), keys.entry(&[FILTER]).is_some());
    // What is not used is not looked at, as in C.
    let dn = if way == Way::Compare || !has_filter { dn_template(keys, &[DN]) } else { None };
    let filter = if way == Way::Search || !has_dn { filter(keys, FILTER) } else { None };
    let lookup = read_lookup(keys, base, filter);
    let attribute = keys.text(&["ldap_group_attr"]).unwrap_or("uniqueMember").to_owned();
    match (way, dn, lookup) {
        (_, None, None) => None,
        (Way::Compare, Some(dn), _) => Some(GroupCheck::Compare { dn, attribute }),
        (Way::Search, _, Some(lookup)) => Some(GroupCheck::Search(lookup)),
        (Way::Compare, None, Some(_)) => {
            complain_of(keys, FILTER, "needs ldap_group_match_method: filter, or else ldap_group_dn");
            None
        }
        (Way::Search, Some(_), None) => {
            complain_of(keys, "ldap_group_match_method", "is filter, which needs ldap_group_filter");
            None
        }
    }
}

fn read_lookup(keys: &mut Keys<'_>, base: &Template, filter: Option<Filter>) -> Option<Lookup> {
    let scope = keys.lenient_choice(&["ldap_group_scope"], &SCOPES).unwrap_or(Scope::Sub);
    let base = dn_template(keys, &["ldap_group_search_base"]).unwrap_or_else(|| base.clone());
    Some(Lookup { base, scope, filter: filter? })
}

fn complain_of(keys: &mut Keys<'_>, key: &str, what: &str) {
    if let Some(entry) = keys.entry(&[key]) {
        keys.complain(entry, what);
    }
}
