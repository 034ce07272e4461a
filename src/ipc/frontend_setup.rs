//! What a frontend must know, as bytes.
#![forbid(unsafe_code)]

use super::LARGEST_SETUP;
use super::codec::{Malformed, Reader, Writer};
use crate::config::ServerOrder;
use crate::config::log_level::LogLevel;
use crate::config::login_format::LoginFormat;
use crate::config::{
    CacheSettings, FrontendSettings, GuessingSettings, Limits, LogTargets, NetworkSettings, OnUnavailable,
    ReplyText, WorkerFlag, WorkerSettings,
};
use crate::secret::Secret;
use crate::settings::file::Text;
use crate::settings::raw_settings::RawSettings;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// What a frontend must know: its first message.
#[derive(Debug, PartialEq, Eq)]
pub struct FrontendSetup {
    /// How logins are handled.
    pub settings: FrontendSettings,
    /// Where log lines go.
    pub log: LogTargets,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What the site is worked out from, and mechanisms that ask servers are set up from.
    pub sources: RawSettings,
    /// How many sockets are coming, for its share of the descriptors.
    pub listeners: usize,
    /// Whether Dovecot's protocol is spoken at one of them.
    pub has_auth_sockets: bool,
    /// `--sandbox`
    pub sandbox: bool,
    /// How many pipes come next with the files for TLS: [`super::ToFrontend::TlsFiles`].
    pub pipes: usize,
}

/// The message with that tag.
pub(super) fn encode_setup(tag: u8, setup: &FrontendSetup) -> Secret {
    let settings = &setup.settings;
    let network = &settings.network;
    // All of it at once, so that passwords are in one place only.
    Writer::new(tag, LARGEST_SETUP)
        .string(settings.mechanisms.join(",").as_bytes())
        .option(settings.login_format.as_ref(), |writer, format| writer.string(format.text().as_bytes()))
        .option(settings.cache.as_ref(), |writer, cache| {
            writer.size(cache.bytes).duration(cache.lifetime).duration(cache.stale)
        })
        .size(settings.workers.most)
        .size(settings.workers.ready)
        .number(u64::from(settings.workers.requests_each))
        .flag(settings.workers.flag == WorkerFlag::MaxProcesses)
        .size(settings.limits.password)
        .size(settings.limits.field)
        .duration(settings.request_timeout)
        .duration(settings.read_timeout)
        .size(settings.max_connections)
        .size(settings.max_auth_connections)
        .flag(settings.on_unavailable == OnUnavailable::No)
        .flag(settings.reply_text == ReplyText::Bare)
        .duration(network.connect_timeout)
        .duration(network.tls_timeout)
        .duration(network.operation_timeout)
        .duration(network.total_timeout)
        .duration(network.retry_interval)
        .duration(network.idle_time)
        .size(network.most_connections)
        .flag(network.order == ServerOrder::RoundRobin)
        .duration(settings.failure_delay)
        .duration(settings.negative_cache_ttl)
        .flag(settings.guessing.penalty)
        .string(settings.guessing.trusted_networks.to_string().as_bytes())
        .flag(setup.log.syslog)
        .flag(setup.log.stderr)
        .log_level(setup.log_level)
        .option(setup.sources.option.as_deref(), |writer, option| writer.string(option.as_bytes()))
        .option(setup.sources.file.as_ref(), write_text)
        .option(setup.sources.ldap_conf.as_ref(), write_text)
        .size(setup.listeners)
        .flag(setup.has_auth_sockets)
        .flag(setup.sandbox)
        .size(setup.pipes)
        .finish()
}

pub(super) fn write_text(writer: Writer, text: &Text) -> Writer {
    writer.string(text.path.as_os_str().as_bytes()).string(text.bytes.as_bytes())
}

pub(super) fn read_text(reader: &mut Reader<'_>) -> Result<Text, Malformed> {
    let path = PathBuf::from(OsString::from_vec(reader.string()?.to_vec()));
    Ok(Text { path, bytes: Secret::copy_of(reader.string()?) })
}

/// Reads what is behind the tag.
pub(super) fn decode_setup(reader: &mut Reader<'_>) -> Result<FrontendSetup, Malformed> {
    let settings = FrontendSettings {
        mechanisms: decode_names(&reader.text()?),
        login_format: reader.option(|reader| LoginFormat::parse(&reader.text()?).map_err(|_| Malformed))?,
        cache: reader.option(|reader| {
            let (bytes, lifetime, stale) = (reader.size()?, reader.duration()?, reader.duration()?);
            Ok(CacheSettings { bytes, lifetime, stale })
        })?,
        workers: WorkerSettings {
            most: reader.size()?,
            ready: reader.size()?,
            requests_each: u32::try_from(reader.number()?).map_err(|_| Malformed)?,
            flag: if reader.flag()? { WorkerFlag::MaxProcesses } else { WorkerFlag::Processes },
        },
        limits: Limits { password: reader.size()?, field: reader.size()? },
        request_timeout: reader.duration()?,
        read_timeout: reader.duration()?,
        max_connections: reader.size()?,
        max_auth_connections: reader.size()?,
        on_unavailable: if reader.flag()? { OnUnavailable::No } else { OnUnavailable::Close },
        reply_text: if reader.flag()? { ReplyText::Bare } else { ReplyText::Full },
        network: decode_network(reader)?,
        failure_delay: reader.duration()?,
        negative_cache_ttl: reader.duration()?,
        guessing: GuessingSettings {
            penalty: reader.flag()?,
            trusted_networks: reader.text()?.parse().map_err(|_| Malformed)?,
        },
    };
    let log = LogTargets { syslog: reader.flag()?, stderr: reader.flag()? };
    let log_level = reader.log_level()?;
    let sources = RawSettings {
        instance: None,
        option: reader.option(|reader| Ok(OsString::from_vec(reader.string()?.to_vec())))?,
        file: reader.option(read_text)?,
        ldap_conf: reader.option(read_text)?,
    };
    let listeners = reader.size()?;
    let has_auth_sockets = reader.flag()?;
    let sandbox = reader.flag()?;
    let pipes = reader.size()?;
    Ok(FrontendSetup { settings, log, log_level, sources, listeners, has_auth_sockets, sandbox, pipes })
}

/// A name has no comma in it.
fn decode_names(joined: &str) -> Vec<String> {
    joined.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn decode_network(reader: &mut Reader<'_>) -> Result<NetworkSettings, Malformed> {
    Ok(NetworkSettings {
        connect_timeout: reader.duration()?,
        tls_timeout: reader.duration()?,
        operation_timeout: reader.duration()?,
        total_timeout: reader.duration()?,
        retry_interval: reader.duration()?,
        idle_time: reader.duration()?,
        most_connections: reader.size()?,
        order: if reader.flag()? { ServerOrder::RoundRobin } else { ServerOrder::Listed },
    })
}
