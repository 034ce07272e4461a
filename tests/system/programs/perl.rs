//! A server in Perl with Authen::SASL::Cyrus, the binding of libsasl.

use crate::inside::{output, write};
use crate::trial::{Program, Realm};

const SERVER: &str = r#"
use Authen::SASL 'Cyrus';
my ($login, $password) = @ARGV;
my $server = Authen::SASL->new(mechanism => 'PLAIN', callback => {})->server_new('perl', 'mail.example.test');
$server->server_start("\0$login\0$password");
print $server->code, "\n";
"#;

/// The binding.
pub struct Perl;

impl Program for Perl {
    const NAME: &str = "Perl, Authen::SASL::Cyrus";
    const PACKAGE: &str = "libauthen-sasl-cyrus-perl";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/usr/share/doc/libauthen-sasl-cyrus-perl"];
    const SERVICE: &str = "perl";
    const YES: &str = "0";
    const NO: &str = "-13";
    const NOTHING: &str = "-1";
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        write("/etc/sasl2/perl.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN\n");
        write("/srv/server.pl", SERVER);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        output(&["perl", "/srv/server.pl", login, password], &[], "").trim_end().to_owned()
    }
}
