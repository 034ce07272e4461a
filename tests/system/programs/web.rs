//! Web servers: Apache with mod_authn_sasl as its README.Debian has it, and nginx whose `auth_request` asks that Apache.

use super::http;
use crate::inside::{launch, sh, wait_for_port, write};
use crate::trial::{Program, Realm};

/// The example of README.Debian, with the names of Apache 2.4 and any user.
const APACHE: &str = "\
<Directory /var/www/html/adminpanel>
    Options FollowSymLinks
    AllowOverride None
    AuthType Basic
    AuthName \"Restricted to Staff users\"
    AuthBasicProvider sasl
    AuthBasicAuthoritative On
    AuthSaslPwcheckMethod saslauthd
    Require valid-user
</Directory>
";

fn start_apache() {
    write("/etc/apache2/conf-enabled/adminpanel.conf", APACHE);
    write("/var/www/html/adminpanel/index.html", "staff\n");
    sh("a2enmod --quiet authn_sasl && adduser --quiet www-data sasl");
}

/// Apache.
pub struct Apache;

impl Program for Apache {
    const NAME: &str = "Apache, mod_authn_sasl";
    const PACKAGE: &str = "libapache2-mod-authn-sasl";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/usr/lib/apache2/modules/mod_authn_sasl.so"];
    const SERVICE: &str = "http";
    const YES: &str = "200";
    const NO: &str = "401";
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        start_apache();
        launch("/etc/init.d/apache2 start");
        wait_for_port(80);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        http::log_in(80, "GET /adminpanel/", login, password)
    }
}

/// nginx, to which the manual of ngx_http_auth_request_module was applied.
pub struct Nginx;

impl Program for Nginx {
    const NAME: &str = "nginx, `auth_request` to that Apache";
    const PACKAGE: &str = "nginx-common";
    const LAYER: &str = Apache::LAYER;
    const FILES: &[&str] = &["/usr/sbin/nginx", "/usr/lib/apache2/modules/mod_authn_sasl.so"];
    const SERVICE: &str = Apache::SERVICE;
    const YES: &str = Apache::YES;
    const NO: &str = Apache::NO;
    const NOTHING: &str = Apache::NOTHING;
    const REALM: Realm = Apache::REALM;

    fn start() -> Self {
        start_apache();
        sh("sed -i 's/80/8080/' /etc/apache2/ports.conf /etc/apache2/sites-available/000-default.conf");
        launch("/etc/init.d/apache2 start");
        write(
            "/etc/nginx/sites-enabled/default",
            "server {\n\
             listen 127.0.0.1:80;\n\
             location /private/ {\n auth_request /auth;\n root /srv;\n}\n\
             location = /auth {\n\
             internal;\n\
             proxy_pass http://127.0.0.1:8080/adminpanel/;\n\
             proxy_pass_request_body off;\n\
             proxy_set_header Content-Length \"\";\n\
             proxy_set_header X-Original-URI $request_uri;\n}\n}\n",
        );
        write("/srv/private/index.html", "private\n");
        launch("/etc/init.d/nginx start");
        wait_for_port(80);
        wait_for_port(8080);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        http::log_in(80, "GET /private/", login, password)
    }
}
