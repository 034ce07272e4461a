use super::{Piece, Select};
use crate::settings::tokens::SyntaxError;
use crate::sys::sql::Engine::{self, Mysql, Postgresql, Sqlite};

const ENGINES: [Engine; 3] = [Postgresql, Mysql, Sqlite];

/// The text, and each parameter with `u` and `r` in brackets.
fn read(engine: Engine, text: &str) -> Result<(String, Vec<String>), SyntaxError> {
    let select = Select::parse(engine, text)?;
    let shown = |pieces: &Vec<Piece>| {
        let pieces = pieces.iter().map(|piece| match piece {
            Piece::Literal(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Piece::User => "<u>".to_owned(),
            Piece::Realm => "<r>".to_owned(),
        });
        pieces.collect::<String>()
    };
    let parameters = select.parameters.iter().map(shown).collect();
    Ok((select.text, parameters))
}

fn refusal(engine: Engine, text: &str) -> SyntaxError {
    match read(engine, text) {
        Err(error) => error,
        Ok(read) => panic!("{engine:?} {text}: {read:?}"),
    }
}

#[test]
fn the_statements_of_the_plugins_manuals_become_parameters() {
    for (text, expected, parameters) in [
        (
            "SELECT %p FROM user_table WHERE username = '%u' and realm = '%r'",
            "SELECT userPassword FROM user_table WHERE username = ? and realm = ?",
            vec!["<u>", "<r>"],
        ),
        (
            "select password from users where login = '%u@%r';",
            "select password from users where login = ?",
            vec!["<u>@<r>"],
        ),
        (
            "SELECT value FROM props WHERE name='%p' AND login = '%u';; ",
            "SELECT value FROM props WHERE name='userPassword' AND login = ?",
            vec!["<u>"],
        ),
        ("SELECT p FROM t WHERE u=%u AND r=(%r)", "SELECT p FROM t WHERE u=? AND r=(?)", vec!["<u>", "<r>"]),
        ("SELECT p FROM t WHERE u LIKE '%u%%'", "SELECT p FROM t WHERE u LIKE ?", vec!["<u>%"]),
        (
            "SELECT p FROM t WHERE n %% 2 = 0 AND x LIKE 'a%%' AND u='%u'",
            "SELECT p FROM t WHERE n % 2 = 0 AND x LIKE 'a%' AND u=?",
            vec!["<u>"],
        ),
        ("SELECT p FROM t WHERE u='%u%v' /* by hand */", "SELECT p FROM t WHERE u=?", vec!["<u>"]),
        (
            "SELECT p FROM t WHERE u='%u'AND r='%r'8",
            "SELECT p FROM t WHERE u=? AND r=? 8",
            vec!["<u>", "<r>"],
        ),
        ("SELECT p FROM t WHERE u='it''s %u'", "SELECT p FROM t WHERE u=?", vec!["it's <u>"]),
        ("SELECT 'it''s', p FROM tä WHERE ü='%u'", "SELECT 'it''s', p FROM tä WHERE ü=?", vec!["<u>"]),
    ] {
        for engine in ENGINES {
            let mut number = 0;
            let numbered: String = match engine {
                Postgresql => expected
                    .chars()
                    .map(|letter| match letter {
                        '?' => {
                            number += 1;
                            format!("${number}")
                        }
                        letter => letter.to_string(),
                    })
                    .collect(),
                Mysql | Sqlite => expected.to_owned(),
            };
            let parameters = parameters.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(read(engine, text), Ok((numbered, parameters)), "{engine:?} {text}");
        }
    }
}

#[test]
fn each_engine_has_its_own_quotes() {
    for (engine, text, expected) in [
        (Mysql, "SELECT `a%%b` FROM t WHERE u=\"%u\"", "SELECT `a%b` FROM t WHERE u=?"),
        (
            Mysql,
            "SELECT '\\\\n', \"it\"\"s\" FROM t WHERE u='%u'",
            "SELECT '\\\\n', \"it\"\"s\" FROM t WHERE u=?",
        ),
        (Mysql, "SELECT 1--1 FROM t WHERE u='%u'", "SELECT 1--1 FROM t WHERE u=?"),
        (Postgresql, "SELECT \"%p\" FROM t WHERE u='%u'", "SELECT \"userPassword\" FROM t WHERE u=$1"),
        (
            Postgresql,
            "SELECT E'it\\'s', U&'x' FROM t WHERE u='%u'",
            "SELECT E'it\\'s', U&'x' FROM t WHERE u=$1",
        ),
        (
            Postgresql,
            "SELECT $$it's$$, $a$x$$y$a$ FROM t WHERE u='%u'",
            "SELECT $$it's$$, $a$x$$y$a$ FROM t WHERE u=$1",
        ),
        (
            Postgresql,
            "SELECT 1 /* a /* b */ ' */ FROM t WHERE u='%u'::text",
            "SELECT 1   FROM t WHERE u=$1::text",
        ),
        (
            Postgresql,
            "SELECT '{}'::jsonb ? 'a' WHERE u LIKE '%u\\' ESCAPE '\\'",
            "SELECT '{}'::jsonb ? 'a' WHERE u LIKE $1 ESCAPE '\\'",
        ),
        (Sqlite, "SELECT [a'b], `c'd` FROM t WHERE u='%u'", "SELECT [a'b], `c'd` FROM t WHERE u=?"),
        (Sqlite, "SELECT 1 /* a /* b */ FROM t WHERE u='%u'", "SELECT 1   FROM t WHERE u=?"),
    ] {
        assert_eq!(read(engine, text).map(|(text, _)| text), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn what_is_not_clear_is_an_error_with_its_place() {
    for engine in ENGINES {
        for (text, offset) in [
            ("SELECT p FROM t", 0),
            ("SELECT p FROM t WHERE r='%r'", 0),
            ("SELECT p FROM t WHERE u='%u", 24),
            ("SELECT p FROM t_%u", 16),
            ("SELECT p FROM t WHERE u=%ux", 26),
            ("SELECT p FROM t WHERE u=%u%r", 26),
            ("SELECT p FROM t WHERE u=%u'%r'", 26),
            ("SELECT p FROM t WHERE u='x'%u", 27),
            ("SELECT p FROM t WHERE u='%u' 'x'", 29),
            ("SELECT p FROM t WHERE u='x' '%u'", 28),
            ("SELECT p FROM t WHERE u=n'%u'", 25),
            ("SELECT p FROM t WHERE u='%s'", 25),
            ("SELECT p FROM t WHERE u='%u' AND %d", 33),
            ("SELECT p FROM t WHERE u='%u%'", 27),
            ("SELECT p FROM t WHERE u='%u' %", 29),
            ("SELECT p FROM t WHERE u='%u'; DELETE FROM t", 28),
            ("SELECT p FROM t WHERE u='%u' -- x", 29),
            ("SELECT p FROM t /* %u */ WHERE u='%u'", 19),
            ("SELECT p FROM t WHERE u='%u' /* x", 29),
            ("SELECT p FROM t WHERE u='%u' AND v=%v", 35),
        ] {
            assert_eq!(refusal(engine, text).offset, offset, "{engine:?} {text}");
        }
    }
    for (engine, text, offset) in [
        (Postgresql, "SELECT p FROM t WHERE u=$1 AND v='%u'", 24),
        (Postgresql, "SELECT p FROM t WHERE u=E'%u'", 25),
        (Postgresql, "SELECT p FROM t WHERE u=$$%u$$", 24),
        (Postgresql, "SELECT p FROM t WHERE u=$a$%u$b$", 24),
        (Postgresql, "SELECT \"%u\" FROM t", 7),
        (Mysql, "SELECT p FROM t WHERE u=? AND v='%u'", 24),
        (Mysql, "SELECT p FROM t WHERE u='%u' # x", 29),
        (Mysql, "SELECT `%u` FROM t", 7),
        (Mysql, "SELECT p FROM t WHERE u='\\'%u'", 25),
        (Mysql, "SELECT p FROM t WHERE u='\\%u'", 24),
        (Mysql, "SELECT p /*!50000 FROM t*/ WHERE u='%u'", 9),
        (Mysql, "SELECT p /*M!50000 FROM t*/ WHERE u='%u'", 9),
        (Sqlite, "SELECT p FROM t WHERE u=\"%u\"", 24),
        (Sqlite, "SELECT p FROM t WHERE u=[%u]", 24),
        (Sqlite, "SELECT p FROM t WHERE u=:u AND v='%u'", 24),
        (Sqlite, "SELECT p FROM t WHERE u=@u AND v='%u'", 24),
        (Sqlite, "SELECT p FROM t WHERE u=?1 AND v='%u'", 24),
    ] {
        assert_eq!(refusal(engine, text).offset, offset, "{engine:?} {text}");
    }
}

#[test]
fn a_dollar_begins_a_literal_of_postgresql_only_where_the_server_takes_it_for_one() {
    for (text, told) in [
        ("SELECT p FROM t WHERE u=%u AND x=$1$ $1$", "has a parameter of its own here"),
        ("SELECT p FROM t WHERE u=%u$$x$$", "a token without quotes must stand alone"),
    ] {
        assert!(refusal(Postgresql, text).text.contains(told), "{text}");
    }
    for (text, expected) in [
        ("SELECT %p$$ FROM t WHERE u=%u", "SELECT userPassword$$ FROM t WHERE u=$1"),
        ("SELECT p FROM t WHERE u='%u'$$x$$", "SELECT p FROM t WHERE u=$1 $$x$$"),
    ] {
        assert_eq!(read(Postgresql, text).map(|(text, _)| text).as_deref(), Ok(expected));
    }
}
