//! The paths one file speaks of: `use` trees, paths in code, paths in the tokens of macros and attributes.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

use crate::source::is_test;

/// A path, as it stands in the code.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// Its words; `crate`, `self` and `super` among them.
    pub words: Vec<String>,
    /// The inline modules it stands in.
    pub within: Vec<String>,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it stands in code for tests only.
    pub test: bool,
}

/// A name that a `use` brings in.
#[derive(Clone, Debug)]
pub struct Import {
    /// The path it stands for.
    pub path: Spoken,
    /// The name; `*` for all names.
    pub name: String,
    /// Whether others may reach it through this module.
    pub public: bool,
}

/// All that one file says.
#[derive(Debug, Default)]
pub struct Speech {
    /// Its imports.
    pub imports: Vec<Import>,
    /// Its paths outside imports, of two words or more.
    pub paths: Vec<Spoken>,
    /// Modules it declares, `mod x;`, and whether they are for tests only.
    pub declared: BTreeMap<String, bool>,
    within: Vec<String>,
    depth_of_tests: usize,
}

/// Listens to a file.
pub fn listen(file: &syn::File) -> Speech {
    let mut speech = Speech::default();
    speech.visit_file(file);
    speech
}

impl Speech {
    fn spoken(&self, words: Vec<String>, line: usize) -> Spoken {
        Spoken { words, within: self.within.clone(), line, test: self.depth_of_tests > 0 }
    }

    fn import(&mut self, tree: &UseTree, before: &[String], public: bool) {
        let line = tree.span().start().line;
        let (words, name) = match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                return self.import(&path.tree, &before, public);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before, public));
            }
            UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned().unwrap_or_default())
            }
            UseTree::Name(name) => ([before, &[name.ident.to_string()]].concat(), name.ident.to_string()),
            UseTree::Rename(name) if name.ident == "self" => (before.to_vec(), name.rename.to_string()),
            UseTree::Rename(name) => ([before, &[name.ident.to_string()]].concat(), name.rename.to_string()),
            UseTree::Glob(_) => (before.to_vec(), "*".to_owned()),
        };
        let path = self.spoken(words, line);
        self.imports.push(Import { path, name, public });
    }

    /// Paths in tokens: words joined by `::`, also at the beginning of a text such as `with = "crate::x"`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut words: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut line = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) if colons == 2 || words.is_empty() => {
                    line = word.span().start().line;
                    words.push(word.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !words.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(word) => {
                    self.path(std::mem::take(&mut words), line);
                    line = word.span().start().line;
                    words.push(word.to_string());
                }
                TokenTree::Group(group) => {
                    self.path(std::mem::take(&mut words), line);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(text) => {
                    self.path(std::mem::take(&mut words), line);
                    self.quoted(&text.to_string(), text.span().start().line);
                }
                TokenTree::Punct(_) => self.path(std::mem::take(&mut words), line),
            }
            colons = 0;
        }
        self.path(words, line);
    }

    fn quoted(&mut self, text: &str, line: usize) {
        let text = text.trim_matches('"');
        if let Ok(path) = syn::parse_str::<syn::Path>(text) {
            self.path(words(&path), line);
        }
    }

    fn path(&mut self, words: Vec<String>, line: usize) {
        if words.len() > 1 {
            let spoken = self.spoken(words, line);
            self.paths.push(spoken);
        }
    }
}

fn words(path: &syn::Path) -> Vec<String> {
    if path.leading_colon.is_some() {
        return Vec::new();
    }
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl<'ast> Visit<'ast> for Speech {
    fn visit_item(&mut self, item: &'ast Item) {
        let test = is_test(attributes(item));
        self.depth_of_tests += usize::from(test);
        match item {
            Item::Mod(module) if module.content.is_none() => {
                self.declared.insert(module.ident.to_string(), self.depth_of_tests > 0);
            }
            Item::Mod(module) => {
                self.within.push(module.ident.to_string());
                visit::visit_item(self, item);
                self.within.pop();
            }
            _ => visit::visit_item(self, item),
        }
        self.depth_of_tests -= usize::from(test);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(words(path), path.span().start().line);
        visit::visit_path(self, path);
    }

    /// `pub(in crate::x)` says who may look, not what is looked at.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.path(words(&call.path), call.path.span().start().line);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
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
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
