use super::*;

fn stacks(files: &[(&str, &str)]) -> Stacks {
    let there = |(name, text): &(&str, &str)| ((*name).to_owned(), ServiceFile::There((*text).to_owned()));
    Stacks { files: files.iter().map(there).collect(), missing_modules: BTreeSet::new() }
}

#[test]
fn only_a_service_without_a_file_and_with_nobody_to_ask_is_refused_for_want_of_it() {
    let denies = ("other", "auth required pam_warn.so\nauth required pam_deny.so\n");
    for (files, expected) in [
        (vec![denies], true),
        (vec![denies, ("smtp", "auth required pam_unix.so\n")], false),
        (vec![denies, ("smtp", "")], false),
        (vec![("other", "@include common-auth\n"), ("common-auth", "auth required pam_unix.so\n")], false),
        (vec![("other", "auth required pam_unix.so\nauth required pam_deny.so\n")], false),
        (vec![("other", "@include common-auth\n")], false),
        (vec![("other", "")], false),
        (vec![], false),
    ] {
        assert_eq!(stacks(&files).is_refused_for_want_of_a_file("smtp"), expected, "{files:?}");
    }
}

#[test]
fn names_of_files_and_modules_are_found() {
    assert_eq!(
        included("@include a\nauth include b\nauth substack c\nauth required d.so\n"),
        ["a", "b", "c"]
    );
    assert_eq!(modules("auth [a=1 b=2] x.so arg\n-auth optional y.so\n@include z\n"), ["x.so"]);
}
