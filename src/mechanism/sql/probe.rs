//! What `--check` tries: whether the library is there, and whether each server lets the statement be asked.
#![forbid(unsafe_code)]

use super::row::{Found, judge};
use super::select::{Names, Select};
use super::{NO_COLUMN, read};
use crate::mechanism::{MechanismError, Probed, Trial};
use crate::net::exchange::FailureKind;
use crate::settings::raw_settings::RawSettings;
use crate::sys::sql::{Engine, ErrorKind, Question, Target, TlsMode, connect, load};

/// For the table of mechanisms.
pub(super) const TRIAL: Trial = Trial { load: load_library, probe };

fn load_library(sources: &RawSettings) -> Result<(), MechanismError> {
    let settings = read(sources)?;
    let engine = settings.targets.first().map(|target| target.engine);
    engine.map_or(Ok(()), load).map_err(|error| MechanismError(error.text))
}

/// Asks each server about a login that nobody can have: so its table and columns are seen to be there.
fn probe(sources: &RawSettings) -> Result<Vec<Probed>, MechanismError> {
    let settings = read(sources)?;
    let select = &settings.select;
    Ok(settings.targets.iter().map(|target| probed(target, try_out(target, select))).collect())
}

fn try_out(target: &Target, select: &Select) -> Result<(), (FailureKind, String)> {
    let nobody = Names { user: b"", realm: b"" };
    let values = select.bind(&nobody);
    let parameters: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    let question = Question { text: &select.text, parameters: &parameters };
    let answer = connect(target).and_then(|mut connection| connection.ask(&question));
    match answer {
        Ok(answer) => match judge(answer, b"", &nobody) {
            Found::NoColumn => Err((FailureKind::Refused, NO_COLUMN.to_owned())),
            _ => Ok(()),
        },
        // Such a login can be one that the type of its column does not have.
        Err(error) if error.kind == ErrorKind::BadValue => Ok(()),
        Err(error) => Err((kind_of(error.kind), error.text)),
    }
}

fn kind_of(kind: ErrorKind) -> FailureKind {
    match kind {
        ErrorKind::Lost | ErrorKind::Overloaded | ErrorKind::Locked | ErrorKind::TooSlow => {
            FailureKind::Contact
        }
        ErrorKind::Refused | ErrorKind::Configuration | ErrorKind::BadValue => FailureKind::Refused,
        ErrorKind::Library => FailureKind::Internal,
    }
}

fn probed(target: &Target, reached: Result<(), (FailureKind, String)>) -> Probed {
    let network = target.host.as_deref().filter(|host| !host.starts_with('/'));
    let port = target.port.unwrap_or(if target.engine == Engine::Mysql { 3306 } else { 5432 });
    let host_and_port = network
        .map(|host| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") });
    let server = match target.engine {
        Engine::Sqlite => target.database.clone(),
        _ => host_and_port
            .clone()
            .or_else(|| target.host.clone())
            .unwrap_or_else(|| "of its library".to_owned()),
    };
    Probed { server, has_tls: network.is_some() && target.tls != TlsMode::Off, host_and_port, reached }
}
