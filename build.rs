//! Records the commit of the build for the start-up log line.

fn main() {
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
