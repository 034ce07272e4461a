//! The daemon.

fn main() -> std::process::ExitCode {
    saslauthd::saslauthd_main()
}
