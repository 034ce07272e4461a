//! An nginx with everything of its own, as Debian packages it. It knows one account: [`LOGIN`] with [`PASSWORD`].

use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::certificates::Certificate;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The program.
pub const PROGRAM: &str = "/usr/sbin/nginx";

/// The account.
pub const LOGIN: &str = "anna@example.org";
/// Its password, with everything that a form or a JSON string could stumble over.
pub const PASSWORD: &str = r#"s3cr"et&u=x %7E\ä+"#;

/// Both in a form, as the C daemon sends `u=%u&p=%p`.
const FORM: &str = "u=anna%40example%2Eorg&p=s3cr%22et%26u%3Dx%20%257E%5C%C3%A4%2B";
/// Both in JSON.
const JSON: &str = r#"{"u":"anna@example.org","p":"s3cr\"et&u=x %7E\\ä+"}"#;

const PORT: u16 = 8080;
const TLS_PORT: u16 = 8443;

/// How an nginx is to be.
pub struct Nginx {
    address: Ipv4Addr,
    certificate: Option<Certificate>,
    authority: Option<PathBuf>,
}

/// A running nginx; dropping it stops it.
///
/// `/login` judges the form or JSON: 200 or 403; `/chunked` does it with a body in chunks; `/busy` is 503, `/broken`
/// 500, `/elsewhere` a redirect; `/policy` is a policy server that refuses everybody.
pub struct RunningNginx {
    directory: TempDir,
    address: Ipv4Addr,
    has_tls: bool,
    background: Option<Background>,
}

impl Nginx {
    /// Without TLS, at an address of its own.
    pub fn new() -> Self {
        Self { address: own_address(), certificate: None, authority: None }
    }

    /// Where it will listen, for its certificate.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Listens for https too.
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(certificate.clone());
        self
    }

    /// Wants a certificate that this authority signed.
    pub fn asking_for_certificates_of(mut self, authority: PathBuf) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> RunningNginx {
        let directory = TempDir::new().unwrap();
        let configuration = self.configuration(&directory.path().display().to_string());
        fs::write(directory.path().join("nginx.conf"), configuration).unwrap();
        let has_tls = self.certificate.is_some();
        let mut nginx = RunningNginx { directory, address: self.address, has_tls, background: None };
        nginx.start_again();
        nginx
    }

    /// The form goes as a field to a second server inside, since nginx decides by fields but not by bodies.
    fn configuration(&self, directory: &str) -> String {
        let json = JSON.replace('\\', r"\\");
        let (address, secure) = (self.address, self.secure_listener());
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
            .concat();
        // Without root it runs as whoever runs the tests, and ignores `user`.
        format!(
            "daemon off;\nuser root;\nworker_processes 1;\npid {directory}/pid;\nerror_log stderr notice;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n\
             access_log off;\n{temporary}\
             map_hash_bucket_size 512;\n\
             map $http_x_form $verdict {{\n default 403;\n '{FORM}' 200;\n '{json}' 200;\n}}\n\
             server {{\n listen unix:{directory}/judge;\n\
             location / {{ if ($verdict = 200) {{ return 200 welcome; }} return 403 'go away'; }}\n}}\n\
             server {{\n listen {address}:{PORT};\n{secure}\
             client_body_in_single_buffer on;\nclient_body_buffer_size 64k;\n\
             proxy_set_header X-Form $request_body;\nproxy_set_header Content-Length '';\n\
             proxy_pass_request_body off;\n\
             location = /login {{ proxy_pass http://unix:{directory}/judge; }}\n\
             location = /chunked {{ ssi on; ssi_types *; proxy_pass http://unix:{directory}/judge; }}\n\
             location = /policy {{ return 200 '{{\"status\":-1,\"msg\":\"too many\"}}'; }}\n\
             location = /busy {{ return 503; }}\n\
             location = /broken {{ return 500; }}\n\
             location = /elsewhere {{ return 302 /login; }}\n}}\n}}\n"
        )
    }

    fn secure_listener(&self) -> String {
        let Some(files) = &self.certificate else { return String::new() };
        let (address, certificate, key) = (self.address, files.certificate.display(), files.key.display());
        let client = self.authority.as_ref().map_or_else(String::new, |authority| {
            format!("ssl_client_certificate {};\nssl_verify_client on;\n", authority.display())
        });
        format!(
            "listen {address}:{TLS_PORT} ssl;\nssl_certificate {certificate};\nssl_certificate_key {key};\n{client}"
        )
    }
}

impl RunningNginx {
    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.stop();
        // The judge's socket outlives an nginx that was killed.
        let _ = fs::remove_file(self.directory.path().join("judge"));
        let mut command = Command::new(PROGRAM);
        command.arg("-p").arg(self.directory.path()).arg("-c").arg(self.directory.path().join("nginx.conf"));
        let mut background = Background::start("nginx", &mut command);
        let mut addresses = vec![self.clear()];
        addresses.extend(self.has_tls.then(|| self.secure()));
        background.wait_until_listening(&addresses);
        self.background = Some(background);
    }

    /// Stops it: whoever connects is refused.
    pub fn stop(&mut self) {
        self.background = None;
    }

    /// Where it listens for http.
    pub fn clear(&self) -> SocketAddr {
        (self.address, PORT).into()
    }

    /// Where it listens for https.
    pub fn secure(&self) -> SocketAddr {
        (self.address, TLS_PORT).into()
    }
}
