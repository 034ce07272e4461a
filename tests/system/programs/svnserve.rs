//! Subversion's server with `use-sasl`, as its book has it.

use crate::inside::{edit, launch, output, sh, wait_for_port, write};
use crate::trial::{Program, Realm};

/// svnserve, asked by `svn`.
pub struct Svnserve;

impl Program for Svnserve {
    const NAME: &str = "svnserve";
    const PACKAGE: &str = "subversion";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/usr/bin/svnserve"];
    const SERVICE: &str = "svn";
    const YES: &str = "OK";
    const NO: &str = "SASL(-13)";
    const NOTHING: &str = "SASL(-1)";
    const REALM: Realm = Realm::Own;

    fn start() -> Self {
        sh("svnadmin create /srv/repository");
        edit("/srv/repository/conf/svnserve.conf", |text| {
            let text = text.replace("# anon-access = read", "anon-access = none");
            let text = text.replace("# realm = My First Repository", "realm = example.test");
            text.replace("# use-sasl = true", "use-sasl = true")
        });
        write("/etc/sasl2/svn.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN\n");
        launch("svnserve --daemon --root /srv");
        wait_for_port(3690);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        let options = ["--non-interactive", "--no-auth-cache", "--username", login, "--password", password];
        let text = output(&["svn", "info", "svn://localhost/repository"], &options, "");
        match text.split_once("SASL(") {
            Some((_, code)) => format!("SASL({})", code.split(')').next().unwrap_or_default()),
            None if text.contains("Repository Root:") => "OK".to_owned(),
            None => text,
        }
    }
}
