//! The example in contrib.

use super::{REFUSE, REFUSED, ask, json, launch};
use crate::support::FakeHttp;
use std::fs;
use std::path::Path;

#[test]
fn the_example_works_as_it_stands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/saslauthd.conf/policy.conf");
    let example = fs::read_to_string(path).unwrap();
    let fake = FakeHttp::answering(json(REFUSE));
    let server = "http://wforce.example.org:8084/";
    assert_eq!(example.matches(server).count(), 1);
    let daemon = launch(&example.replace(server, &format!("http://{}/", fake.address()))).start();
    assert_eq!(ask(&daemon, "secret"), REFUSED);
    let heard = fake.heard();
    assert!(heard.first().is_some_and(|request| request.contains("\r\nAuthorization: Basic ")), "{heard:?}");
}
