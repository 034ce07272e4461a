//! One file of Rust as far as paths go: its words, without comments, literals and what is compiled for tests only.

use std::iter::Peekable;
use std::str::Chars;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Sign(char),
}

impl Token {
    fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// The tokens of a text in which comments and literals are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut characters = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        match character {
            '/' if characters.peek() == Some(&'/') => {
                while characters.next_if(|next| *next != '\n').is_some() {}
            }
            '/' if characters.peek() == Some(&'*') => skip_comment(&mut characters),
            '"' => skip_string(&mut characters),
            '\'' => skip_character(&mut characters),
            _ if is_in_word(character) => {
                let mut word = String::from(character);
                while let Some(next) = characters.next_if(|next| is_in_word(*next)) {
                    word.push(next);
                }
                let is_raw = matches!(word.as_str(), "r" | "br" | "cr")
                    && matches!(characters.peek(), Some('"' | '#'));
                if is_raw { skip_raw(&mut characters) } else { tokens.push(Token::Word(word)) }
            }
            _ if character.is_whitespace() => {}
            sign => tokens.push(Token::Sign(sign)),
        }
    }
    tokens
}

fn is_in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Comments of this kind may hold others.
fn skip_comment(characters: &mut Peekable<Chars<'_>>) {
    let mut depth = 0;
    let mut last = '/';
    for character in characters.by_ref() {
        match (last, character) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
        last = character;
    }
}

fn skip_string(characters: &mut Peekable<Chars<'_>>) {
    while let Some(character) = characters.next() {
        match character {
            '\\' => _ = characters.next(),
            '"' => return,
            _ => {}
        }
    }
}

/// From the signs before the quote, as many of which end it.
fn skip_raw(characters: &mut Peekable<Chars<'_>>) {
    let mut signs = 0;
    while characters.next_if_eq(&'#').is_some() {
        signs += 1;
    }
    // A raw word such as r#type is none.
    if characters.next_if_eq(&'"').is_none() {
        return;
    }
    while let Some(character) = characters.next() {
        let mut seen = 0;
        while character == '"' && seen < signs && characters.next_if_eq(&'#').is_some() {
            seen += 1;
        }
        if character == '"' && seen == signs {
            return;
        }
    }
}

/// A lifetime has no second quote.
fn skip_character(characters: &mut Peekable<Chars<'_>>) {
    let mut ahead = characters.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            characters.nth(1);
            while characters.next().is_some_and(|character| character != '\'') {}
        }
        (_, Some('\'')) => _ = characters.nth(1),
        _ => {}
    }
}

/// Leaves out every item that is there for tests or for the documentation only.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = match attribute(rest) {
            Some((words, after)) if words.first().is_some_and(|word| word == "cfg") => {
                // In whatever else it is compiled: the worlds of the simulations are for fuzzing, too.
                let condition = words.iter().skip(1).find(|word| *word != "any").map(String::as_str);
                let is_left_out = matches!(condition, Some("test" | "doc"));
                if is_left_out { after_item(after) } else { after }
            }
            Some((_, after)) => after,
            None => {
                kept.push(token.clone());
                after
            }
        };
    }
    kept
}

/// The words of the attribute with which the tokens begin, and what follows it.
fn attribute(tokens: &[Token]) -> Option<(Vec<String>, &[Token])> {
    let inner = usize::from(tokens.get(1)?.is('!'));
    if !tokens.first()?.is('#') || !tokens.get(1 + inner)?.is('[') {
        return None;
    }
    let mut depth = 0;
    let mut words = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('[') => depth += 1,
            Token::Sign(']') if depth == 1 => return Some((words, &tokens[index + 1..])),
            Token::Sign(']') => depth -= 1,
            Token::Word(word) => words.push(word.clone()),
            Token::Sign(_) => {}
        }
    }
    None
}

/// What follows the item with which the tokens begin, its further attributes included.
fn after_item(mut tokens: &[Token]) -> &[Token] {
    while let Some((_, after)) = attribute(tokens) {
        tokens = after;
    }
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign('}' | ')' | ']') => depth -= 1,
            _ => {}
        }
        if depth == 0 && (token.is('}') || token.is(';')) {
            return &tokens[index + 1..];
        }
    }
    &[]
}

/// All paths of more than one word, those in braces one by one: `use a::{b, c::d}` is `a::b` and `a::c::d`.
pub(super) fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let is_in_visibility = index > 0 && tokens[index - 1].is_word("in");
        let found = paths.len();
        index = match &tokens[index] {
            Token::Word(_) => path(tokens, index, &[], &mut paths),
            Token::Sign(_) => index + 1,
        };
        if is_in_visibility {
            paths.truncate(found);
        }
    }
    paths.retain(|path| path.len() > 1);
    paths
}

/// Reads the path or the group at `index`, and returns where it ends.
fn path(tokens: &[Token], mut index: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(index) {
            Some(Token::Word(word)) if word == "self" && !path.is_empty() => {}
            Some(Token::Word(word)) => path.push(word.clone()),
            Some(Token::Sign('{')) if !path.is_empty() => return group(tokens, index + 1, &path, found),
            _ => break,
        }
        index += 1;
        let goes_on = |offset: usize| tokens.get(index + offset).is_some_and(|token| token.is(':'));
        if !(goes_on(0) && goes_on(1)) {
            break;
        }
        index += 2;
    }
    found.push(path);
    index
}

fn group(tokens: &[Token], mut index: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    while let Some(token) = tokens.get(index) {
        index = match token {
            Token::Sign('}') => return index + 1,
            Token::Word(word) if word == "as" => index + 2,
            Token::Word(_) => path(tokens, index, before, found),
            Token::Sign(_) => index + 1,
        };
    }
    index
}
