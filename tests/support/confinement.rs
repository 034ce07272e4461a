//! The compilers of AppArmor's and SELinux's policies, and Debian's policy. The packages are only unpacked: installed they
//! would confine the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves AppArmor.
const APPARMOR: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/apparmor");

/// Where it leaves SELinux's compilers and policy.
const SELINUX: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/selinux");

/// What is looked for of AppArmor.
pub const ABSTRACTIONS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/apparmor/etc/apparmor.d/abstractions");

/// What is looked for of SELinux.
pub const SECILC: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/selinux/usr/bin/secilc");

/// Compiles an AppArmor profile, and loads it nowhere.
pub fn compile_profile(profile: &str) -> Output {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("profile");
    fs::write(&file, profile).unwrap();
    let mut parser = Command::new(first_of(APPARMOR, &["sbin/apparmor_parser", "usr/sbin/apparmor_parser"]));
    parser.args(["--skip-kernel-load", "--skip-cache", "--base"]);
    parser.arg(Path::new(APPARMOR).join("etc/apparmor.d")).arg(&file);
    with_libraries(&mut parser, APPARMOR).output().unwrap()
}

/// What of Debian's policy concerns saslauthd.
const MODULES: [&str; 3] = ["base", "sasl", "postgresql"];

/// Debian's policy, as far as saslauthd is concerned.
pub struct Policy(TempDir);

impl Policy {
    /// Translates the modules that are in the package.
    pub fn new() -> Self {
        let policy = Self(TempDir::new().unwrap());
        for module in MODULES {
            let packed = format!("{SELINUX}/usr/share/selinux/default/{module}.pp.bz2");
            let unpacked = Command::new("bzcat").arg(packed).output().unwrap();
            fs::write(policy.file("module.pp"), unpacked.stdout).unwrap();
            let translator = first_of(SELINUX, &["usr/libexec/selinux/hll/pp", "usr/lib/selinux/hll/pp"]);
            let mut translate = Command::new(translator);
            translate.arg(policy.file("module.pp")).arg(policy.file(module));
            assert!(with_libraries(&mut translate, SELINUX).status().unwrap().success());
        }
        // It names a user of a module that is not there.
        let base = fs::read_to_string(policy.file("base")).unwrap();
        let is_kept = |line: &&str| !line.starts_with("(selinuxuser sddm ");
        fs::write(policy.file("base"), base.lines().filter(is_kept).collect::<Vec<_>>().join("\n")).unwrap();
        policy
    }

    /// Compiles it with a further module.
    pub fn compile_with(&self, module: &str) -> Output {
        fs::write(self.file("further"), module).unwrap();
        let mut compiler = Command::new(SECILC);
        compiler.args(["-o", "/dev/null", "-f", "/dev/null"]);
        compiler.args(MODULES.map(|name| self.file(name))).arg(self.file("further"));
        with_libraries(&mut compiler, SELINUX).output().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Folders differ among the releases of Debian.
fn first_of(package: &str, places: &[&str]) -> PathBuf {
    let mut programs = places.iter().map(|place| Path::new(package).join(place));
    programs.find(|program| program.exists()).expect("the package has it")
}

fn with_libraries<'a>(command: &'a mut Command, package: &str) -> &'a mut Command {
    command.env("LD_LIBRARY_PATH", format!("{package}/usr/lib/{}-linux-gnu", std::env::consts::ARCH))
}

/// The program `refuse.c`, which stands for a kernel or container that refuses system calls.
pub struct Refuse(TempDir);

impl Refuse {
    /// Compiles it.
    pub fn compile() -> Self {
        let refuse = Self(TempDir::new().unwrap());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/refuse.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-o"]).arg(refuse.path()).arg(source);
        assert!(compiler.status().unwrap().success(), "{compiler:?} failed");
        refuse
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("refuse")
    }

    /// The words before a command to which that is refused: a call, or what its source has a name for.
    pub fn prefix(&self, call: &str) -> [String; 2] {
        [self.path().display().to_string(), call.to_owned()]
    }
}
