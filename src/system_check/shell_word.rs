//! Words of commands that are shown to be carried out.
#![forbid(unsafe_code)]

/// The word as a shell must be given it: as it is if that is safe, else in single quotes.
pub fn shell_word(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:=@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn only_a_plain_word_stays_as_it_is() {
        assert_eq!(shell_word("/etc/pam.d/smtp"), "/etc/pam.d/smtp");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("it's $(x)"), r"'it'\''s $(x)'");
    }
}
