//! Records the commit of the build for the start-up log line.

fn main() {
    if let Some(commit) = commit_of_release() {
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
}

/// What `git archive` has written into the file, so that a release knows its commit, and no repository around it counts.
fn commit_of_release() -> Option<String> {
    let text = std::fs::read_to_string(".commit").ok()?;
    let short = text.trim().get(..8)?;
    short.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| short.to_owned())
}
