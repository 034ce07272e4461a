//! Who is asked about which login.
#![forbid(unsafe_code)]

use super::after::After;
use super::instances::Instances;
use super::names::{Named, names};
use super::words::Words;
use super::{MECHANISMS_KEY, Source};
use crate::config::FrontendSettings;
use crate::config::layers::{self, Layers};
use crate::config::login_format::LoginFormat;
use crate::config::site::{Continuation, InstanceId, Route, Routes, Selector, Step};
use crate::settings::file::{Problem, Section};
use crate::settings::keys::Keys;
use std::collections::HashMap;
use std::rc::Rc;

/// The keys that make a route of a section about logins.
const KEYS: [&str; 5] = [MECHANISMS_KEY, "login_format", "on_reject", "on_unknown", "on_unavailable"];

/// All routes. Each key counts by itself, from the most special section that has it.
pub(super) fn read(
    source: Source<'_>,
    settings: &FrontendSettings,
    instances: &mut Instances<'_>,
    problems: &mut Vec<Problem>,
) -> Routes {
    let general = general(source, settings, instances, problems);
    let with_keys =
        |section: &&Section| section.entries.iter().any(|entry| KEYS.contains(&entry.key.as_str()));
    let layers = layers::of(source.file.sections.iter().filter(with_keys)).unwrap_or_else(|too_many| {
        problems.push(Problem::error(source.path, too_many.to_string()));
        Vec::new()
    });
    let mut said = HashMap::new();
    for section in source.file.sections.iter().filter(with_keys).filter(|section| is_about_logins(section)) {
        said.insert(section.line, Words::read(source, section, instances, problems));
    }
    let keys = &mut Keys::new(source.path, vec![&source.file.general], problems);
    let default_realm = keys.text(&["default_realm"]).unwrap_or_default().as_bytes().to_vec();
    let default = Rc::new(route(general.clone(), instances));
    let special = special(&layers, &said, &general, &default, instances);
    Routes { default, special, default_realm }
}

fn is_about_logins(section: &Section) -> bool {
    Selector::of(&section.scope).is_some()
}

/// The routes of the sections, without those that lead where a login would go anyhow. Equal ones are one.
fn special(
    layers: &[Layers<'_>],
    said: &HashMap<usize, Words>,
    general: &Words,
    default: &Rc<Route>,
    instances: &Instances<'_>,
) -> Vec<(Selector, Rc<Route>)> {
    let mut known = vec![Rc::clone(default)];
    // The less special ones first.
    let mut special: Vec<(Selector, Rc<Route>)> = Vec::new();
    for Layers { selector, sections } in layers.iter().rev() {
        let words = sections.iter().filter_map(|section| said.get(&section.line));
        let words = words.fold(Words::default(), Words::or).or(general);
        let route = route(words, instances);
        let otherwise = special.iter().rev().find(|(wider, _)| wider.covers(selector));
        if **otherwise.map_or(default, |(_, route)| route) == route {
            continue;
        }
        let shared = known.iter().find(|known| ***known == route).cloned().unwrap_or_else(|| {
            known.push(Rc::new(route));
            known.last().map_or_else(|| Rc::clone(default), Rc::clone)
        });
        special.push((selector.clone(), shared));
    }
    special.reverse();
    special
}

fn route(words: Words, instances: &Instances<'_>) -> Route {
    let Words { instances: named, login_format, after } = words;
    let named = named.unwrap_or_default();
    Route { steps: named.into_iter().map(|id| step(id, after, instances)).collect(), login_format }
}

/// What a mechanism says of itself counts before what the route says.
fn step(instance: InstanceId, after: After, instances: &Instances<'_>) -> Step {
    let own = instances.get(instance).map(|found| found.after).unwrap_or_default();
    let after = own.or(after);
    let or_next = |said: Option<Continuation>| said.unwrap_or(Continuation::Next);
    Step {
        instance,
        on_reject: or_next(after.reject),
        on_unknown: or_next(after.unknown),
        on_unavailable: or_next(after.unavailable),
    }
}

/// What holds where no section says otherwise: the flags and the general part, which must not contradict each other.
fn general(
    source: Source<'_>,
    settings: &FrontendSettings,
    instances: &mut Instances<'_>,
    problems: &mut Vec<Problem>,
) -> Words {
    let section = &source.file.general;
    if settings.mechanisms.is_empty() {
        let words = Words::read(source, section, instances, problems);
        if words.instances.is_none() {
            let text = "mechanisms is missing: name those to ask, such as pam, here or with -a";
            problems.push(Problem::error(source.path, text));
        }
        return with_flag(source, words, settings.login_format.as_ref(), problems);
    }
    let in_file = names(source, section, problems);
    let is_same = |names: &Vec<Named<'_>>| {
        let flags = settings.mechanisms.iter();
        names.len() == flags.len()
            && flags.zip(names).all(|(flag, named)| flag.eq_ignore_ascii_case(named.name))
    };
    if in_file.is_some_and(|names| !is_same(&names)) {
        let mut keys = Keys::new(source.path, vec![section], problems);
        if let Some(entry) = keys.entry(&[MECHANISMS_KEY]) {
            keys.complain(entry, "names others than -a; leave one of the two out");
        }
    }
    let named = settings.mechanisms.iter().map(|name| Named { name, place: None });
    let ids = named.filter_map(|named| instances.find(&named, problems)).collect();
    let words = Words { instances: Some(ids), ..Words::read_all_but_names(source, section, problems) };
    with_flag(source, words, settings.login_format.as_ref(), problems)
}

/// `--login-format` and `-r` are the general `login_format`.
fn with_flag(
    source: Source<'_>,
    words: Words,
    flag: Option<&LoginFormat>,
    problems: &mut Vec<Problem>,
) -> Words {
    let mut keys = Keys::new(source.path, vec![&source.file.general], problems);
    if let (Some(flag), Some(in_file), Some(entry)) =
        (flag, &words.login_format, keys.entry(&["login_format"]))
    {
        if flag != in_file {
            keys.complain(entry, "is another one than --login-format or -r; leave one of the two out");
        }
    }
    Words { login_format: flag.cloned().or(words.login_format), ..words }
}
