#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::cli::saslauthd::{Parsed, parse};
use crate::config::site::{Continuation, InstanceId, Protocol, RealmPattern, Route, Selector};
use crate::config::{Config, WorkerFlag, WorkerSettings};
use crate::secret::Secret;
use std::ffi::OsString;

fn config(line: &str) -> Config {
    let line = ["saslauthd"].into_iter().chain(line.split_whitespace()).map(OsString::from);
    match parse(line) {
        Ok(Parsed::Run(config)) => *config,
        Ok(_) => panic!("the line asks for something else"),
        Err(error) => panic!("{}", error.report(1)),
    }
}

/// What flags and the file `/c` mean.
fn resolved(line: &str, file: &str) -> (Site, Vec<String>) {
    let config = config(line);
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let mut problems = Vec::new();
    text.parse(&mut problems);
    assert_eq!(problems, []);
    let file = config.file.is_some().then_some(text);
    let sources = RawSettings { option: config.mechanism_option, file, ..RawSettings::default() };
    let (site, problems) = resolve(&config.frontend, &[], &sources);
    (site, problems.iter().map(Problem::to_string).collect())
}

#[track_caller]
fn site(line: &str, file: &str) -> Site {
    let (site, problems) = resolved(line, file);
    assert_eq!(problems, [""; 0], "{line}\n{file}");
    site
}

#[track_caller]
fn refused(line: &str, file: &str, expected: &[&str]) {
    let (site, problems) = resolved(line, file);
    assert_eq!(problems, expected, "{line}\n{file}");
    check_ids(&site);
}

fn check_ids(site: &Site) {
    let routes = site.routes.special.iter().map(|(_, route)| route).chain([&site.routes.default]);
    assert!(routes.flat_map(|route| &route.steps).all(|step| step.instance.0 < site.instances.len()));
    assert!(
        site.pools.iter().filter_map(|pool| pool.instance).all(|instance| instance.0 < site.instances.len())
    );
}

/// The names of a route's mechanisms.
fn names<'a>(site: &'a Site, route: &Route) -> Vec<&'a str> {
    route.steps.iter().map(|step| site.instances[step.instance.0].name.as_str()).collect()
}

/// As a dispatcher finds it.
fn route<'a>(site: &'a Site, endpoint: &str, realm: &str, service: &str) -> &'a Route {
    let fits = |selector: &Selector| {
        selector.endpoint.as_deref().is_none_or(|name| name == endpoint)
            && selector.matches(realm.as_bytes(), service.as_bytes())
    };
    let special = site.routes.special.iter().find(|(selector, _)| fits(selector));
    special.map_or(&site.routes.default, |(_, route)| route)
}

#[test]
fn the_mechanisms_of_a_are_asked_in_their_order() {
    let site = site("-a passwdfile,PAM,getpwent", "passwdfile_path: /etc/users\n");
    assert_eq!(names(&site, &site.routes.default), ["passwdfile", "pam", "getpwent"]);
    assert_eq!(site.instances[0].option.as_deref(), Some("/etc/users".as_ref()));
    assert_eq!(site.routes.special, []);
    let next = |step: &crate::config::site::Step| {
        [step.on_reject, step.on_unknown, step.on_unavailable]
            .iter()
            .all(|after| *after == Continuation::Next)
    };
    assert!(site.routes.default.steps.iter().all(next));
}

/// What it knows of a login that has begun stays in the worker, so there is one and it stays.
#[test]
fn what_logs_in_by_gssapi_has_a_worker_for_it_that_nobody_else_uses() {
    let by_gssapi = "ldap_use_sasl: yes\nldap_mech: GSSAPI\n";
    let file = format!(
        "mechanisms: corp other\n[mechanism corp]\ntype: ldap\n[mechanism other]\ntype: ldap\n{by_gssapi}"
    );
    let both = site("-n 3 --config=/c", &file);
    let found = both.pools.iter().map(|pool| {
        let WorkerSettings { most, ready, requests_each, .. } = pool.workers;
        (pool.instance, pool.gssapi_for, most, ready, requests_each == u32::MAX)
    });
    let other = Some(InstanceId(1));
    assert_eq!(found.collect::<Vec<_>>()[1..], [(None, other, 1, 1, true)]);
    assert_eq!(both.errand_pool().map(|pool| pool.0), Some(0));
    assert_eq!(both.gssapi_pool(InstanceId(1)).map(|pool| pool.0), Some(1));
    assert_eq!(both.gssapi_pool(InstanceId(0)), None);
    assert_eq!(both.remote_instances().count(), 2);
}

#[test]
fn one_mechanism_has_its_option_and_pools_as_ever() {
    let local = site("-a passwdfile -O /etc/users -n 3", "");
    assert_eq!(local.instances[0].option.as_deref(), Some("/etc/users".as_ref()));
    let pools = |site: &Site| {
        let pools = site.pools.iter();
        pools.map(|pool| (pool.instance, pool.workers.most, pool.workers.ready)).collect::<Vec<_>>()
    };
    assert_eq!(pools(&local), [(Some(InstanceId(0)), 3, 3)]);
    let remote = site("-a rimap -O imap.example.org -n 3", "");
    assert_eq!(pools(&remote), [(None, 3, 1)]);
}

/// Whatever runs code of others, asks somebody or computes a hash keeps those waiting that it got together with one.
#[test]
fn only_workers_that_look_logins_up_get_several_at_a_time() {
    let file = "mechanisms: pam shadow getpwent kerberos5 passwdfile sql users rimap\n[mechanism users]\ntype: sasldb\n";
    let site = site("--config=/c", file);
    let batches = site.pools.iter().map(|pool| pool.batch);
    assert_eq!(batches.collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 16, 1]);
}

#[test]
fn a_section_gives_a_mechanism_a_name_and_settings_of_its_own() {
    let file =
        "mechanisms: Corp, partner pam\n[mechanism corp]\ntype: LDAP\n[mechanism partner]\ntype: ldap\n";
    let site = site("--config=/c", file);
    assert_eq!(names(&site, &site.routes.default), ["corp", "partner", "pam"]);
    let instances = site.instances.iter().map(|instance| (instance.mechanism, instance.line));
    assert_eq!(instances.collect::<Vec<_>>(), [("ldap", Some(2)), ("ldap", Some(4)), ("pam", None)]);
}

#[test]
fn a_section_without_a_type_is_of_the_type_of_its_name() {
    let site = site("-a pam,shadow", "[mechanism PAM]\nworkers: 2\n");
    assert_eq!((site.instances[0].name.as_str(), site.instances[0].line), ("pam", Some(1)));
    assert_eq!(site.pools[0].workers.most, 2);
}

#[test]
fn a_name_that_nobody_knows_is_an_error_where_it_stands() {
    refused("-a corp", "", &["unknown authentication mechanism: corp"]);
    let no_section = "unknown authentication mechanism: corp, and /c has no section [mechanism corp]";
    let (_, problems) = resolved("-a corp", "[mechanism partner]\ntype: ldap\n");
    assert_eq!(problems.first().map(String::as_str), Some(no_section));
    let unknown = "mechanisms names corp, which is neither built in nor has a section of its own";
    refused("--config=/c", "mechanisms: pam  corp\n", &[&format!("/c:1:18: {unknown}")]);
    refused("-a pam,shadow", "[realm x]\nmechanisms: corp\n", &[&format!("/c:2:13: {unknown}")]);
    refused("-a pam,shadow", "[socket /s]\nmechanisms: corp\n", &[&format!("/c:2:13: {unknown}")]);
}

#[test]
fn a_type_is_built_in_and_never_another_section() {
    let built_in = "getpwent, httpform, kerberos5, ldap, pam, passwdfile, rimap, sasldb, shadow, sql";
    for (section, problem) in [
        ("[mechanism corp]\n", format!("/c:1: the mechanism corp needs a type, one of {built_in}")),
        ("[mechanism corp]\ntype: x\n", format!("/c:2:7: type takes one of {built_in}")),
        (
            "[mechanism corp]\ntype: corp\n",
            format!("/c:2:7: type is the section's own name; it takes one of {built_in}"),
        ),
        (
            "[mechanism corp]\ntype: b\n[mechanism b]\ntype: corp\n",
            format!("/c:2:7: type is the section on line 3; it takes one of {built_in}"),
        ),
    ] {
        let (_, problems) = resolved("-a corp,pam", section);
        assert_eq!(problems.first(), Some(&problem), "{section}");
    }
    refused(
        "-a pam,shadow",
        "[mechanism pam]\ntype: ldap\n",
        &["/c:2:7: type must be pam, since a built-in mechanism has this name"],
    );
}

#[test]
fn a_broken_section_is_told_once_however_many_routes_lead_to_it() {
    let file = "mechanisms: a\n[mechanism a]\n[realm x]\nmechanisms: a\n[realm y]\nmechanisms: a pam\n";
    assert_eq!(resolved("--config=/c", file).1.len(), 1);
}

#[test]
fn the_file_and_a_must_not_name_different_mechanisms() {
    let site = site("-a pam,shadow", "mechanisms: PAM shadow\n");
    assert_eq!(site.instances.len(), 2);
    let both = "/c:1:13: mechanisms names others than -a; leave one of the two out";
    refused("-a pam,shadow", "mechanisms: shadow pam\n", &[both]);
    refused("-a ldap", "mechanisms: ldap pam\n", &[both]);
    let missing = "/c: mechanisms is missing: name those to ask, such as pam, here or with -a";
    refused("--config=/c", "[realm x]\nmechanisms: pam\n", &[missing]);
    refused("--config=/c", "mechanisms: , ,\n", &["/c:1:13: mechanisms names no mechanism"]);
    refused("--config=/c", "mechanisms: pam PAM\n", &["/c:1:17: mechanisms names PAM twice"]);
    let many = "mechanisms: a b c d e f g h i j k l m n o p q\n";
    let (_, problems) = resolved("--config=/c", many);
    assert!(problems.contains(&"/c:1:13: mechanisms names more than 16 mechanisms".to_owned()));
}

#[test]
fn the_more_special_section_says_who_is_asked() {
    let file = "default_realm: home\n[realm a.org]\nmechanisms: shadow\n[realm *.org]\nmechanisms: getpwent\n\
                [service imap]\nmechanisms: getpwent shadow\n[realm a.org service imap]\nmechanisms: shadow pam\n\
                [socket /run/x]\nmechanisms: pam getpwent\n";
    let site = site("-a pam,shadow", file);
    for (endpoint, realm, service, expected) in [
        ("mux", "", "smtp", vec!["pam", "shadow"]),
        ("mux", "A.org", "smtp", vec!["shadow"]),
        ("mux", "b.org", "smtp", vec!["getpwent"]),
        ("mux", "", "IMAP", vec!["getpwent", "shadow"]),
        ("mux", "b.org", "imap", vec!["getpwent"]),
        ("mux", "a.org", "imap", vec!["shadow", "pam"]),
        ("/run/x", "a.org", "imap", vec!["pam", "getpwent"]),
        ("/run/x", "", "smtp", vec!["pam", "getpwent"]),
    ] {
        assert_eq!(
            names(&site, route(&site, endpoint, realm, service)),
            expected,
            "{endpoint} {realm} {service}"
        );
    }
    assert_eq!(site.routes.default_realm, b"home");
}

#[test]
fn each_key_counts_from_the_most_special_section_that_has_it() {
    let file = "on_unavailable: stop\n[realm a.org]\nlogin_format: %U\n[service imap]\nmechanisms: shadow\n\
                on_reject: stop\n[realm *.org]\non_unknown: stop\n";
    let site = site("-a pam,getpwent --login-format=%Lu", file);
    let seen = |realm, service| {
        let route = route(&site, "mux", realm, service);
        let step = route.steps[0];
        let stops =
            [step.on_reject, step.on_unknown, step.on_unavailable].map(|after| after == Continuation::Stop);
        (names(&site, route), route.login_format.as_ref().unwrap().text(), stops)
    };
    let general = vec!["pam", "getpwent"];
    assert_eq!(seen("", ""), (general.clone(), "%Lu", [false, false, true]));
    assert_eq!(seen("a.org", ""), (general.clone(), "%U", [false, true, true]));
    assert_eq!(seen("b.org", ""), (general, "%Lu", [false, true, true]));
    assert_eq!(seen("a.org", "imap"), (vec!["shadow"], "%U", [true, true, true]));
    assert_eq!(seen("", "imap"), (vec!["shadow"], "%Lu", [true, false, true]));
}

#[test]
fn a_mechanisms_own_word_counts_before_the_routes() {
    let file =
        "on_reject: stop\n[mechanism pam]\non_reject: next\n[realm a]\non_reject: stop\non_unknown: stop\n";
    let site = site("-a pam,shadow", file);
    let of =
        |realm| route(&site, "mux", realm, "").steps.iter().map(|step| (step.on_reject, step.on_unknown));
    use Continuation::{Next, Stop};
    assert_eq!(of("").collect::<Vec<_>>(), [(Next, Next), (Stop, Next)]);
    assert_eq!(of("a").collect::<Vec<_>>(), [(Next, Stop), (Stop, Stop)]);
    refused("-a pam,shadow", "on_reject: maybe\n", &["/c:1:12: on_reject takes one of next, stop"]);
}

#[test]
fn a_section_that_changes_nothing_makes_no_route_and_equal_routes_are_one() {
    let file = "[realm a]\nldap_filter: (uid=%U)\n[realm b]\nmechanisms: pam shadow\n[realm c]\nmechanisms: shadow\n\
                [realm d]\nmechanisms: shadow\n";
    let site = site("-a pam,shadow", file);
    let realms: Vec<_> =
        site.routes.special.iter().map(|(selector, _)| selector.realm.clone().unwrap()).collect();
    assert_eq!(realms.len(), 2, "{realms:?}");
    assert!(realms.contains(&RealmPattern::Exact("c".to_owned())));
    assert!(std::rc::Rc::ptr_eq(&site.routes.special[0].1, &site.routes.special[1].1));
}

#[test]
fn the_login_format_of_the_file_is_that_of_the_flag() {
    let format =
        |line, file| site(line, file).routes.default.login_format.clone().map(|it| it.text().to_owned());
    assert_eq!(format("--config=/c", "mechanisms: pam\nlogin_format: %LU\n").as_deref(), Some("%LU"));
    assert_eq!(format("-a pam,shadow -r", "login_format: %u%R\n").as_deref(), Some("%u%R"));
    let other = "/c:1:15: login_format is another one than --login-format or -r; leave one of the two out";
    refused("-a pam,shadow -r", "login_format: %U\n", &[other]);
    refused(
        "-a pam,shadow",
        "login_format: %Ux%x\n",
        &[
            "/c:1:18: login_format is wrong here: a % must be followed by u, U, d, r, R, s or a digit from 1 to 9, each perhaps with an L before it, or another %",
        ],
    );
}

#[test]
fn each_mechanism_that_blocks_has_a_pool_and_the_others_share_one_for_errands() {
    let file = "ldap_servers: ldap://a\n[mechanism corp]\ntype: ldap\n[mechanism getpwent]\nworkers: 7\n\
                [realm x]\nmechanisms: getpwent rimap\n";
    let site = site("-a pam,corp,shadow -n 3", file);
    let pools = site.pools.iter().map(|pool| {
        let name = pool.instance.map(|instance| site.instances[instance.0].name.as_str());
        (name, pool.workers.most, pool.workers.ready, pool.workers.flag)
    });
    assert_eq!(
        pools.collect::<Vec<_>>(),
        [
            (Some("pam"), 3, 3, WorkerFlag::Processes),
            (Some("shadow"), 3, 1, WorkerFlag::Processes),
            (Some("getpwent"), 7, 0, WorkerFlag::Key),
            (None, 3, 1, WorkerFlag::Processes),
        ]
    );
    let workers = "[mechanism pam]\nworkers: 4097\n";
    refused("-a pam,shadow", workers, &["/c:2:10: workers takes a number from 1 to 4096"]);
}

#[test]
fn with_a_process_for_each_login_one_is_kept_ready() {
    let site = site("-a pam,shadow -n 0", "[mechanism pam]\nworkers: 2\n");
    let numbers =
        site.pools.iter().map(|pool| (pool.workers.most, pool.workers.ready, pool.workers.requests_each));
    assert_eq!(numbers.collect::<Vec<_>>(), [(2, 1, 1), (64, 1, 1)]);
}

#[test]
fn a_key_takes_the_place_of_the_option() {
    let file = "passwdfile_path: /a\n[mechanism b]\ntype: passwdfile\npasswdfile_path: /b\n[mechanism imap]\n\
                type: rimap\nrimap_servers: imaps://x\n";
    let site = site("-a passwdfile,b,imap", file);
    let options = site.instances.iter().map(|instance| instance.option.as_deref().unwrap().to_str().unwrap());
    assert_eq!(options.collect::<Vec<_>>(), ["/a", "/b", "imaps://x"]);
    let both = "/c:1:16: rimap_servers and -O say the same; leave one of them out";
    refused("-a rimap -O x --config=/c", "rimap_servers: x\n", &[both]);
}

#[test]
fn the_option_is_that_of_the_mechanism_of_a_only() {
    let file = "[realm x]\nmechanisms: b\n[mechanism b]\ntype: passwdfile\npasswdfile_path: /b\n";
    let site = site("-a passwdfile -O /a --config=/c", file);
    let options = site.instances.iter().map(|instance| instance.option.as_deref().unwrap().to_str().unwrap());
    assert_eq!(options.collect::<Vec<_>>(), ["/a", "/b"]);
}

#[test]
fn a_socket_has_its_keys_and_defaults() {
    let file = "[socket /run/a]\n[socket /run/b]\nprotocol: dovecot\nmode: 0600\nowner: postfix\ngroup: mail\n\
                service: smtp\nallow_users: postfix exim\nallow_groups: mail\n";
    let site = site("-a pam --config=/c", file);
    let [plain, full] = site.endpoints.as_slice() else { panic!("{:?}", site.endpoints) };
    let expected = Endpoint {
        name: "/run/a".into(),
        path: "/run/a".into(),
        protocol: Protocol::Mux,
        mode: 0o660,
        owner: None,
        group: None,
        service: None,
        timeout: None,
        allow_users: Vec::new(),
        allow_groups: Vec::new(),
        line: Some(1),
    };
    assert_eq!(plain, &expected);
    let expected = Endpoint {
        name: "/run/b".into(),
        path: "/run/b".into(),
        protocol: Protocol::Dovecot,
        mode: 0o600,
        owner: Some("postfix".into()),
        group: Some("mail".into()),
        service: Some("smtp".into()),
        timeout: None,
        allow_users: vec!["postfix".into(), "exim".into()],
        allow_groups: vec!["mail".into()],
        line: Some(2),
    };
    assert_eq!(full, &expected);
    for (keys, problem) in [
        ("mode: 8\n", "/c:2:7: mode takes octal digits from 0 to 0777, such as 0660, not \"8\""),
        ("mode: 4755\n", "/c:2:7: mode takes octal digits from 0 to 0777, such as 0660, not \"4755\""),
        ("protocol: http\n", "/c:2:11: protocol takes mux or dovecot, not \"http\""),
    ] {
        refused("-a pam --config=/c", &format!("[socket /s]\n{keys}"), &[problem]);
    }
    let long = format!("/{}", "s".repeat(107));
    let problem = format!("/c:1: the path {long} is 108 bytes long, and that of a socket can have 107");
    refused("-a pam --config=/c", &format!("[socket {long}]\n"), &[&problem]);
}

#[test]
fn a_socket_is_named_once_by_command_line_and_file_together_however_it_is_spelt() {
    let config = config("-a pam --config=/c -m /run/m --socket=/run/a");
    let lines = b"# x\n[socket /run/a]\n[socket /run//b]\n[socket /run/b]\n[socket /run/m/mux]\n";
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(lines) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    let (site, problems) = resolve(&config.frontend, &config.endpoints, &sources);
    assert_eq!(site.endpoints.len(), 3, "mux, /run/a and /run/b");
    let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        problems,
        [
            "/c:2: the socket /run/a is already on the command line",
            "/c:5: the socket /run/m/mux exists already: it is the mux of -m, which --no-mux omits",
        ]
    );
}

#[test]
fn the_keys_of_a_socket_count_for_it_however_its_path_is_spelled() {
    for path in ["/run/a", "//run/a", "/run//a", "/run/./a", "/run/a/."] {
        let site = site("-a pam --config=/c", &format!("[socket {path}]\nmechanisms: shadow\n"));
        let [endpoint] = site.endpoints.as_slice() else { panic!("{:?}", site.endpoints) };
        assert_eq!(names(&site, route(&site, &endpoint.name, "", "")), ["shadow"], "{path}");
    }
}

#[test]
fn a_mechanism_that_no_route_names_is_a_warning() {
    let (_, problems) = resolved("-a pam,shadow", "[mechanism corp]\ntype: ldap\n");
    assert_eq!(
        problems,
        ["/c:1: the mechanism corp is never used: neither -a nor a line with mechanisms names it"]
    );
}

#[test]
fn too_many_combinations_are_an_error() {
    let realms = (0..100).map(|number| format!("[realm r{number}]\nlogin_format: %U\n"));
    let services = (0..100).map(|number| format!("[service s{number}]\nmechanisms: shadow\n"));
    let file: String = realms.chain(services).collect();
    let problem = "/c: the sections make more than 4096 combinations of socket, realm and service";
    refused("-a pam,shadow", &file, &[problem]);
}
