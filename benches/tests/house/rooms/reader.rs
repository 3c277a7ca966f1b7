//! Names that are mentioned in the code of a file.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Visibility};

use super::syntax::{Names, attributes, is_test, leaves, names};
use super::tree::{Definition, Meaning, Target, Tree};

/// One mention of something in the code of a module.
pub(super) struct Mention {
    pub(super) module: usize,
    pub(super) path: Names,
    pub(super) kind: MentionKind,
}

pub(super) enum MentionKind {
    /// A path in code, or a leaf of a `use`.
    Path,
    /// `pub use thing::*`: all names of a module are re-exported.
    GlobHandedOn,
    /// A macro that is called by its unqualified name.
    Macro,
    /// `self.name()`, in an `impl` of a type.
    Method(Definition),
}

/// The type of an `impl`, if it is the crate's own.
pub(super) fn holder(tree: &Tree, module: usize, item: &syn::ItemImpl) -> Option<Definition> {
    let syn::Type::Path(path) = &*item.self_ty else { return None };
    let targets = tree.resolve(module, &names(&path.path), &mut BTreeSet::new());
    targets.into_iter().find_map(Target::item)
}

/// Visits the code of a file.
struct Reader<'a> {
    tree: &'a Tree<'a>,
    module: usize,
    /// The type of the current `impl`.
    holder: Option<Definition>,
    /// Names that are bound by patterns and arguments in the function: such a name alone is a variable.
    bound: BTreeSet<String>,
    found: Vec<Mention>,
}

pub(super) fn mentions<'a>(tree: &'a Tree<'a>, module: usize, items: &[Item]) -> Vec<Mention> {
    let mut reader = Reader { tree, module, holder: None, bound: BTreeSet::new(), found: Vec::new() };
    for item in items {
        reader.visit_item(item);
    }
    reader.found
}

impl Reader<'_> {
    fn mention(&mut self, path: Names, kind: MentionKind) {
        self.found.push(Mention { module: self.module, path, kind });
    }

    fn path(&mut self, path: Names) {
        let of_glob = |name: &String| self.tree.is_of_glob(self.module, name) && !self.bound.contains(name);
        if let ([first, member], Some(holder)) = (&path[..], &self.holder)
            && first == "Self"
        {
            return self.mention(vec![member.clone()], MentionKind::Method(holder.clone()));
        }
        // An unqualified name was imported (and counted there), is defined in this file, or comes from `*`.
        if path.len() > 1 || path.first().is_some_and(of_glob) {
            self.mention(path, MentionKind::Path);
        }
    }

    /// Paths in the tokens of a macro or an attribute, which have no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        let is_dot = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == '.');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) if at == 0 || !is_dot(at - 1) => {
                    let mut path = vec![first.to_string()];
                    while let (true, true, Some(TokenTree::Ident(next))) =
                        (is_colon(at + 1), is_colon(at + 2), tokens.get(at + 3))
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    let is_macro =
                        matches!(tokens.get(at + 1), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                    match path.len() {
                        1 if is_macro => self.mention(path, MentionKind::Macro),
                        _ => self.path(path),
                    }
                }
                // `#[serde(with = "module")]`
                TokenTree::Literal(text) => {
                    let text = text.to_string();
                    if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                        self.path(names(&path));
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Mod(item) => {
                let name = item.ident.to_string();
                let Some((_, items)) = &item.content else { return };
                let meanings = self.tree.modules[self.module].names.get(&name).into_iter().flatten();
                let child = meanings.into_iter().find_map(|meaning| match meaning {
                    Meaning::Module(child) => Some(*child),
                    _ => None,
                });
                let outside = std::mem::replace(&mut self.module, child.expect("a module that was defined"));
                for item in items {
                    self.visit_item(item);
                }
                self.module = outside;
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let handed_on = !matches!(item.vis, Visibility::Inherited);
        for leaf in leaves(&item.tree) {
            match leaf.name {
                Some(_) => self.mention(leaf.path, MentionKind::Path),
                None if handed_on => self.mention(leaf.path, MentionKind::GlobHandedOn),
                None => {}
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outside = std::mem::replace(&mut self.bound, bound(|finder| finder.visit_item_fn(item)));
        visit::visit_item_fn(self, item);
        self.bound = outside;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outside = std::mem::replace(&mut self.holder, holder(self.tree, self.module, item));
        visit::visit_item_impl(self, item);
        self.holder = outside;
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let on_self = matches!(&*call.receiver, syn::Expr::Path(path) if path.path.is_ident("self"));
        if let Some(holder) = self.holder.clone().filter(|_| on_self) {
            self.mention(vec![call.method.to_string()], MentionKind::Method(holder));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let (attributes, is_fn): (&[Attribute], bool) = match item {
            syn::ImplItem::Fn(item) => (&item.attrs, true),
            syn::ImplItem::Const(item) => (&item.attrs, false),
            _ => (&[], false),
        };
        if is_test(attributes) {
            return;
        }
        let inside = if is_fn { bound(|finder| finder.visit_impl_item(item)) } else { BTreeSet::new() };
        let outside = std::mem::replace(&mut self.bound, inside);
        visit::visit_impl_item(self, item);
        self.bound = outside;
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(names(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        match names(&call.path) {
            path if path.len() == 1 => self.mention(path, MentionKind::Macro),
            path => self.path(path),
        }
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            let plain = ["allow", "expect", "cfg", "cfg_attr", "deny", "derive", "doc", "must_use", "warn"];
            if !plain.iter().any(|name| list.path.is_ident(name)) {
                self.tokens(list.tokens.clone());
            }
        }
    }

    // `pub(in path)` is not a use.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// The names that are bound by patterns in what `visit` visits.
fn bound(visit: impl FnOnce(&mut Bound)) -> BTreeSet<String> {
    let mut finder = Bound::default();
    visit(&mut finder);
    finder.0
}

#[derive(Default)]
struct Bound(BTreeSet<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.0.insert(pattern.ident.to_string());
        visit::visit_pat_ident(self, pattern);
    }
}
