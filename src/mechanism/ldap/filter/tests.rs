use super::*;
use crate::mechanism::ldap::ber::Reader;
use crate::secret::Secret;

const TOKENS: Tokens<'static> =
    Tokens { login: b"user@example.org", service: b"imap", realm: b"realm", dn: b"uid=user,dc=test" };

fn written(filter: &Filter, tokens: &Tokens<'_>) -> Vec<u8> {
    let mut buffer = Secret::default();
    filter.write(tokens, &mut Writer::new(&mut buffer));
    buffer.as_bytes().to_vec()
}

fn encoded(template: &str) -> Vec<u8> {
    written(&Filter::parse(template).unwrap(), &TOKENS)
}

/// The filter that BER stands for, as a string: an independent and simple reading of RFC 4511.
fn shown(bytes: &[u8]) -> String {
    let mut reader = Reader::new(bytes);
    let mut text = String::new();
    while !reader.is_empty() {
        let element = reader.element().unwrap();
        let mut inside = element.inside();
        text += &match element.tag {
            0xa0 => format!("(&{})", shown(element.content)),
            0xa1 => format!("(|{})", shown(element.content)),
            0xa2 => format!("(!{})", shown(element.content)),
            0xa3 => format!("({}={})", string(&mut inside), string(&mut inside)),
            0xa5 => format!("({}>={})", string(&mut inside), string(&mut inside)),
            0xa6 => format!("({}<={})", string(&mut inside), string(&mut inside)),
            0xa8 => format!("({}~={})", string(&mut inside), string(&mut inside)),
            0x87 => format!("({}=*)", element.content.escape_ascii()),
            0xa4 => {
                let attribute = string(&mut inside);
                let mut parts = inside.enter(0x30).unwrap();
                let mut value = String::new();
                while !parts.is_empty() {
                    let part = parts.element().unwrap();
                    value += &format!("[{}]{}", part.tag & 0x7f, part.content.escape_ascii());
                }
                format!("({attribute}={value})")
            }
            0xa9 => {
                let mut text = String::new();
                while !inside.is_empty() {
                    let part = inside.element().unwrap();
                    text += &format!("[{}]{}", part.tag & 0x7f, part.content.escape_ascii());
                }
                format!("({text})")
            }
            tag => panic!("tag {tag:#04x}"),
        };
    }
    text
}

fn string(reader: &mut Reader<'_>) -> String {
    reader.required(0x04).unwrap().escape_ascii().to_string()
}

#[test]
fn every_kind_of_filter_has_its_ber() {
    for (template, meaning) in [
        ("(uid=%u)", "(uid=user@example.org)"),
        ("uid=%u", "(uid=user@example.org)"),
        ("(&(uid=%U)(memberOf=cn=%s,ou=x))", "(&(uid=user)(memberOf=cn=imap,ou=x))"),
        ("(mail=%u@%r)", "(mail=user@example.org@realm)"),
        ("(|(uid=%u)(mail=%u)(!(cn~=%U)))", "(|(uid=user@example.org)(mail=user@example.org)(!(cn~=user)))"),
        ("(age>=1)", "(age>=1)"),
        ("(age<=%1)", "(age<=org)"),
        ("(objectClass=*)", "(objectClass=*)"),
        ("(cn;lang-en;x-1=%%)", "(cn;lang-en;x-1=%)"),
        ("(2.5.4.3=a)", "(2.5.4.3=a)"),
        ("(cn=)", "(cn=)"),
        ("(cn=a=b)", "(cn=a=b)"),
        ("(&)", "(&)"),
        ("(|)", "(|)"),
        ("(cn=%U*)", "(cn=[0]user)"),
        ("(cn=*%U)", "(cn=[2]user)"),
        ("(cn=*%U*)", "(cn=[1]user)"),
        ("(cn=a*b%U*c*d)", "(cn=[0]a[1]buser[1]c[2]d)"),
        ("(cn=a**b)", "(cn=[0]a[2]b)"),
        ("(cn=**)", "(cn=*)"),
        ("(member=%D)", "(member=uid=user,dc=test)"),
        ("(cn:=a)", "([2]cn[3]a)"),
        ("(cn:caseExactMatch:=%U)", "([1]caseExactMatch[2]cn[3]user)"),
        ("(cn:dn:2.4.6.8.10:=a)", "([1]2.4.6.8.10[2]cn[3]a[4]\\xff)"),
        ("(o:dn:=a)", "([2]o[3]a[4]\\xff)"),
        ("(:1.2.3:=a)", "([1]1.2.3[3]a)"),
        ("(:DN:2.4.6.8.10:=a)", "([1]2.4.6.8.10[3]a[4]\\xff)"),
        (
            "(userAccountControl:1.2.840.113556.1.4.803:=2)",
            "([1]1.2.840.113556.1.4.803[2]userAccountControl[3]2)",
        ),
    ] {
        assert_eq!(shown(&encoded(template)), meaning, "{template}");
    }
}

#[test]
fn escapes_stand_for_their_byte() {
    for (template, meaning) in [
        (
            r"(o=Parens R Us \28for all your parenthetical needs\29)",
            "(o=Parens R Us (for all your parenthetical needs))",
        ),
        (r"(cn=*\2A*)", "(cn=[1]*)"),
        (r"(filename=C:\5cMyFile)", r"(filename=C:\\MyFile)"),
        (r"(bin=\00\00\00\04)", r"(bin=\x00\x00\x00\x04)"),
        (r"(sn=Lu\c4\8di\c4\87)", r"(sn=Lu\xc4\x8di\xc4\x87)"),
        (r"(cn=\(\)\*\\)", r"(cn=()*\\)"),
        (r"(cn=\25u)", "(cn=%u)"),
    ] {
        assert_eq!(shown(&encoded(template)), meaning, "{template}");
    }
}

#[test]
fn blanks_are_taken_where_libldap_takes_them() {
    for template in [" (&(a=1)(b=2))", "(& (a=1)\t(b=2) )", "(&(a=1)(b=2)) ", "(&\n(a=1)\n(b=2)\n)"] {
        assert_eq!(shown(&encoded(template)), "(&(a=1)(b=2))", "{template}");
    }
    assert_eq!(shown(&encoded("(! (a=1) )")), "(!(a=1))");
    assert_eq!(shown(&encoded("(a= 1 )")), "(a= 1 )");
    assert_eq!(shown(&encoded("( a=1)")), "(a=1)");
    assert_eq!(shown(&encoded("( | ( a=1)( b=2))")), "(|(a=1)(b=2))");
}

#[test]
fn a_token_that_nobody_knows_stands_for_nothing_and_its_place_is_told() {
    let filter = Filter::parse("(|(a=x%ny)(b=%q%u)(c=%é))").unwrap();
    assert_eq!(filter.dropped(), [6, 13, 21]);
    assert_eq!(shown(&written(&filter, &TOKENS)), shown(&encoded("(|(a=xy)(b=%u)(c=))")));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (template, message) in [
        ("", "expected the name of an attribute at byte 1"),
        ("(uid=%u", "expected ')' at byte 8"),
        ("(&(uid=%u)(a=b)", "expected ')' at byte 16"),
        ("(&(uid=%u)))", "nothing may follow the filter at byte 12"),
        ("(uid=%u)(a=b)", "nothing may follow the filter at byte 9"),
        ("(&uid=%u)", "expected ')' at byte 3"),
        ("((uid=%u))", "expected the name of an attribute at byte 2"),
        ("(!uid=%u)", "expected '(' at byte 3"),
        ("(!(a=b)(c=d))", "expected ')' at byte 8"),
        ("()", "expected the name of an attribute at byte 2"),
        ("(=x)", "expected the name of an attribute at byte 2"),
        ("(1a=x)", "expected the name of an attribute at byte 2"),
        ("(a;=x)", "expected the name of an attribute at byte 2"),
        ("(1..2=x)", "expected the name of an attribute at byte 2"),
        ("uid", "expected '=', '>=', '<=', '~=' or ':=' after the name of an attribute at byte 4"),
        ("(uid %u)", "expected '=', '>=', '<=', '~=' or ':=' after the name of an attribute at byte 5"),
        ("(uid>%u)", "expected '=' at byte 6"),
        ("(%s=x)", "a token can only be in a value, after the '=' at byte 2"),
        ("(allow-%s=x)", "a token can only be in a value, after the '=' at byte 8"),
        ("%u", "a token can only be in a value, after the '=' at byte 1"),
        ("(a:%s:=x)", "a token can only be in a value, after the '=' at byte 4"),
        ("(a=(b)", "'(' in a value must be written as \\28 at byte 4"),
        ("a=b)", "')' in a value must be written as \\29 at byte 4"),
        (r"(a=\)", "expected ')' at byte 6"),
        (r"(a=\2)", "a \\ must be followed by two hexadecimal digits at byte 4"),
        (r"(a=\%u)", "a \\ must be followed by two hexadecimal digits at byte 4"),
        (r"(a=\", "a \\ must be followed by two hexadecimal digits at byte 4"),
        ("(a>=b*)", "only = takes a value with a * in it; write the character as \\2a at byte 5"),
        ("(a:=*)", "only = takes a value with a * in it; write the character as \\2a at byte 5"),
        ("(:=a)", "expected an attribute or a matching rule before ':=' at byte 3"),
        ("(:dn:=a)", "expected an attribute or a matching rule before ':=' at byte 6"),
        ("(a:b:dn:=a)", "expected the name of a matching rule at byte 6"),
        ("(a:b;c:=a)", "expected the name of a matching rule at byte 4"),
        ("(a::=a)", "expected the name of a matching rule at byte 4"),
        ("(a=%)", "a % must be followed by u, U, d, s, r, R, D, a digit from 1 to 9 or another % at byte 4"),
        ("a=%", "a % must be followed by u, U, d, s, r, R, D, a digit from 1 to 9 or another % at byte 3"),
    ] {
        assert_eq!(Filter::parse(template).unwrap_err().to_string(), message, "{template}");
    }
}

#[test]
fn a_login_cannot_change_what_a_filter_means() {
    let filter = Filter::parse("(&(uid=%u)(o=x))").unwrap();
    for login in [&b"*"[..], b"x)(uid=*", b"\\2a", b"a*", b"*)(|(a=*", b"%s", b"\0", b"\xff\xfe", b"(&)"] {
        let bytes = written(&filter, &Tokens { login, ..TOKENS });
        let mut and = Reader::new(&bytes).enter(0xa0).unwrap();
        let mut uid = and.enter(0xa3).unwrap();
        assert_eq!(uid.required(0x04), Ok(&b"uid"[..]));
        assert_eq!(uid.required(0x04), Ok(login));
        assert!(uid.is_empty());
        assert!(and.enter(0xa3).is_ok() && and.is_empty());
    }
}

#[test]
fn an_empty_value_never_widens_a_filter() {
    let nobody = Tokens::default();
    for (template, meaning) in [
        ("(cn=%u*)", "(cn=)"),
        ("(cn=*%d*)", "(cn=)"),
        ("(cn=%u)", "(cn=)"),
        ("(cn=%u*x)", "(cn=[2]x)"),
        ("(cn=x*%d*%r)", "(cn=[0]x)"),
    ] {
        assert_eq!(shown(&written(&Filter::parse(template).unwrap(), &nobody)), meaning, "{template}");
    }
}

#[test]
fn values_inside_a_dn_are_escaped_for_it() {
    let tokens = Tokens { login: b"a,ou=b", ..TOKENS };
    let meaning = |template| shown(&written(&Filter::parse(template).unwrap(), &tokens));
    assert_eq!(meaning("(member=uid=%u,ou=people)"), r"(member=uid=a\\,ou\\=b,ou=people)");
    assert_eq!(meaning("(cn=%u)"), "(cn=a,ou=b)");
    assert_eq!(meaning("(member=%D)"), "(member=uid=user,dc=test)");
}

#[test]
fn a_filter_without_tokens_takes_a_percent_sign_as_it_is() {
    let filter = Filter::parse_literal(b"(cn=100%u%)").unwrap();
    assert_eq!(shown(&written(&filter, &TOKENS)), "(cn=100%u%)");
    assert!(!filter.uses(Token::Login));
    assert!(Filter::parse("(|(a=b)(!(c=*%D)))").unwrap().uses(Token::UserDn));
}

#[test]
fn nesting_ends_where_it_stops_being_sensible() {
    let nested = |depth: usize| format!("{}(a=b){}", "(!".repeat(depth - 1), ")".repeat(depth - 1));
    assert!(Filter::parse(&nested(DEEPEST)).is_ok());
    let message = Filter::parse(&nested(DEEPEST + 1)).unwrap_err().to_string();
    assert_eq!(message, "filters can be nested at most 64 deep at byte 129");
    assert!(Filter::parse(&nested(100_000)).is_err());
    assert!(Filter::parse(&"(&".repeat(100_000)).is_err());
}

#[test]
fn a_filter_cut_anywhere_is_an_error_within_the_text() {
    let whole = r"(&(|(uid=%u)(mail=a*\28%U*))(!(cn:dn:1.2.3:=%s))(o;lang-de>=x))";
    assert!(Filter::parse(whole).is_ok());
    for length in 0..whole.len() {
        let error = Filter::parse(&whole[..length]).unwrap_err();
        assert!(error.offset <= length, "{length}: {error}");
    }
}

#[test]
fn any_text_gives_a_filter_or_an_error_within_it() {
    let alphabet = b"()&|!=<>~:*\\%uUd2aDcn; \xff";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let mut parsed = 0;
    for _ in 0..200_000 {
        let length = next() % 12;
        let text: Vec<u8> = (0..length).map(|_| alphabet[next() % alphabet.len()]).collect();
        match parser::parse(&text, true) {
            Ok(root) => {
                let (root, dropped) = root;
                shown(&written(&Filter { root, dropped }, &TOKENS));
                parsed += 1;
            }
            Err(error) => assert!(error.offset <= text.len(), "{}", text.escape_ascii()),
        }
    }
    assert!(parsed > 100, "{parsed}");
}
