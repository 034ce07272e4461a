//! More logins than the workers can do in time.

use crate::support::{Launch, PamService, Program, Request};

/// Two at a time for a fifth of a second are 60 in six seconds, and 300 come.
#[test]
fn who_cannot_be_served_in_time_is_told_early_and_the_log_names_the_remedy() {
    require!(Root);
    let service =
        PamService::new("auth required pam_exec.so quiet /bin/sleep 0.2\naccount required pam_permit.so\n");
    let daemon = Launch::new(Program::Ours, &["-a", "pam", "-n", "2", "--request-timeout=6"]).start();
    let request = |number: u32| Request::new(format!("user{number}"), "right").service(service.name());
    // The pace is known by then.
    for number in 0..20 {
        assert_eq!(daemon.ask(&request(number)), "OK");
    }
    let mut clients: Vec<_> = (0..300).map(|number| (number, daemon.connect())).collect();
    for (number, client) in &mut clients {
        client.send(request(*number).bytes());
    }
    let answers: Vec<_> = clients.iter_mut().map(|(_, client)| client.receive()).collect();
    let served = answers.iter().filter(|answer| answer.is_ok()).count();
    let told = answers.iter().filter(|answer| answer.is_none()).count();
    assert_eq!(served + told, 300, "{answers:?}");
    assert!(served >= 2, "some have been served: {served}");
    let line = daemon.log.wait_for("could not have been served in time");
    assert!(line.contains("a larger -n would help"), "{line}");
    let too_late = daemon.log.all().iter().filter(|line| line.contains("within the request timeout")).count();
    assert!(too_late * 10 < told, "{too_late} of {told} waited until the end");
}
