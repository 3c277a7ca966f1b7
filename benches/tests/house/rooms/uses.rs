//! Which file uses which, resolved to the files that define the names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use syn::Item;

use super::reader::{Mention, MentionKind, holder, mentions};
use super::syntax::{attributes, is_test};
use super::tree::{Definition, Target, Tree};

/// Which file uses which other one, and by what names.
pub(super) type Edges = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// Names that `impl Type` blocks define for each type, with their files.
type Members = BTreeMap<Definition, BTreeMap<String, BTreeSet<PathBuf>>>;

/// The edges between files.
pub(super) fn edges(tree: &Tree) -> Edges {
    let members = members(tree);
    let mut edges = Edges::new();
    for mention in tree.parsed.iter().flat_map(|(module, items)| mentions(tree, *module, items)) {
        let from = &tree.modules[mention.module].file;
        for (to, name) in defining(tree, &members, &mention).into_iter().filter(|(to, _)| to != from) {
            edges.entry((from.clone(), to)).or_default().insert(name);
        }
    }
    edges
}

/// The files that define a mentioned name, and the name.
fn defining(tree: &Tree, members: &Members, mention: &Mention) -> BTreeSet<(PathBuf, String)> {
    let of = |(module, name): Definition| (tree.modules[module].file.clone(), name);
    let targets = match &mention.kind {
        MentionKind::Macro => {
            let name = &mention.path[0];
            let modules = tree.macros.get(name).into_iter().flatten();
            return modules.map(|module| of((*module, format!("{name}!")))).collect();
        }
        MentionKind::Method(holder) => {
            BTreeSet::from([Target::Item(holder.clone(), mention.path.first().cloned())])
        }
        MentionKind::Path | MentionKind::GlobHandedOn => {
            tree.resolve(mention.module, &mention.path, &mut BTreeSet::new())
        }
    };
    let mut found = BTreeSet::new();
    for target in targets {
        match target {
            Target::Item(item, member) => {
                let names = members.get(&item).zip(member.as_ref());
                let files = names.and_then(|(names, name)| names.get(name)).into_iter().flatten();
                let name = |member: &String| format!("{}::{member}", item.1);
                found.extend(files.map(|file| (file.clone(), member.as_ref().map(name).unwrap_or_default())));
                if !matches!(mention.kind, MentionKind::Method(_)) {
                    found.insert(of(item));
                }
            }
            Target::Module(module) if matches!(mention.kind, MentionKind::GlobHandedOn) => {
                let names = tree.modules[module].names.keys();
                let all = names.flat_map(|name| tree.lookup(module, name, &mut BTreeSet::new()));
                found.extend(all.filter_map(Target::item).map(of));
            }
            Target::Module(_) => {}
        }
    }
    found
}

/// Names that `impl Type` blocks define.
fn members(tree: &Tree) -> Members {
    let mut found = Members::new();
    for (module, items) in &tree.parsed {
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            let Item::Impl(item) = item else { continue };
            let Some(holder) = holder(tree, *module, item).filter(|_| item.trait_.is_none()) else {
                continue;
            };
            for member in &item.items {
                let (name, attributes) = match member {
                    syn::ImplItem::Const(member) => (&member.ident, &member.attrs),
                    syn::ImplItem::Fn(member) => (&member.sig.ident, &member.attrs),
                    syn::ImplItem::Type(member) => (&member.ident, &member.attrs),
                    _ => continue,
                };
                if !is_test(attributes) {
                    let files = found.entry(holder.clone()).or_default().entry(name.to_string()).or_default();
                    files.insert(tree.modules[*module].file.clone());
                }
            }
        }
    }
    found
}
