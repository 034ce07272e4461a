#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::chain::{Asked, Chain, Decision, Progress};
use super::*;
use crate::config::site::{Continuation, InstanceId, RealmPattern, Step};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::simulation::{Random, of_all_seeds};
use std::time::Duration;

fn credentials(login: &str, service: &str, realm: &str) -> Credentials {
    Credentials { service: service.into(), realm: realm.into(), ..Credentials::of_login(login, b"x") }
}

/// A route that can be told by its instance.
fn route_to(instance: usize) -> Rc<Route> {
    let all = Continuation::Next;
    let step = Step { instance: InstanceId(instance), on_reject: all, on_unknown: all, on_unavailable: all };
    Rc::new(Route { steps: vec![step], login_format: None })
}

fn selector(endpoint: &str, realm: Option<RealmPattern>, service: &str) -> Selector {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Selector { endpoint: given(endpoint), realm, service: given(service) }
}

fn exact(realm: &str) -> Option<RealmPattern> {
    Some(RealmPattern::Exact(realm.to_owned()))
}

fn below(end: &str) -> Option<RealmPattern> {
    Some(RealmPattern::Below(end.to_owned()))
}

fn routes(selectors: impl IntoIterator<Item = Selector>) -> Routes {
    let special = selectors.into_iter().zip(1..).map(|(selector, number)| (selector, route_to(number)));
    Routes { default: route_to(0), special: special.collect(), default_realm: b"home.test".to_vec() }
}

fn found(routes: &Routes, endpoint: &str, login: &str, service: &str, realm: &str) -> usize {
    let (id, route) = routes.find(endpoint, &credentials(login, service, realm));
    assert_eq!(route.steps.first().map(|step| step.instance), Some(InstanceId(id.number() as usize)));
    id.number() as usize
}

#[test]
fn a_login_takes_the_first_route_all_of_whose_conditions_hold() {
    let routes = routes([
        selector("/run/one", exact("example.org"), "imap"),
        selector("/run/one", None, ""),
        selector("", exact("example.org"), ""),
        selector("", None, "imap"),
    ]);
    for (endpoint, login, service, realm, expected) in [
        ("/run/one", "anna", "imap", "example.org", 1),
        ("/run/one", "anna", "smtp", "example.org", 2),
        ("mux", "anna", "imap", "example.org", 3),
        ("mux", "anna", "imap", "", 4),
        ("mux", "anna", "smtp", "", 0),
        ("/RUN/ONE", "anna", "smtp", "", 0),
        ("mux", "anna", "IMAP", "", 4),
        ("mux", "anna", "smtp", "Example.ORG", 3),
    ] {
        assert_eq!(found(&routes, endpoint, login, service, realm), expected, "{endpoint} {service} {realm}");
    }
}

#[test]
fn the_realm_is_the_clients_else_what_follows_the_last_at_sign_else_the_default_one() {
    let routes = routes([
        selector("", exact("one.test"), ""),
        selector("", exact("two.test"), ""),
        selector("", exact("home.test"), ""),
    ]);
    for (login, realm, expected) in [
        ("anna@one.test", "two.test", 2),
        ("anna@one.test", "", 1),
        ("anna@one.test@two.test", "", 2),
        ("anna", "", 3),
        ("anna@", "", 3),
        ("@one.test", "", 1),
        ("one.test", "", 3),
        ("anna@elsewhere.test", "", 0),
    ] {
        assert_eq!(found(&routes, "mux", login, "smtp", realm), expected, "{login} {realm}");
    }
}

#[test]
fn a_pattern_wants_something_before_its_end() {
    let routes = routes([selector("", below(".example.org"), "")]);
    for (realm, expected) in [
        ("a.example.org", 1),
        ("a.b.Example.Org", 1),
        ("example.org", 0),
        (".example.org", 0),
        ("badexample.org", 0),
        ("a.example.org.test", 0),
    ] {
        assert_eq!(found(&routes, "mux", "anna", "", realm), expected, "{realm}");
    }
}

/// All answers there are, each with a delay.
fn any_verdict(random: &mut Random, number: usize) -> Verdict {
    let text = format!("step {number}");
    let outcome = match random.below(6) {
        0 => Outcome::ACCEPT,
        1 | 2 => Outcome::reject(text),
        3 | 4 => Outcome::unknown_login("", text),
        _ => Outcome::unavailable("", text),
    };
    Verdict { outcome, delay: Some(Duration::from_secs(random.below(4))) }
}

fn any_route(random: &mut Random) -> Rc<Route> {
    let continuation = |random: &mut Random| match random.one_in(4) {
        true => Continuation::Stop,
        false => Continuation::Next,
    };
    let length = 1 + random.below(5) as usize;
    let steps = (0..length).map(|number| Step {
        instance: InstanceId(number),
        on_reject: continuation(random),
        on_unknown: continuation(random),
        on_unavailable: continuation(random),
    });
    Rc::new(Route { steps: steps.collect(), login_format: None })
}

/// What the words of the manual say, without any state: how many are asked, and what that comes to.
fn expected(route: &Route, verdicts: &[Verdict]) -> (usize, Outcome, Duration) {
    let goes_on = |(step, verdict): (&Step, &Verdict)| match &verdict.outcome {
        Outcome::Accept(_) => false,
        Outcome::Reject(Refusal { is_unknown_login: true, .. }) => step.on_unknown == Continuation::Next,
        Outcome::Reject(_) => step.on_reject == Continuation::Next,
        Outcome::Unavailable(_) => step.on_unavailable == Continuation::Next,
    };
    let stops = route.steps.iter().zip(verdicts).position(|pair| !goes_on(pair));
    let count = stops.map_or(route.steps.len(), |last| last + 1);
    let asked = &verdicts[..count];
    let outcomes = || asked.iter().map(|verdict| &verdict.outcome);
    let accepted = outcomes().find(|outcome| matches!(outcome, Outcome::Accept(_)));
    let unavailable = outcomes().find(|outcome| matches!(outcome, Outcome::Unavailable(_)));
    let knows = |outcome: &&Outcome| matches!(outcome, Outcome::Reject(refusal) if !refusal.is_unknown_login);
    let outcome =
        accepted.or(unavailable).or_else(|| outcomes().find(knows)).or_else(|| outcomes().next_back());
    let delay = asked.iter().filter_map(|verdict| verdict.delay).max().unwrap();
    (count, outcome.unwrap().clone(), delay)
}

/// Asks step by step; the number of steps asked, and the decision.
fn run(route: &Rc<Route>, verdicts: &[Verdict]) -> (usize, Decision) {
    let mut chain = Chain::new(Rc::clone(route));
    for (number, verdict) in verdicts.iter().enumerate() {
        assert_eq!(chain.next_step(), Some(InstanceId(number)));
        let could_go_on = chain.may_go_on();
        match chain.handle(verdict.clone()) {
            Progress::Next => assert!(could_go_on, "what another step needs was let go"),
            Progress::Done(decision) => return (number + 1, decision),
        }
    }
    panic!("no decision behind the last step");
}

fn instances(asked: &Asked) -> Vec<usize> {
    asked.instances().map(|instance| instance.0).collect()
}

#[test]
fn a_chain_decides_as_the_manual_says_on_whatever_route() {
    of_all_seeds(|seed| {
        let mut random = Random(seed);
        let route = any_route(&mut random);
        let verdicts: Vec<_> =
            (0..route.steps.len()).map(|number| any_verdict(&mut random, number)).collect();
        let (count, outcome, delay) = expected(&route, &verdicts);
        let (asked, decision) = run(&route, &verdicts);
        assert_eq!((asked, &decision.outcome), (count, &outcome), "{route:?} {verdicts:?}");
        if let Outcome::Accept(_) = outcome {
            assert_eq!(instances(&decision.asked), [count - 1]);
            assert_eq!(decision.delay, Duration::ZERO, "a right password is never held back");
        } else {
            assert_eq!(instances(&decision.asked), (0..count).collect::<Vec<_>>());
            assert_eq!(decision.delay, delay);
        }
    });
}

fn two_steps() -> Rc<Route> {
    let steps = [route_to(0), route_to(1)].map(|one| one.steps[0]);
    Rc::new(Route { steps: steps.to_vec(), login_format: None })
}

#[test]
fn a_chain_that_is_cut_short_is_unavailable_whoever_refused_before() {
    let route = two_steps();
    let mut chain = Chain::new(Rc::clone(&route));
    chain.next_step();
    assert_eq!(chain.handle(Outcome::reject("no").into()), Progress::Next);
    let decision = chain.cut_short(Refusal::new("late"));
    assert_eq!(decision.outcome, Outcome::Unavailable(Refusal::new("late")));
    assert_eq!(instances(&decision.asked), [0], "the other one has not been asked");
    assert_eq!(chain.refusal().unwrap().outcome, Outcome::reject("no"), "for the log, if nobody waits");
}

#[test]
fn the_first_outage_is_the_reason_of_an_unavailable_chain() {
    let route = two_steps();
    let verdicts = ["first", "second"].map(|reason| Outcome::unavailable("", reason).into());
    assert_eq!(run(&route, &verdicts).1.outcome, Outcome::unavailable("", "first"));
}

#[test]
fn a_route_without_steps_lets_nobody_in() {
    let mut chain = Chain::new(Rc::default());
    assert_eq!(chain.next_step(), None);
    assert!(!chain.may_go_on());
    assert!(matches!(chain.handle(Outcome::reject("no").into()), Progress::Done(_)));
}
