//! What `--check` tries: whether the library is there, and whether each server lets the statement be asked.
#![forbid(unsafe_code)]

use super::row::{Found, judge};
use super::select::{Names, Select};
use super::{NO_COLUMN, read};
use crate::mechanism::{MechanismError, Reached, Unreached};
use crate::net::exchange::FailureKind;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::sys::sql::{Engine, ErrorKind, Question, Target, TlsMode, connect, load};
use std::path::Path;

/// Whether the library of the database is there. What is wrong with the settings has been told before.
pub(super) fn probe(sources: &RawSettings) -> Vec<Problem> {
    let Ok(settings) = read(sources) else { return Vec::new() };
    let engine = settings.targets.first().map(|target| target.engine);
    let missing = engine.and_then(|engine| load(engine).err());
    missing.into_iter().map(|error| Problem::error(Path::new(""), error.text)).collect()
}

/// Asks each server about a login that nobody can have: so its table and columns are seen to be there.
pub(super) fn reach(sources: &RawSettings) -> Result<Vec<Reached>, MechanismError> {
    let settings = read(sources)?;
    let select = &settings.select;
    Ok(settings.targets.iter().map(|target| reached(target, try_out(target, select))).collect())
}

fn try_out(target: &Target, select: &Select) -> Result<(), Unreached> {
    let nobody = Names { user: b"", realm: b"" };
    let values = select.bind(&nobody);
    let parameters: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    let question = Question { text: &select.text, parameters: &parameters };
    let answer = connect(target).and_then(|mut connection| connection.ask(&question));
    match answer {
        Ok(answer) => match judge(answer, b"", &nobody) {
            Found::NoColumn => Err(unreached(target.engine, FailureKind::Refused, NO_COLUMN.to_owned())),
            _ => Ok(()),
        },
        // Such a login can be one that the type of its column does not have.
        Err(error) if error.kind == ErrorKind::BadValue => Ok(()),
        Err(error) => Err(unreached(target.engine, kind_of(error.kind), error.text)),
    }
}

fn unreached(engine: Engine, kind: FailureKind, reason: String) -> Unreached {
    let remedy = (kind == FailureKind::Refused).then_some(match engine {
        Engine::Sqlite => {
            "see that sql_database is the path of the file, that the account of --user may read it, and that \
             sql_select fits its tables"
        }
        Engine::Postgresql | Engine::Mysql => {
            "see what the server says, and set sql_user, sql_passwd, sql_database and sql_select, or the keys of TLS"
        }
    });
    Unreached { kind, reason, remedy }
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

fn reached(target: &Target, reached: Result<(), Unreached>) -> Reached {
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
    Reached { server, has_tls: network.is_some() && target.tls != TlsMode::Off, host_and_port, reached }
}
