//! What is sent, and that a real server understands it.

use super::{ACCEPTED, DATA, REJECTED, ask, expect_service, launch, launch_with, url};
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{FakeHttp, Nginx, Proxy, Request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn the_keys_of_c_are_enough() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let (host, port) = (nginx.clear().ip(), nginx.clear().port());
    let daemon =
        launch(&format!("httpform_host: {host}\nhttpform_port: {port}\nhttpform_uri: /login")).start();
    expect_service(&daemon);
    assert_eq!(ask(&daemon, "nobody", PASSWORD), REJECTED);
}

/// As auth_httpform.c of 2.1.28 sent it, but for the connection that is kept.
#[test]
fn a_request_looks_as_in_c() {
    let server = FakeHttp::answering(OK);
    let (host, port) = (server.address().ip(), server.address().port());
    let file = format!(
        "httpform_host: {host}\nhttpform_port: {port}\nhttpform_uri: /login\n\
         httpform_data: u=%u%40x&p=%p&r=%r&x=%x&%%&%4\n"
    );
    let daemon = launch_with(&file).start();
    let request = Request::new("an na", "p&=ä~-_.").service("smtp").realm("ex.org");
    assert_eq!(daemon.ask(&request), ACCEPTED);
    assert_eq!(
        server.heard(),
        [format!(
            "POST /login HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: keep-alive\r\nUser-Agent: saslauthd\r\n\
             Accept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 62\r\n\r\n\
             u=an%20na%40x&p=p%26%3D%C3%A4%7E%2D%5F%2E&r=ex%2Eorg&x=%x&%&%4"
        )]
    );
}

#[test]
fn service_and_client_can_be_sent_too() {
    let server = FakeHttp::answering(OK);
    let file = format!("{}\nhttpform_data: s=%s&c=%c&u=%u\n", url(server.address()));
    let daemon = launch_with(&file).start();
    let request = Request::new("anna", "x").service("imap").address("192.0.2.7;2525");
    assert_eq!(daemon.ask(&request), ACCEPTED);
    assert_eq!(server.only_body(), "s=imap&c=192%2E0%2E2%2E7&u=anna");
}

#[test]
fn a_server_can_be_asked_in_json() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let file = format!(
        "{}\nhttpform_content_type: application/json\nhttpform_data: {{\"u\":\"%u\",\"p\":\"%p\"}}\n",
        url(nginx.clear())
    );
    expect_service(&launch_with(&file).start());
}

#[test]
fn nothing_in_a_login_leaves_its_field() {
    let evil = [
        "x&u=root&p=known",
        "x\r\n\r\nPOST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "x=%26%u%p",
        "\u{1}\u{7f}\t\"\\",
    ];
    let server = FakeHttp::answering(OK);
    let file = format!("{}\nhttpform_data: u=%u&p=%p&r=%r&s=%s&end\n", url(server.address()));
    let daemon = launch_with(&file).start();
    for evil in evil {
        let request = Request::new(evil, evil).service(evil).realm(evil);
        assert_eq!(daemon.ask(&request), ACCEPTED);
        let heard = server.heard();
        let (head, body) = heard.last().unwrap().split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().count(), 7, "{head}");
        let sent = evil.bytes().map(encoded).collect::<String>();
        assert_eq!(body, format!("u={sent}&p={sent}&r={sent}&s={sent}&end"));
    }
    assert_eq!(server.heard().len(), evil.len(), "one request each");
}

/// As C writes it.
fn encoded(byte: u8) -> String {
    let letter = char::from(byte);
    if letter.is_ascii_alphanumeric() { letter.to_string() } else { format!("%{byte:02X}") }
}

#[test]
fn logins_share_connections() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    for path in ["login", "chunked"] {
        let proxy = Proxy::before(nginx.clear());
        let daemon = launch(&format!("httpform_url: http://{}/{path}", proxy.address())).start();
        for _ in 0..5 {
            expect_service(&daemon);
        }
        assert_eq!(proxy.connections(), 1, "{path}");
    }
}

#[test]
fn connections_can_be_for_one_login_each() {
    let server = FakeHttp::answering(OK);
    let daemon = launch(&format!("{}\nhttpform_keep_alive: no", url(server.address()))).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "x"), ACCEPTED);
    }
    let heard = server.heard();
    assert!(heard.iter().all(|request| request.contains("\r\nConnection: close\r\n")), "{heard:#?}");
    assert_eq!(server.connections(), [0, 1, 2]);
}

#[test]
fn a_file_that_lacks_something_keeps_the_daemon_from_starting() {
    for (file, told) in [
        (DATA, "httpform_uri is missing"),
        ("httpform_uri: /x\n", "httpform_data is missing"),
        ("httpform_uri: /x\nhttpform_data: u=%\n", ":2:18: httpform_data"),
        ("httpform_url: gopher://x/\nhttpform_data: u=%u\n", ":1:15: httpform_url"),
    ] {
        let finished = launch_with(file).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains(told), "{finished:?}");
    }
}

#[test]
fn no_secret_of_file_or_login_is_logged() {
    let server = FakeHttp::answering("HTTP/1.1 500 Oh dear\r\nContent-Length: 0\r\n\r\n");
    let file = format!(
        "httpform_url: http://{}/login?key=hunter2\nhttpform_data: k=hunter2&%u&%p\n",
        server.address()
    );
    let daemon = launch_with(&file).with(&["-V"]).start();
    assert!(ask(&daemon, LOGIN, "hunter2").is_none());
    daemon.log.wait_for("HTTP status 500 Oh dear");
    assert!(daemon.log.all().iter().all(|line| !line.contains("hunter2")), "{:#?}", daemon.log.all());
}

#[test]
fn logins_side_by_side_get_their_own_verdicts() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let daemon = launch(&url(nginx.clear())).with(&["--max-server-connections=4"]).start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..20).for_each(|_| expect_service(&daemon)));
        }
    });
}
