//! The messages between the processes, as one process reads them that does not trust the other.

use crate::memory::most_held;
use saslauthd::endpoint::dovecot;
use saslauthd::ipc::{
    FromFrontend, FromWorker, HandedPenalties, Legacy, ToFrontend, ToWorker, decode_opened, decode_tls_files,
    encode_job, encode_jobs, encode_opened, encode_tls_files,
};

/// What a message of `length` bytes may hold once it is read: lists have their bounds, and no element less than a byte.
fn bound(length: usize) -> usize {
    64 * 1024 + 32 * length
}

/// Whatever a message is: it is refused, or the same comes of what it is read as when that is sent again; and its memory
/// has a bound.
pub fn check(bytes: &[u8]) {
    let ((), held) = most_held(|| {
        check_to_frontend(bytes);
        check_from_frontend(bytes);
        check_to_worker(bytes);
        check_from_worker(bytes);
        check_handed_over(bytes);
        check_files(bytes);
    });
    assert!(held <= bound(bytes.len()), "{held} bytes held");
}

fn check_to_frontend(bytes: &[u8]) {
    if let Ok(message) = ToFrontend::decode(bytes) {
        let again = ToFrontend::decode(message.encode().as_bytes());
        assert!(again == Ok(message), "not the same to a frontend");
    }
}

fn check_from_frontend(bytes: &[u8]) {
    if let Ok(message) = FromFrontend::decode(bytes) {
        // What is too long is cut when it is sent.
        let sent = message.encode();
        let again = FromFrontend::decode(sent.as_bytes()).expect("what is sent can be read");
        assert!(again.encode().as_bytes() == sent.as_bytes(), "not the same from a frontend");
    }
}

fn check_to_worker(bytes: &[u8]) {
    match ToWorker::decode(bytes) {
        Ok(ToWorker::Job(job, purpose)) => {
            let sent = encode_job(job, &purpose);
            let Ok(ToWorker::Job(same, again)) = ToWorker::decode(sent.as_bytes()) else { panic!("no job") };
            assert_eq!(same, job);
            assert!(encode_job(same, &again).as_bytes() == sent.as_bytes(), "not the same job");
        }
        Ok(ToWorker::Jobs(jobs)) => {
            let encoded = |jobs: &[_]| encode_jobs(jobs.iter().map(|(job, purpose)| (*job, purpose)));
            let sent = encoded(&jobs);
            let Ok(ToWorker::Jobs(again)) = ToWorker::decode(sent.as_bytes()) else { panic!("no jobs") };
            assert!(encoded(&again).as_bytes() == sent.as_bytes(), "not the same jobs");
        }
        Ok(ToWorker::Setup(setup)) => {
            let Ok(ToWorker::Setup(again)) = ToWorker::decode(setup.encode().as_bytes()) else {
                panic!("no setup")
            };
            assert_eq!(again, setup);
        }
        Ok(ToWorker::LogLevel(_)) | Err(_) => {}
    }
}

fn check_from_worker(bytes: &[u8]) {
    if let Ok(message) = FromWorker::decode(bytes) {
        let sent = message.encode();
        let Ok(again) = FromWorker::decode(sent.as_bytes()) else { panic!("what is sent can be read") };
        assert!(again.encode().as_bytes() == sent.as_bytes(), "not the same from a worker");
    }
}

fn check_handed_over(bytes: &[u8]) {
    if let Ok(legacy) = Legacy::decode(bytes) {
        assert_eq!(Legacy::decode(legacy.encode().as_bytes()), Ok(legacy));
    }
    if let Some(state) = dovecot::HandedOver::decode(bytes) {
        assert_eq!(dovecot::HandedOver::decode(&state.encode()), Some(state));
    }
    if let Ok(penalties) = HandedPenalties::decode(bytes) {
        let sent = penalties.encode();
        let Ok(again) = HandedPenalties::decode(sent.as_bytes()) else { panic!("what is sent can be read") };
        assert!(again.encode().as_bytes() == sent.as_bytes(), "not the same penalties");
    }
}

/// What the supervisor says of a file that it was to open, and the files for TLS that it hands over.
fn check_files(bytes: &[u8]) {
    if let Ok(opened) = decode_opened(bytes) {
        assert_eq!(encode_opened(opened), bytes, "there is one way to say it");
    }
    if let Ok(files) = decode_tls_files(bytes) {
        let again = decode_tls_files(encode_tls_files(&files).as_bytes());
        assert!(again.is_ok_and(|again| again == files), "not the same files");
    }
}
