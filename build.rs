//! Records the commit of the build for the start-up log line.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

fn main() {
    let of_release = commit_of_release();
    if let Some(commit) = &of_release {
        println!("cargo:rustc-env=SASLAUTHD_COMMIT={commit}");
    }
    let kept_out = [
        shadow_rs::CARGO_TREE,
        shadow_rs::CARGO_METADATA,
        shadow_rs::CARGO_MANIFEST_DIR,
        shadow_rs::COMMIT_AUTHOR,
        shadow_rs::COMMIT_EMAIL,
        shadow_rs::GIT_STATUS_FILE,
    ];
    let built = shadow_rs::ShadowBuilder::builder()
        .build_pattern(shadow_rs::BuildPattern::Lazy)
        .deny_const(kept_out.into_iter().collect())
        .build();
    if let Err(error) = built {
        println!("cargo:warning=The build information could not be recorded: {error}");
    }
    let commits = if of_release.is_some() { Some(".commit".to_owned()) } else { log_of_commits() };
    if let Some(commits) = commits {
        run_again_after(&commits);
    }
    keep_modules_together();
}

/// GNU ld then puts functions in the order of their names, each module's side by side, so that the kernel maps fewer pages of mechanisms that
/// nobody uses (docs/PERFORMANCE.md). lld and mold take the flag and keep their own order.
fn keep_modules_together() {
    println!("cargo:rustc-link-arg-bins=-Wl,--sort-section=name");
}

/// Where git notes each commit and each checkout, if this is a repository and it does.
fn log_of_commits() -> Option<String> {
    let git = Command::new("git").args(["rev-parse", "--git-path", "logs/HEAD"]).output().ok()?;
    let path = String::from_utf8(git.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_file().then_some(path)
}

/// The commit is all that is recorded. shadow-rs wants to run again when the file that it writes is newer than its last
/// run, which it always is, so that nothing would ever be up to date: the file gets the time of this one.
fn run_again_after(path: &str) {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={path}");
    let written = Path::new(&std::env::var_os("OUT_DIR").unwrap_or_default()).join("shadow.rs");
    let earlier = fs::metadata("build.rs").and_then(|metadata| metadata.modified());
    let changed = earlier.and_then(|time| File::options().write(true).open(written)?.set_modified(time));
    if let Err(error) = changed {
        println!("cargo:warning=The next build will begin anew: {error}");
    }
}

/// What `git archive` has written into the file, so that a release knows its commit, and no repository around it counts.
fn commit_of_release() -> Option<String> {
    let text = fs::read_to_string(".commit").ok()?;
    let short = text.trim().get(..8)?;
    short.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| short.to_owned())
}
