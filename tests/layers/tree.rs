//! The modules of a crate, and what each of them names.

use super::source::{Token, paths, tokens, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// All modules that are not there for tests only.
#[derive(Default)]
pub(super) struct Tree {
    files: BTreeMap<String, Vec<Token>>,
    modules: BTreeMap<Vec<String>, Vec<Vec<String>>>,
}

/// That a module names something.
pub(super) struct Use<'a> {
    /// The module.
    pub(super) from: &'a [String],
    /// The module of which it names something, and in it what.
    pub(super) module: Vec<String>,
    pub(super) path: Vec<String>,
}

impl Tree {
    /// Reads the crate whose `lib.rs` is in that folder.
    pub(super) fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_folder(folder, folder, &mut files);
        Self::of(files)
    }

    /// The crate of these files, by their paths and texts.
    pub(super) fn of(files: BTreeMap<String, String>) -> Self {
        let files = files.into_iter().map(|(path, text)| (path, tokens(&text))).collect();
        let mut tree = Self { files, modules: BTreeMap::new() };
        tree.enter(Vec::new(), "lib.rs");
        tree
    }

    /// Adds a module and those that it declares.
    fn enter(&mut self, module: Vec<String>, file: &str) {
        let tokens = without_tests(&self.files[file]);
        for declared in tokens.windows(3) {
            let [Token::Word(keyword), Token::Word(name), Token::Sign(sign)] = declared else { continue };
            if keyword != "mod" {
                continue;
            }
            let child: Vec<String> = module.iter().chain([name]).cloned().collect();
            let path = child.join("/");
            match [format!("{path}.rs"), format!("{path}/mod.rs")]
                .iter()
                .find(|file| self.files.contains_key(*file))
            {
                Some(file) if *sign == ';' => self.enter(child, file),
                // What is in it counts as its parent's.
                _ => _ = self.modules.insert(child, Vec::new()),
            }
        }
        self.modules.insert(module, paths(&tokens));
    }

    /// Whether there is such a module.
    pub(super) fn has(&self, module: &str) -> bool {
        self.modules.contains_key(&words(module))
    }

    /// The modules, and the paths that they name as they are written.
    pub(super) fn modules(&self) -> impl Iterator<Item = (&[String], &[Vec<String>])> {
        self.modules.iter().map(|(module, paths)| (module.as_slice(), paths.as_slice()))
    }

    /// What modules name of others of the crate.
    pub(super) fn uses(&self) -> impl Iterator<Item = Use<'_>> {
        self.modules().flat_map(move |(from, paths)| {
            paths.iter().filter_map(move |path| {
                let path = absolute(from, path)?;
                let mut module = path.clone();
                while !self.modules.contains_key(&module) {
                    module.pop();
                }
                Some(Use { from, module, path })
            })
        })
    }

    /// The files with `unsafe` in them, tests included.
    pub(super) fn unsafe_files(&self) -> impl Iterator<Item = &str> {
        let unsafe_word = Token::Word("unsafe".to_owned());
        let files = self.files.iter().filter(move |(_, tokens)| tokens.contains(&unsafe_word));
        files.map(|(file, _)| file.as_str())
    }

    /// How many blocks and implementations of each file are unsafe, tests included; those that have none are left out.
    pub(super) fn unsafe_blocks(&self) -> BTreeMap<&str, usize> {
        let begins = |pair: &[Token]| {
            let [Token::Word(word), next] = pair else { return false };
            word == "unsafe" && (*next == Token::Sign('{') || *next == Token::Word("impl".to_owned()))
        };
        let counts = self
            .files
            .iter()
            .map(|(file, tokens)| (file.as_str(), tokens.windows(2).filter(|pair| begins(pair)).count()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The names of the folders that have modules in them.
    pub(super) fn folders(&self) -> BTreeSet<Vec<String>> {
        self.modules.keys().filter_map(|module| Some(module.split_last()?.1.to_vec())).collect()
    }
}

/// A path of the crate from its root; `None` for those of others.
fn absolute(from: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut at = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => from.to_vec(),
        "super" => from.split_last()?.1.to_vec(),
        _ => return None,
    };
    for word in &path[1..] {
        if word == "super" {
            at.pop();
        } else {
            at.push(word.clone());
        }
    }
    Some(at)
}

/// A path as a list.
pub(super) fn words(path: &str) -> Vec<String> {
    path.split("::").filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn read_folder(folder: &Path, root: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, root, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}
