//! What the daemon says about itself: `-h` and `-v`.
#![forbid(unsafe_code)]

use crate::config::run_directory::DEFAULT_RUN_DIRECTORY;
use crate::registry::MECHANISMS;

/// The text of `-h`, for the standard error stream; it ends with [`version`] as the C daemon's does.
pub fn help() -> String {
    format!("{}\n{}", options(), version())
}

/// The text of `-v`, for the standard error stream: the C daemon's three lines, with what is built in here.
pub fn version() -> String {
    let names = MECHANISMS.iter().map(|mechanism| mechanism.name).collect::<Vec<_>>().join(" ");
    format!("saslauthd {}\nauthentication mechanisms: {names}\n\n", env!("CARGO_PKG_VERSION"))
}

/// The flags with their defaults.
pub(super) fn options() -> String {
    OPTIONS.replace("{RUN_DIRECTORY}", DEFAULT_RUN_DIRECTORY)
}

/// C's layout, so that whoever knows it finds the flags where they were.
const OPTIONS: &str = "\
usage: saslauthd [options]

option information:
  -a <authmech>  Authentication mechanism, one of those named below or in the file; several,
                 separated by commas, are asked in turn (required, unless the file given
                 with --config names them)
  -c             Keep accepted credentials in a cache
  -d             Stay in the foreground and log everything to stderr too (implies -V)
  -f             Stay in the foreground
  -r             Pass login \"user\" with realm \"realm\" to the mechanism as \"user@realm\"
                 (the realm is passed as well)
  -O <option>    Option of the mechanism, such as a file; with several mechanisms, the
                 configuration file (-H is an old spelling)
  -l             Ignored, for compatibility
  -T             Ignored, for compatibility
  -m <path>      Run directory, absolute: holds the socket mux and the pid file
                 (default {RUN_DIRECTORY})
  -n <procs>     Number of worker processes of each mechanism; 0 starts one for each login
                 (default 5)
  -s <kilobytes> Maximum size of the cache (default 8800)
  -t <seconds>   How long an accepted login is remembered (default 28800)
  -v, --version  Show the version and the mechanisms
  -V             Also log successful logins, and the start and end of processes
  -h, --help     Show this text

  --request-timeout=<seconds>   From a complete request to its answer (default 60)
  --read-timeout=<seconds>      From the connection to a complete request (default 30)
  --failure-delay=<seconds>     From a request to the answer that it failed, a quarter more or
                                less, unless the mechanism has a delay of its own as pam does;
                                0 is none, as in C (default 2, at most 30)
  --negative-cache-ttl=<seconds>
                                Refuse a login with the same wrong password again for so long
                                without asking; 0 is never (default 0, at most 300)
  --stale-if-unavailable=<seconds>
                                With -c: while no mechanism can be asked, use an acceptance
                                that expired no longer ago; 0 is never (default 0, at most
                                604800)
  --penalty=yes|no              Hold back the answer to one wrong password after the other from
                                the same client address, up to 15 seconds (default yes)
  --trusted-networks=<list>     Client addresses that many users share, as a webmail's:
                                no penalty, such as 127.0.0.0/8,::1,192.0.2.0/24
                                (default 127.0.0.0/8,::1)
  --max-connections=<number>    Most clients at the same time (default 4096)
  --max-auth-connections=<number>
                                Most connections to sockets with protocol=dovecot (default 4096)
  --max-password=<bytes>        Longest password (default 8192, at most 65535)
  --max-field=<bytes>           Longest login, service, realm or client address
                                (default 1024, at most 16384)
  --requests-per-worker=<number>
                                Replace a worker process after so many logins (default 10000)
  --max-worker-growth=<MiB>     Replace a worker process that has grown by more
                                (default 256)
  --max-processes=<number>      Most processes at the same time with -n 0 (default 64)
  --on-unavailable=close|no     When a login cannot be checked: close without an answer, so
                                that mail programs try again, or answer NO (default close)
  --reply-text=full|bare        OK or NO with a text, or that word alone, as some clients need
                                (default full)
  --log=auto|syslog|stderr|both Where log lines go; auto is syslog, and stderr too while in
                                the foreground (default auto)
  --login-format=<format>       How to rewrite a login before it is checked: %u is the login,
                                %U its part before the @, %d the one after it or the realm,
                                %r the realm; %LU is %U in lower case (-r is %u%R)
  --socket=<path>[,<key>=<value>]...
                                One more socket, an absolute path; mode=0660, owner=, group=,
                                service= (instead of the clients'), timeout= (seconds for an
                                answer), allow-users=a:b, allow-groups=a:b (who may connect),
                                protocol=mux|dovecot (for Postfix without libsasl)
  --no-mux                      Create no socket mux in the run directory
  --control=<path>|no           Socket for saslauthdctl, an absolute path (default control in
                                the run directory; for root only)
  --user=<name>                 Account of the process that talks to clients (default as root:
                                saslauthd, saslauth or nobody)
  --sandbox=yes|no              Keep processes that need no privileges from files, ports and
                                system calls that they have no use for, as far as the kernel
                                can (default yes)
  --config=<file>               Configuration file, absolute (default /etc/saslauthd.conf)
  --check[=system]              Check flags and files, print problems on the standard output,
                                start nothing; exit 1 if there is any. With =system also
                                check what the daemon depends on here, such as Postfix, PAM
                                and servers; exit 1 for errors only

For mechanisms that ask servers:
  --connect-timeout=<seconds>   To connect to one address (default 5)
  --tls-timeout=<seconds>       For the TLS handshake (default 5)
  --operation-timeout=<seconds> From a request to its answer (default 20)
  --total-timeout=<seconds>     For all that one login asks of servers (default 30)
  --retry-interval=<seconds>    Do not ask a server that has failed (default 10)
  --idle-time=<seconds>         Keep an unused connection for so long (default 60)
  --max-server-connections=<number>
                                Most connections to one server for one purpose (default 512)
  --server-order=listed|round-robin
                                Which of several servers comes first: always the first, or
                                each in turn (default listed)
";
