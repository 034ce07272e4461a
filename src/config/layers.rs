//! Which sections count together for which logins: of each key the most special section counts that has it.
#![forbid(unsafe_code)]

use super::site::Selector;
use crate::settings::file::Section;
use std::collections::HashSet;

/// How many combinations of sections there can be beside the sections themselves: a realm with keys of its own and a
/// service with keys of its own make a third case, the logins of both. Far more than anybody has a use for.
const MOST_COMBINATIONS: usize = 4096;

/// Some logins, and the sections that count for all of them.
pub struct Layers<'a> {
    /// Which logins.
    pub selector: Selector,
    /// The more special ones first; the general part is not among them.
    pub sections: Vec<&'a Section>,
}

/// The sections make more combinations than anybody has a use for.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

impl std::fmt::Display for TooMany {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the sections make more than {MOST_COMBINATIONS} combinations of socket, realm and service"
        )
    }
}

/// Every case that the sections tell apart, the more special ones first, so that the first that fits a login is its own.
/// What no section is for is not among them. Sections about something else than logins are passed over.
///
/// # Errors
/// When there are too many.
pub fn of<'a>(sections: impl Iterator<Item = &'a Section>) -> Result<Vec<Layers<'a>>, TooMany> {
    let mut written: Vec<_> =
        sections.filter_map(|section| Some((Selector::of(&section.scope)?, section))).collect();
    written.sort_by_key(|(selector, _)| std::cmp::Reverse(selector.rank()));
    let mut selectors = selectors(&written)?;
    selectors.sort_by_key(|selector| std::cmp::Reverse(selector.rank()));
    let layers = selectors.into_iter().map(|selector| {
        let covering = written.iter().filter(|(covering, _)| covering.covers(&selector));
        let sections = covering.map(|(_, section)| *section).collect();
        Layers { selector, sections }
    });
    Ok(layers.collect())
}

/// The logins of each section and of what several have in common.
fn selectors(written: &[(Selector, &Section)]) -> Result<Vec<Selector>, TooMany> {
    let most = written.len() + MOST_COMBINATIONS;
    let mut known: HashSet<_> = written.iter().map(|(selector, _)| in_small_letters(selector)).collect();
    let mut all: Vec<_> = written.iter().map(|(selector, _)| selector.clone()).collect();
    let mut next = 0;
    while let Some(one) = all.get(next).cloned() {
        for (other, _) in written {
            let is_new = |both: &Selector| known.insert(in_small_letters(both));
            all.extend(one.both(other).filter(|both| both != other && *both != one).filter(is_new));
            if all.len() > most {
                return Err(TooMany);
            }
        }
        next += 1;
    }
    Ok(all)
}

fn in_small_letters(selector: &Selector) -> Selector {
    use super::site::RealmPattern::{Below, Exact};
    Selector {
        endpoint: selector.endpoint.clone(),
        realm: selector.realm.as_ref().map(|realm| match realm {
            Exact(name) => Exact(name.to_ascii_lowercase()),
            Below(end) => Below(end.to_ascii_lowercase()),
        }),
        service: selector.service.as_ref().map(|service| service.to_ascii_lowercase()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::settings::file::Text;
    use crate::settings::scope::Scope;

    /// The lines of the sections that count for each case, as `header: lines`.
    fn layers(headers: &[&str]) -> Result<Vec<(Selector, Vec<usize>)>, TooMany> {
        let text = Text { path: "/c".into(), bytes: Secret::copy_of(headers.join("\n").as_bytes()) };
        let mut problems = Vec::new();
        let file = text.parse(&mut problems);
        assert_eq!(problems, []);
        let layers = of(file.sections.iter())?.into_iter();
        let lines = layers.map(|layers| {
            (layers.selector, layers.sections.iter().map(|section| section.line).collect::<Vec<_>>())
        });
        Ok(lines.collect())
    }

    fn selector(header: &str) -> Selector {
        Selector::of(&Scope::parse(header.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_realm_and_a_service_make_a_third_case() {
        let expected = [
            (selector("[realm a.org service imap]"), vec![1, 3, 2]),
            (selector("[realm a.org]"), vec![1, 3]),
            (selector("[realm *.org service imap]"), vec![3, 2]),
            (selector("[realm *.org]"), vec![3]),
            (selector("[service imap]"), vec![2]),
        ];
        let mut layers =
            layers(&["[realm a.org]", "[service imap]", "[realm *.org]", "[mechanism x]"]).unwrap();
        layers.sort_by_key(|(selector, _)| std::cmp::Reverse(selector.rank()));
        for (selector, lines) in &expected {
            assert!(layers.contains(&(selector.clone(), lines.clone())), "{selector:?} {layers:?}");
        }
        assert_eq!(layers.len(), expected.len());
    }

    #[test]
    fn a_case_that_has_a_section_is_not_made_twice() {
        let layers = layers(&["[realm A]", "[service IMAP]", "[realm a service imap]"]).unwrap();
        let lines: Vec<_> = layers.into_iter().map(|(_, lines)| lines).collect();
        assert_eq!(lines, [vec![3, 1, 2], vec![1], vec![2]]);
    }

    #[test]
    fn a_socket_combines_with_realms_and_services() {
        let layers = layers(&["[socket /s]", "[realm a]", "[service imap]"]).unwrap();
        assert_eq!(layers.len(), 7);
        assert_eq!(layers.first().unwrap().1, [1, 2, 3]);
    }

    #[test]
    fn many_realms_are_no_combinations_and_too_many_of_these_are_an_error() {
        let realms: Vec<_> = (0..500).map(|number| format!("[realm r{number}]")).collect();
        let services: Vec<_> = (0..9).map(|number| format!("[service s{number}]")).collect();
        let headers: Vec<_> = realms.iter().chain(&services).map(String::as_str).collect();
        assert_eq!(layers(&headers[..500]).unwrap().len(), 500);
        assert_eq!(layers(&headers[..508]).unwrap().len(), 508 + 500 * 8);
        assert_eq!(layers(&headers), Err(TooMany));
    }

    /// For every login the first case that fits has exactly the sections that are for it, the special ones first.
    #[test]
    fn the_first_case_that_fits_has_all_sections_that_fit() {
        let headers = [
            "[realm a.x.org]",
            "[realm *.x.org]",
            "[realm *.org service imap]",
            "[service smtp]",
            "[realm b.org service smtp]",
            "[service pop]",
            "[realm *.org]",
        ];
        let layers = layers(&headers).unwrap();
        for realm in ["", "a.x.org", "b.x.org", "b.org", "x.org", "com", "A.X.ORG"] {
            for service in ["", "imap", "smtp", "pop", "other"] {
                let fits = |selector: &Selector| selector.matches(realm.as_bytes(), service.as_bytes());
                let found = layers.iter().find(|(selector, _)| fits(selector));
                let mut expected: Vec<_> =
                    (1..).zip(headers.map(selector)).filter(|(_, selector)| fits(selector)).collect();
                expected.sort_by_key(|(_, selector)| std::cmp::Reverse(selector.rank()));
                let expected: Vec<usize> = expected.into_iter().map(|(line, _)| line).collect();
                assert_eq!(
                    found.map(|(_, lines)| lines.clone()).unwrap_or_default(),
                    expected,
                    "{realm} {service}"
                );
            }
        }
    }
}
