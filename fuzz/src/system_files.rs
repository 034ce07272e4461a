//! The files of mail servers that `--check=system` reads.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::system_check::judge::sasl_options::OptionsFile;
use saslauthd::system_check::judge::{client, postfix};
use saslauthd::system_check::shell_word::shell_word;

/// Whatever Postfix's, Exim's and libsasl's files say: they are read within a bound, and what is quoted for a shell is one
/// word of it.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let parts = [input.part(), input.part(), input.part()].map(String::from_utf8_lossy);
    let [main, master, options] = &parts;
    let ((), held) = most_held(|| {
        let parameters = postfix::parameters(main);
        postfix::asking(&parameters, master);
        postfix::asking_dovecot(&parameters, master);
        client::lines(options).for_each(drop);
        client::asks_from_exim(options);
        let file = OptionsFile {
            path: "/etc/postfix/sasl/smtpd.conf".into(),
            text: Some(options.to_string()),
            unreadable: None,
            prefix: "",
            has_other_mechanisms: master.is_empty(),
        };
        file.judge("smtpd");
        check_word(&shell_word(main), main);
    });
    assert!(held <= 256 * 1024 + 256 * bytes.len(), "{held} bytes held");
}

/// Read as a shell reads a word in which nothing is expanded.
fn check_word(quoted: &str, word: &str) {
    let mut read = String::new();
    let mut characters = quoted.chars();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        match (character, is_quoted) {
            ('\'', _) => is_quoted = !is_quoted,
            ('\\', false) => read.extend(characters.next()),
            (other, quoted) => {
                assert!(quoted || !" \t\n$`\"|&;<>()*?[]#~".contains(other), "{quoted}");
                read.push(other);
            }
        }
    }
    assert!(!is_quoted && read == word, "{quoted} is not {word}");
}
