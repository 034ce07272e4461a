//! Between frontend and worker: an errand, its result.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer, cut};
use super::{LARGEST_MESSAGE, largest_request};
use crate::config::Limits;
use crate::job::JobId;
use crate::job::{ConversationId, Digest, Errand, ErrandResult, GssapiStep, GssapiToken};
use crate::job::{Layer, SecurityProperties};
use crate::secret::Secret;
use std::net::SocketAddr;

/// The tags of the two messages, beside those of `worker`.
pub(super) const ERRAND: u8 = 6;
pub(super) const RESULT: u8 = 7;

const RESOLVE: u64 = 0;
const CHECK_PASSWORD: u64 = 1;
const DERIVE_KEY: u64 = 2;
const GSSAPI_BEGIN: u64 = 3;
const GSSAPI_ANSWER: u64 = 4;
const GSSAPI_LAYER: u64 = 5;
const GSSAPI_WRAP: u64 = 6;
const GSSAPI_UNWRAP: u64 = 7;

const ADDRESSES: u64 = 0;
const PASSWORD_CHECKED: u64 = 1;
const KEY: u64 = 2;
const FAILED: u64 = 3;
const GSSAPI: u64 = 4;

/// More addresses of one name than this are left out, so that the message has room for all.
const MOST_ADDRESSES: usize = 64;

/// Whether a worker that is told of `limits` has room for the errand. Much of it comes from servers.
pub fn has_room_for(errand: &Errand, limits: Limits) -> bool {
    let length = match errand {
        Errand::Resolve { host, service } => host.len() + service.len(),
        Errand::CheckPassword { password, stored } => password.len() + stored.len(),
        Errand::DeriveKey { password, salt, .. } => password.len() + salt.len(),
        Errand::Gssapi(step) => step.size(),
    };
    length + 64 <= largest_request(limits)
}

pub(super) fn encode_errand(job: JobId, errand: &Errand) -> Secret {
    match errand {
        Errand::Resolve { host, service } => Writer::new(ERRAND, 64 + host.len() + service.len())
            .number(job.0)
            .number(RESOLVE)
            .string(host.as_bytes())
            .string(service.as_bytes()),
        Errand::CheckPassword { password, stored } => Writer::new(ERRAND, 64 + password.len() + stored.len())
            .number(job.0)
            .number(CHECK_PASSWORD)
            .string(password.as_bytes())
            .string(stored.as_bytes()),
        Errand::DeriveKey { digest, password, salt, rounds } => {
            Writer::new(ERRAND, 128 + password.len() + salt.len())
                .number(job.0)
                .number(DERIVE_KEY)
                .number(number_of(*digest))
                .string(password.as_bytes())
                .string(salt)
                .number(u64::from(*rounds))
        }
        Errand::Gssapi(step) => write_step(Writer::new(ERRAND, 96 + step.size()).number(job.0), step),
    }
    .finish()
}

fn write_step(writer: Writer, step: &GssapiStep) -> Writer {
    match step {
        GssapiStep::Begin { service, principal, properties } => writer
            .number(GSSAPI_BEGIN)
            .string(service.as_bytes())
            .string(principal.as_bytes())
            .number(u64::from(properties.min_ssf))
            .number(u64::from(properties.max_ssf))
            .flag(properties.is_private),
        GssapiStep::Answer { conversation, token } => {
            writer.number(GSSAPI_ANSWER).number(conversation.0).string(token.as_bytes())
        }
        GssapiStep::ChooseLayer { conversation, offer, acts_as } => {
            writer.number(GSSAPI_LAYER).number(conversation.0).string(offer.as_bytes()).string(acts_as)
        }
        GssapiStep::Wrap { conversation, message } => {
            writer.number(GSSAPI_WRAP).number(conversation.0).string(message.as_bytes())
        }
        GssapiStep::Unwrap { conversation, frames } => {
            writer.number(GSSAPI_UNWRAP).number(conversation.0).string(frames.as_bytes())
        }
    }
}

pub(super) fn decode_errand(reader: &mut Reader<'_>) -> Result<Errand, Malformed> {
    Ok(match reader.number()? {
        RESOLVE => Errand::Resolve { host: reader.text()?, service: reader.text()? },
        CHECK_PASSWORD => Errand::CheckPassword {
            password: Secret::copy_of(reader.string()?),
            stored: Secret::copy_of(reader.string()?),
        },
        DERIVE_KEY => Errand::DeriveKey {
            digest: digest_of(reader.number()?)?,
            password: Secret::copy_of(reader.string()?),
            salt: reader.string()?.to_vec(),
            rounds: u32::try_from(reader.number()?).map_err(|_| Malformed)?,
        },
        step => Errand::Gssapi(decode_step(step, reader)?),
    })
}

fn decode_step(step: u64, reader: &mut Reader<'_>) -> Result<GssapiStep, Malformed> {
    if step == GSSAPI_BEGIN {
        let (service, principal) = (reader.text()?, reader.text()?);
        let mut ssf = || u32::try_from(reader.number()?).map_err(|_| Malformed);
        let (min_ssf, max_ssf) = (ssf()?, ssf()?);
        let properties = SecurityProperties { min_ssf, max_ssf, is_private: reader.flag()? };
        return Ok(GssapiStep::Begin { service, principal, properties });
    }
    if ![GSSAPI_ANSWER, GSSAPI_LAYER, GSSAPI_WRAP, GSSAPI_UNWRAP].contains(&step) {
        return Err(Malformed);
    }
    let conversation = ConversationId(reader.number()?);
    let bytes = Secret::copy_of(reader.string()?);
    Ok(match step {
        GSSAPI_ANSWER => GssapiStep::Answer { conversation, token: bytes },
        GSSAPI_WRAP => GssapiStep::Wrap { conversation, message: bytes },
        GSSAPI_UNWRAP => GssapiStep::Unwrap { conversation, frames: bytes },
        _ => GssapiStep::ChooseLayer { conversation, offer: bytes, acts_as: reader.string()?.to_vec() },
    })
}

pub(super) fn encode_result(job: JobId, result: &ErrandResult) -> Secret {
    let writer = Writer::new(RESULT, LARGEST_MESSAGE).number(job.0);
    match result {
        ErrandResult::Addresses(addresses) => {
            addresses.iter().take(MOST_ADDRESSES).fold(
                writer.number(ADDRESSES).size(addresses.len().min(MOST_ADDRESSES)),
                |writer, address| writer.string(address.to_string().as_bytes()),
            )
        }
        ErrandResult::PasswordChecked(right) => writer.number(PASSWORD_CHECKED).flag(*right),
        ErrandResult::Key(key) => writer.number(KEY).string(key.as_bytes()),
        ErrandResult::Gssapi(token) if token.token.len() + 64 > LARGEST_MESSAGE => {
            let reason =
                format!("the Kerberos token has {} bytes, which is more than is sent", token.token.len());
            writer.number(FAILED).string(cut(&reason))
        }
        ErrandResult::Gssapi(GssapiToken { conversation, token, is_established, layer }) => writer
            .number(GSSAPI)
            .number(conversation.0)
            .string(token.as_bytes())
            .flag(*is_established)
            .number(number_of_layer(*layer)),
        ErrandResult::Failed(reason) => writer.number(FAILED).string(cut(reason)),
    }
    .finish()
}

pub(super) fn decode_result(reader: &mut Reader<'_>) -> Result<ErrandResult, Malformed> {
    Ok(match reader.number()? {
        ADDRESSES => ErrandResult::Addresses(decode_addresses(reader)?),
        PASSWORD_CHECKED => ErrandResult::PasswordChecked(reader.flag()?),
        KEY => ErrandResult::Key(Secret::copy_of(reader.string()?)),
        GSSAPI => ErrandResult::Gssapi(GssapiToken {
            conversation: ConversationId(reader.number()?),
            token: Secret::copy_of(reader.string()?),
            is_established: reader.flag()?,
            layer: layer_of(reader.number()?)?,
        }),
        FAILED => ErrandResult::Failed(reader.text()?),
        _ => return Err(Malformed),
    })
}

fn decode_addresses(reader: &mut Reader<'_>) -> Result<Vec<SocketAddr>, Malformed> {
    let count = reader.size()?;
    if count > MOST_ADDRESSES {
        return Err(Malformed);
    }
    (0..count).map(|_| reader.text()?.parse().map_err(|_| Malformed)).collect()
}

fn number_of(digest: Digest) -> u64 {
    match digest {
        Digest::Sha1 => 1,
        Digest::Sha256 => 256,
        Digest::Sha512 => 512,
    }
}

fn number_of_layer(layer: Layer) -> u64 {
    match layer {
        Layer::None => 0,
        Layer::Integrity => 1,
        Layer::Confidentiality => 2,
    }
}

fn layer_of(number: u64) -> Result<Layer, Malformed> {
    [Layer::None, Layer::Integrity, Layer::Confidentiality]
        .into_iter()
        .find(|layer| number_of_layer(*layer) == number)
        .ok_or(Malformed)
}

fn digest_of(number: u64) -> Result<Digest, Malformed> {
    [Digest::Sha1, Digest::Sha256, Digest::Sha512]
        .into_iter()
        .find(|digest| number_of(*digest) == number)
        .ok_or(Malformed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::ipc::{FromWorker, LONGEST_STORED, ToWorker, encode_job};
    use crate::job::{Answer, Purpose};

    fn errands() -> Vec<Errand> {
        let secret = |text: &str| Secret::copy_of(text.as_bytes());
        vec![
            Errand::Resolve { host: "ldap.example.org".into(), service: "ldaps".into() },
            Errand::CheckPassword { password: secret("s3cret"), stored: secret("{CRYPT}$6$x$y") },
            Errand::DeriveKey {
                digest: Digest::Sha512,
                password: secret("s3cret"),
                salt: vec![0, 255, 7],
                rounds: 4096,
            },
            Errand::Gssapi(GssapiStep::Begin {
                service: "ldap@ldap.example.org".into(),
                principal: "mail".into(),
                properties: SecurityProperties { min_ssf: 1, max_ssf: u32::MAX, is_private: true },
            }),
            Errand::Gssapi(GssapiStep::Answer {
                conversation: ConversationId(7 << 32),
                token: secret("\u{1}x"),
            }),
            Errand::Gssapi(GssapiStep::ChooseLayer {
                conversation: ConversationId(8),
                offer: secret("offer"),
                acts_as: b"dn:cn=x".to_vec(),
            }),
            Errand::Gssapi(GssapiStep::Wrap { conversation: ConversationId(8), message: secret("request") }),
            Errand::Gssapi(GssapiStep::Unwrap { conversation: ConversationId(8), frames: secret("\u{1}x") }),
        ]
    }

    fn results() -> Vec<ErrandResult> {
        vec![
            ErrandResult::Addresses(vec![
                "192.0.2.7:389".parse().unwrap(),
                "[2001:db8::7%3]:636".parse().unwrap(),
            ]),
            ErrandResult::PasswordChecked(true),
            ErrandResult::Key(Secret::copy_of(b"\0key")),
            ErrandResult::Gssapi(GssapiToken {
                conversation: ConversationId(7),
                token: Secret::copy_of(b"\0token"),
                is_established: true,
                layer: Layer::Confidentiality,
            }),
            ErrandResult::Failed("no such host".into()),
        ]
    }

    #[test]
    fn every_errand_arrives_as_it_was_sent_and_no_part_of_one_does() {
        for errand in errands() {
            let message = encode_job(JobId(5), &Purpose::Errand(errand));
            for length in 0..message.len() {
                assert!(ToWorker::decode(&message.as_bytes()[..length]).is_err());
            }
            let Ok(ToWorker::Job(JobId(5), purpose)) = ToWorker::decode(message.as_bytes()) else { panic!() };
            assert_eq!(encode_job(JobId(5), &purpose).as_bytes(), message.as_bytes());
        }
    }

    #[test]
    fn every_result_arrives_as_it_was_sent_and_no_part_of_one_does() {
        for result in results() {
            let message = FromWorker::Answer(JobId(5), Answer::Errand(result)).encode();
            for length in 0..message.len() {
                assert!(FromWorker::decode(&message.as_bytes()[..length]).is_err());
            }
            let arrived = FromWorker::decode(message.as_bytes()).ok().unwrap();
            assert_eq!(arrived.encode().as_bytes(), message.as_bytes());
        }
    }

    #[test]
    fn a_name_with_a_thousand_addresses_fits_into_a_message() {
        let all = vec!["[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap(); 1000];
        let message = FromWorker::Answer(JobId(5), Answer::Errand(ErrandResult::Addresses(all))).encode();
        assert!(message.len() <= LARGEST_MESSAGE);
        assert!(FromWorker::decode(message.as_bytes()).is_ok());
    }

    #[test]
    fn a_token_that_no_message_has_room_for_is_a_failure_that_says_so() {
        let token = |length: usize| {
            let mut token = Secret::default();
            token.resize(length);
            let token = GssapiToken {
                conversation: ConversationId(7),
                token,
                is_established: false,
                layer: Layer::None,
            };
            FromWorker::Answer(JobId(5), Answer::Errand(ErrandResult::Gssapi(token))).encode()
        };
        let arrived = |message: Secret| FromWorker::decode(message.as_bytes()).ok().unwrap();
        let fits = token(LARGEST_MESSAGE - 64);
        assert!(fits.len() <= LARGEST_MESSAGE);
        assert!(matches!(arrived(fits), FromWorker::Answer(_, Answer::Errand(ErrandResult::Gssapi(_)))));
        let FromWorker::Answer(_, Answer::Errand(ErrandResult::Failed(reason))) =
            arrived(token(LARGEST_MESSAGE))
        else {
            panic!()
        };
        assert!(reason.contains("16384 bytes"), "{reason}");
    }

    #[test]
    fn the_longest_password_fits_beside_the_longest_stored_one() {
        let mut password = Secret::default();
        password.resize(Limits::DEFAULT.password);
        let mut stored = Secret::default();
        stored.resize(LONGEST_STORED);
        let errand = Errand::CheckPassword { password, stored };
        assert!(has_room_for(&errand, Limits::DEFAULT));
        let message = encode_job(JobId(5), &Purpose::Errand(errand));
        assert!(message.len() <= largest_request(Limits::DEFAULT));
    }

    #[test]
    fn an_errand_has_room_if_and_only_if_its_message_fits() {
        let errand = |length: usize| Errand::DeriveKey {
            digest: Digest::Sha512,
            password: Secret::copy_of(b"s3cret"),
            salt: vec![0; length],
            rounds: 4096,
        };
        let most = largest_request(Limits::DEFAULT);
        let longest = (0..most).rev().find(|length| has_room_for(&errand(*length), Limits::DEFAULT)).unwrap();
        let message = encode_job(JobId(5), &Purpose::Errand(errand(longest)));
        assert!((most - 32..=most).contains(&message.len()), "{} of {most}", message.len());
        assert!(!has_room_for(&errand(most), Limits::DEFAULT));
    }

    #[test]
    fn more_addresses_than_a_worker_sends_are_refused() {
        let message = |count| {
            let writer = Writer::new(RESULT, LARGEST_MESSAGE).number(5).number(ADDRESSES).size(count);
            (0..count).fold(writer, |writer, _| writer.string(b"192.0.2.7:389")).finish()
        };
        assert!(FromWorker::decode(message(MOST_ADDRESSES).as_bytes()).is_ok());
        assert!(FromWorker::decode(message(MOST_ADDRESSES + 1).as_bytes()).is_err());
    }
}
