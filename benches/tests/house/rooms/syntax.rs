//! Properties that follow from the syntax alone.

use proc_macro2::TokenStream;
use syn::visit::Visit;
use syn::{Attribute, Item, UseTree};

pub(super) type Names = Vec<String>;

/// A leaf of a `use`: the name that it defines (`None` for `*`) and its path.
pub(super) struct Leaf {
    pub(super) name: Option<String>,
    pub(super) path: Names,
}

pub(super) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    fn walk(tree: &UseTree, before: &[String], found: &mut Vec<Leaf>) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, before, found)),
            UseTree::Glob(_) => found.push(Leaf { name: None, path: before.to_vec() }),
            UseTree::Name(name) if name.ident == "self" => {
                found.push(Leaf { name: before.last().cloned(), path: before.to_vec() });
            }
            UseTree::Name(name) => {
                found.push(Leaf { name: Some(name.ident.to_string()), path: with(&name.ident) });
            }
            UseTree::Rename(name) => {
                let path = if name.ident == "self" { before.to_vec() } else { with(&name.ident) };
                found.push(Leaf { name: Some(name.rename.to_string()), path });
            }
        }
    }
    let mut found = Vec::new();
    walk(tree, &[], &mut found);
    found
}

/// The name that an item defines in its module.
pub(super) fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, or `#[cfg(all(test, ..))]`: not part of any program.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    let of_test = |tokens: &TokenStream| {
        let tokens: Vec<String> = tokens.clone().into_iter().map(|token| token.to_string()).collect();
        match &tokens[..] {
            [only] => only == "test",
            [all, group] => {
                all == "all" && group.trim_matches(['(', ')']).split(',').any(|t| t.trim() == "test")
            }
            _ => false,
        }
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && of_test(&list.tokens),
        _ => false,
    })
}

pub(super) fn names(path: &syn::Path) -> Names {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// The `use`s inside functions.
#[derive(Default)]
pub(super) struct Inside<'ast>(pub(super) Vec<&'ast UseTree>);

impl<'ast> Visit<'ast> for Inside<'ast> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.0.push(&item.tree);
    }
}
