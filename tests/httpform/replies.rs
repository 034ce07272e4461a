//! What a server may say and what it means.

use super::{ACCEPTED, ask, launch, url};
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{Answer, FakeHttp, Nginx};

const NO: &str = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";

/// The answer to one login by a server that replies so.
fn answer(settings: &str, reply: &str) -> Answer {
    let server = FakeHttp::answering(reply);
    let daemon = launch(&format!("{}\n{settings}", url(server.address()))).start();
    ask(&daemon, "anna", "x")
}

#[test]
fn a_rejection_has_the_words_of_the_server() {
    for (line, expected) in [
        ("403 User unknown", "NO User unknown"),
        ("401 Unauthorized", "NO Unauthorized"),
        ("403", "NO"),
        ("403 Passwort f\u{fc}r gesperrt", r"NO Passwort f\xc3\xbcr gesperrt"),
    ] {
        assert_eq!(answer("", &format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")), expected);
    }
}

#[test]
fn other_statuses_are_unavailable_and_told() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    for (path, told) in [
        ("broken", "HTTP status 500 Internal Server Error"),
        ("busy", "HTTP status 503 Service Temporarily Unavailable"),
        ("elsewhere", "HTTP status 302 Moved Temporarily, which is not followed"),
        ("nowhere", "HTTP status 404 Not Found"),
    ] {
        let lines = format!("httpform_url: http://{}/{path}", nginx.clear());
        let daemon = launch(&lines).start();
        assert_eq!(ask(&daemon, LOGIN, PASSWORD), Answer::Nothing, "{path}");
        daemon.log.wait_for(told);
        let daemon = launch(&lines).with(&["--on-unavailable=no"]).start();
        let text = if path == "busy" {
            "The remote authentication server is currently unavailable"
        } else {
            "Unexpected response from remote authentication server"
        };
        assert_eq!(ask(&daemon, LOGIN, PASSWORD), format!("NO [ALERT] {text}").as_str(), "{path}");
    }
}

#[test]
fn statuses_mean_what_the_file_says() {
    let settings = "httpform_accept: 201 302\nhttpform_reject: 200 404";
    let reply = |status| format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(answer(settings, &reply(302)), ACCEPTED);
    assert_eq!(answer(settings, &reply(404)), "NO X");
    assert_eq!(answer(settings, &reply(200)), "NO X");
    assert_eq!(answer(settings, &reply(204)), Answer::Nothing);
}

#[test]
fn every_way_to_end_a_reply_is_understood() {
    for reply in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nno end",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ] {
        assert_eq!(answer("", reply), ACCEPTED, "{reply:?}");
    }
}

/// What a program behind the server can put into its reply must not decide about the next login.
#[test]
fn a_reply_behind_the_reply_answers_nobody() {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(3);
    for reply in [
        format!("{NO}{smuggled}"),
        format!(
            "HTTP/1.1 403 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("HTTP/1.0 403 No\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n{smuggled}"),
    ] {
        let server = FakeHttp::answering(&reply);
        let daemon = launch(&url(server.address())).start();
        for login in ["anna", "berta", "carla"] {
            assert_eq!(ask(&daemon, login, "x"), "NO No", "{reply:?}");
        }
        assert_eq!(server.connections(), [0, 1, 2], "{reply:?}");
    }
}

#[test]
fn what_comes_unasked_on_a_kept_connection_answers_nobody() {
    let server = FakeHttp::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let daemon = launch(&url(server.address())).start();
    assert_eq!(ask(&daemon, "anna", "x"), ACCEPTED);
    server.say(NO.as_bytes());
    daemon.wait_until_idle();
    assert_eq!(ask(&daemon, "anna", "x"), ACCEPTED);
    assert_eq!(server.connections(), [0, 1]);
}
