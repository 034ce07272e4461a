//! The client that asks the daemon one question.

fn main() -> std::process::ExitCode {
    saslauthd::testsaslauthd_main()
}
