//! What must hold of a tree of modules. Each check returns a sentence for all that does not.

use super::tree::{Tree, Use, words};
use std::collections::{BTreeMap, BTreeSet};

/// An arrow that goes up, or to one side, for a reason.
pub(super) struct Exception {
    /// The module, or the folder of modules, that names it.
    pub(super) from: &'static str,
    /// What it names.
    pub(super) to: &'static str,
    /// Why it may.
    pub(super) reason: &'static str,
}

impl Exception {
    fn covers(&self, named: &Use<'_>) -> bool {
        named.from.starts_with(&words(self.from)) && named.path.starts_with(&words(self.to))
    }
}

/// Names of what is above a module or beside it, in layers from the lowest to the highest. An exception that nothing
/// needs is one too, so that the list of them can only grow shorter.
pub(super) fn upward_names(tree: &Tree, layers: &[&[&str]], exceptions: &[Exception]) -> Vec<String> {
    let place = |module: &[String]| {
        let rows =
            layers.iter().enumerate().flat_map(|(row, names)| names.iter().map(move |name| (row, *name)));
        let holding = rows.filter(|(_, name)| module.starts_with(&words(name)));
        holding.max_by_key(|(_, name)| words(name).len())
    };
    let mut found = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for named in tree.uses().filter(|named| !named.from.is_empty()) {
        let (from, path) = (named.from.join("::"), named.path.join("::"));
        let Some((row, own)) = place(named.from) else {
            found.insert(format!("{from} is in no layer"));
            continue;
        };
        let problem = match place(&named.module) {
            Some((_, other)) if other == own => continue,
            Some((other, _)) if other < row => continue,
            Some((other, _)) if other == row => "beside it",
            Some(_) => "above it",
            None => "in no layer",
        };
        match exceptions.iter().position(|exception| exception.covers(&named)) {
            Some(index) => _ = needed.insert(index),
            None => _ = found.insert(format!("{from} names {path}, which is {problem}")),
        }
    }
    for (index, Exception { from, to, reason }) in exceptions.iter().enumerate() {
        if !needed.contains(&index) {
            found.insert(format!("{from} does not name {to} any more ({reason})"));
        }
    }
    found.into_iter().collect()
}

/// The circles among the modules of each folder, whatever is below them counted as theirs. That a module names its
/// parent's items, and the parent its own modules, is no circle.
pub(super) fn circles(tree: &Tree) -> Vec<String> {
    tree.folders().iter().filter_map(|folder| circle(&arrows(tree, folder), &folder.join("::"))).collect()
}

type Arrows<'a> = BTreeMap<&'a str, BTreeSet<String>>;

/// Which modules of the folder name which.
fn arrows<'a>(tree: &'a Tree, folder: &[String]) -> Arrows<'a> {
    let mut arrows = Arrows::new();
    for named in tree.uses() {
        let from = named.from.strip_prefix(folder).and_then(|rest| rest.first());
        let to = named.module.strip_prefix(folder).and_then(|rest| rest.first());
        if let (Some(from), Some(to)) = (from, to) {
            if from != to {
                arrows.entry(from.as_str()).or_default().insert(to.clone());
            }
        }
    }
    arrows
}

fn circle(arrows: &Arrows<'_>, folder: &str) -> Option<String> {
    let mut left = arrows.clone();
    // What names nothing that is left is in no circle.
    while let Some(end) =
        left.iter().find(|(_, named)| !named.iter().any(|name| left.contains_key(name.as_str())))
    {
        let end = *end.0;
        left.remove(end);
    }
    let mut walk = vec![*left.keys().next()?];
    loop {
        let next =
            left[walk[walk.len() - 1]].iter().find_map(|name| Some(*left.get_key_value(name.as_str())?.0))?;
        if let Some(start) = walk.iter().position(|module| *module == next) {
            let folder = if folder.is_empty() { "the crate" } else { folder };
            return Some(format!("in {folder}: {} -> {next}", walk[start..].join(" -> ")));
        }
        walk.push(next);
    }
}

/// Effects that pure modules name.
pub(super) fn effects(tree: &Tree, pure: &[&str], effects: &[&str]) -> Vec<String> {
    let is_pure = |module: &[String]| pure.iter().any(|name| module.starts_with(&words(name)));
    let modules = tree.modules().filter(|(module, _)| is_pure(module));
    let named = modules.flat_map(|(module, paths)| paths.iter().map(move |path| (module, path)));
    let is_effect = |path: &[String]| {
        effects
            .iter()
            .map(|effect| words(effect))
            .any(|effect| path.windows(effect.len()).any(|part| part == effect))
    };
    let found = named.filter(|(_, path)| is_effect(path));
    found.map(|(module, path)| format!("{} names {}", module.join("::"), path.join("::"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    const LAYERS: &[&[&str]] = &[&["ground"], &["house::cellar"], &["house", "shed"]];

    /// `ground` below the `house`, with a cellar between them and a shed beside.
    fn village(ground: &str, cellar: &str, shed: &str) -> Tree {
        tree(&[
            ("lib.rs", "mod ground; pub mod house; mod shed;"),
            ("ground.rs", ground),
            ("house/mod.rs", "mod cellar; mod attic; use crate::ground::Stone; pub struct Key;"),
            ("house/cellar.rs", cellar),
            ("house/attic.rs", "use super::cellar::Wine;"),
            ("shed.rs", shed),
        ])
    }

    #[test]
    fn names_of_what_is_below_are_no_fault() {
        let sound = village("pub struct Stone;", "use crate::ground::Stone;", "use crate::ground;");
        assert!(upward_names(&sound, LAYERS, &[]).is_empty() && circles(&sound).is_empty());
    }

    #[test]
    fn an_arrow_that_is_turned_round_is_found_however_it_is_written() {
        for upward in [
            "use crate::house::Key;",
            "use crate::{house::{Key, cellar}, ground};",
            "fn f(key: &crate::house::Key) {}",
            "use super::house::Key as Other;",
            "pub(crate) use crate\n    ::house // up\n    ::*;",
        ] {
            let found = upward_names(&village(upward, "", ""), LAYERS, &[]);
            assert!(found.iter().any(|found| found.starts_with("ground names house")), "{upward}: {found:?}");
        }
        let beside = upward_names(&village("", "", "use crate::house::Key;"), LAYERS, &[]);
        assert_eq!(beside, ["shed names house::Key, which is beside it"]);
        let within = upward_names(&village("", "use super::Key;", ""), LAYERS, &[]);
        assert_eq!(within, ["house::cellar names house::Key, which is above it"]);
    }

    #[test]
    fn comments_texts_and_tests_name_nothing() {
        let quiet = "// crate::house::Key\n/* crate::house /* */ crate::house::Key */\n\
            const TEXT: &str = \"crate::house::Key\"; const RAW: &str = r#\"\"crate::house::Key\"#;\n\
            const QUOTE: char = '\"'; fn f<'a>(x: &'a str) {} const NEXT: char = '\\'';\n\
            #[cfg(test)]\n#[allow(x)]\nmod tests { use crate::house::Key; fn f() { if x { } } }\n\
            #[cfg(test)] use crate::house::{Key, cellar};\n#[cfg(test)] mod other;\n\
            pub(in crate::house) struct Stone;";
        assert_eq!(upward_names(&village(quiet, "", ""), LAYERS, &[]), [""; 0]);
        let loud = format!("{quiet} fn g() {{ crate::house::Key }}");
        assert_eq!(upward_names(&village(&loud, "", ""), LAYERS, &[]).len(), 1, "what follows them is read");
    }

    #[test]
    fn an_exception_holds_for_its_arrow_only_and_while_that_is_there() {
        let exception = [Exception { from: "ground", to: "house::Key", reason: "it is dark" }];
        assert!(upward_names(&village("use crate::house::Key;", "", ""), LAYERS, &exception).is_empty());
        let found = upward_names(&village("use crate::shed;", "", ""), LAYERS, &exception);
        let unneeded = "ground does not name house::Key any more (it is dark)";
        assert_eq!(found, [unneeded, "ground names shed, which is above it"]);
    }

    #[test]
    fn a_module_that_nobody_has_put_into_a_layer_is_found() {
        let found = upward_names(&village("", "", "use crate::ground;"), &[&["ground"], &["house"]], &[]);
        assert_eq!(found, ["shed is in no layer"]);
    }

    #[test]
    fn a_circle_is_found_through_any_number_of_modules_of_a_folder() {
        let cellar = "use super::attic::Roof;";
        assert_eq!(circles(&village("", cellar, "")), ["in house: attic -> cellar -> attic"]);
        let far = village("use crate::shed;", "", "use crate::house::cellar::Wine;");
        assert_eq!(circles(&far), ["in the crate: ground -> shed -> house -> ground"]);
        assert!(circles(&village("", "use super::Key;", "")).is_empty(), "a parent's item");
    }

    #[test]
    fn an_effect_is_found_however_it_is_written() {
        let found =
            |text: &str| effects(&village(text, "", text), &["ground"], &["std::fs", "Instant::now", "mio"]);
        for effect in ["use std::{io, fs::File};", "fn f() { Instant::now() }", "fn f(x: mio::Token) {}"] {
            assert_eq!(found(effect).len(), 1, "{effect}");
        }
        for none in ["use std::io;", "fn now(x: Instant) {}", "fn mio() {}", "// std::fs::File"] {
            assert!(found(none).is_empty(), "{none}");
        }
    }
}
