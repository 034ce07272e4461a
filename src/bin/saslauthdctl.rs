//! The program that asks a running daemon how it is.

fn main() -> std::process::ExitCode {
    saslauthd::saslauthdctl_main()
}
