//! The modules of a crate and their names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Item, UseTree};

use super::syntax::{Inside, Names, attributes, defined, is_test, leaves};

/// Files below a crate's `src`, by their path in it.
pub(super) type Sources = BTreeMap<PathBuf, String>;

/// The meaning of a name in a module.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    Item,
    Module(usize),
    Import(Names),
}

/// An item, by the module that defines it and its name.
pub(super) type Definition = (usize, String);

/// The target of a path: an item and the name that follows it in the path, or a module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Item(Definition, Option<String>),
    Module(usize),
}

impl Target {
    pub(super) fn item(self) -> Option<Definition> {
        match self {
            Self::Item(item, _) => Some(item),
            Self::Module(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    parent: Option<usize>,
    pub(super) names: BTreeMap<String, Vec<Meaning>>,
    globs: Vec<Names>,
}

/// A crate as parsed from its files.
pub(super) struct Tree<'a> {
    sources: &'a Sources,
    /// The crate's name, as its own binary writes it.
    name: String,
    pub(super) modules: Vec<Module>,
    /// File and content of each file that is part of the crate.
    pub(super) parsed: Vec<(usize, Vec<Item>)>,
    /// Modules that define a `macro_rules!` of this name. Where such a macro may be called depends on the order of
    /// the text, not on its path.
    pub(super) macros: BTreeMap<String, Vec<usize>>,
}

impl<'a> Tree<'a> {
    /// Reads what can be reached from `lib.rs` and `main.rs`.
    pub(super) fn new(name: &str, sources: &'a Sources) -> Self {
        let mut tree = Self {
            sources,
            name: name.replace('-', "_"),
            modules: Vec::new(),
            parsed: Vec::new(),
            macros: BTreeMap::new(),
        };
        for root in ["lib.rs", "main.rs"].map(Path::new) {
            if sources.contains_key(root) {
                tree.file(root, None, Path::new(""));
            }
        }
        assert!(!tree.modules.is_empty(), "{name} has neither lib.rs nor main.rs");
        tree
    }

    /// Every file that is part of the crate.
    pub(super) fn files(&self) -> BTreeSet<&Path> {
        self.modules.iter().map(|module| module.file.as_path()).collect()
    }

    /// Reads a file as a new module. Its child modules lie in `folder`.
    fn file(&mut self, file: &Path, parent: Option<usize>, folder: &Path) -> usize {
        let text = &self.sources[file];
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let module = self.module(file, parent);
        self.define(module, &syntax.items, folder);
        self.parsed.push((module, syntax.items));
        module
    }

    fn module(&mut self, file: &Path, parent: Option<usize>) -> usize {
        let file = file.to_path_buf();
        self.modules.push(Module { file, parent, names: BTreeMap::new(), globs: Vec::new() });
        self.modules.len() - 1
    }

    fn define(&mut self, module: usize, items: &[Item], folder: &Path) {
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(item) => {
                    let name = item.ident.to_string();
                    if let Some(child) = self.child(module, item, &name, folder) {
                        self.name(module, name, Meaning::Module(child));
                    }
                }
                Item::Use(item) => self.import(module, &item.tree),
                Item::Macro(item) => {
                    if let Some(name) = &item.ident {
                        self.macros.entry(name.to_string()).or_default().push(module);
                    }
                }
                _ => {
                    if let Some(name) = defined(item) {
                        self.name(module, name, Meaning::Item);
                    }
                    let mut inside = Inside::default();
                    inside.visit_item(item);
                    inside.0.iter().for_each(|tree| self.import(module, tree));
                }
            }
        }
    }

    fn child(&mut self, module: usize, item: &syn::ItemMod, name: &str, folder: &Path) -> Option<usize> {
        let of_module = folder.join(name);
        if let Some((_, items)) = &item.content {
            let file = self.modules[module].file.clone();
            let child = self.module(&file, Some(module));
            self.define(child, items, &of_module);
            return Some(child);
        }
        let files = [of_module.with_extension("rs"), of_module.join("mod.rs")];
        let found = files.into_iter().find(|file| self.sources.contains_key(file));
        let file = found.unwrap_or_else(|| panic!("no file of `mod {name}` in {}", folder.display()));
        (name != "tests").then(|| self.file(&file, Some(module), &of_module))
    }

    fn import(&mut self, module: usize, tree: &UseTree) {
        for leaf in leaves(tree) {
            match leaf.name {
                Some(name) => self.name(module, name, Meaning::Import(leaf.path)),
                None => self.modules[module].globs.push(leaf.path),
            }
        }
    }

    fn name(&mut self, module: usize, name: String, meaning: Meaning) {
        self.modules[module].names.entry(name).or_default().push(meaning);
    }

    fn root(&self, module: usize) -> usize {
        self.modules[module].parent.map_or(module, |parent| self.root(parent))
    }

    pub(super) fn resolve(
        &self,
        from: usize,
        path: &[String],
        seen: &mut BTreeSet<(usize, String)>,
    ) -> BTreeSet<Target> {
        let Some((first, mut rest)) = path.split_first() else { return BTreeSet::new() };
        let mut targets = match first.as_str() {
            "crate" => BTreeSet::from([Target::Module(self.root(from))]),
            "self" => BTreeSet::from([Target::Module(from)]),
            "super" => {
                let Some(mut module) = self.modules[from].parent else { return BTreeSet::new() };
                while rest.first().is_some_and(|name| name == "super") {
                    rest = &rest[1..];
                    let Some(parent) = self.modules[module].parent else { return BTreeSet::new() };
                    module = parent;
                }
                BTreeSet::from([Target::Module(module)])
            }
            name => {
                let found = self.lookup(from, name, seen);
                // The library, as the binary of the same package names it.
                let library = found.is_empty() && name == self.name;
                if library { BTreeSet::from([Target::Module(0)]) } else { found }
            }
        };
        for name in rest {
            // What follows an item belongs to it: a variant, a constant, a function.
            targets = targets
                .into_iter()
                .flat_map(|target| match target {
                    Target::Module(module) => self.lookup(module, name, seen),
                    Target::Item(item, member) => {
                        BTreeSet::from([Target::Item(item, member.or_else(|| Some(name.clone())))])
                    }
                })
                .collect();
        }
        targets
    }

    /// The meaning of a name in a module; `None` if it is another crate's, or a local one.
    pub(super) fn lookup(
        &self,
        module: usize,
        name: &str,
        seen: &mut BTreeSet<(usize, String)>,
    ) -> BTreeSet<Target> {
        if !seen.insert((module, name.to_owned())) {
            return BTreeSet::new();
        }
        let here = &self.modules[module];
        let found = match here.names.get(name) {
            Some(meanings) => {
                let of = |meaning: &Meaning| match meaning {
                    Meaning::Item => BTreeSet::from([Target::Item((module, name.to_owned()), None)]),
                    Meaning::Module(child) => BTreeSet::from([Target::Module(*child)]),
                    Meaning::Import(path) => self.resolve(module, path, seen),
                };
                meanings.iter().flat_map(of).collect()
            }
            None => here.globs.iter().flat_map(|glob| self.through(module, glob, name, seen)).collect(),
        };
        seen.remove(&(module, name.to_owned()));
        found
    }

    /// The meaning of a name through `use glob::*`.
    fn through(
        &self,
        module: usize,
        glob: &[String],
        name: &str,
        seen: &mut BTreeSet<(usize, String)>,
    ) -> BTreeSet<Target> {
        let targets = self.resolve(module, glob, seen).into_iter();
        let modules = targets.filter_map(|target| match target {
            Target::Module(module) => Some(module),
            Target::Item(..) => None,
        });
        modules.flat_map(|module| self.lookup(module, name, seen)).collect()
    }

    /// Whether an unqualified name can only come from a `use thing::*`.
    pub(super) fn is_of_glob(&self, module: usize, name: &str) -> bool {
        !self.modules[module].names.contains_key(name) && !self.modules[module].globs.is_empty()
    }
}
