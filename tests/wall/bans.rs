//! What may not stand in a file at all.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Item, TraitBound, TypeTraitObject, UseTree, Visibility};

use super::modules::House;
use super::paths::listen;
use crate::source::is_test;

/// Names that no pure room speaks: shared ownership and channels.
const BANNED: [&str; 9] =
    ["Arc", "mpsc", "oneshot", "broadcast", "watch", "async_channel", "crossbeam", "crossbeam_channel", "flume"];

/// Trait objects, closures in signatures, `Arc` and channels in these rooms, tests left out.
pub fn bans(house: &House, rooms: &[&str]) -> Vec<String> {
    let pure = |module: &[String]| module.first().is_some_and(|room| rooms.contains(&room.as_str()));
    let mut found = Vec::new();
    for (module, file) in house.files.iter().filter(|(module, file)| pure(module) && !file.test) {
        let mut finder = Finder::default();
        finder.visit_file(&file.syntax);
        let speech = listen(&file.syntax);
        let paths = speech.imports.iter().map(|import| &import.path).chain(&speech.paths);
        for path in paths.filter(|path| !path.test) {
            let banned = path.words.iter().find(|word| BANNED.contains(&word.as_str()));
            finder.found.extend(banned.map(|word| (path.line, format!("`{word}`"))));
        }
        finder.found.sort();
        finder.found.dedup();
        let room = &module[0];
        found.extend(finder.found.iter().map(|(line, what)| format!("{}:{line}: {what} in `{room}`", file.path)));
    }
    found
}

#[derive(Default)]
struct Finder {
    found: Vec<(usize, String)>,
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_type_trait_object(&mut self, object: &'ast TypeTraitObject) {
        self.found.push((object.span().start().line, "a trait object".to_owned()));
        visit::visit_type_trait_object(self, object);
    }

    fn visit_trait_bound(&mut self, bound: &'ast TraitBound) {
        let last = bound.path.segments.last().map(|segment| segment.ident.to_string());
        if last.is_some_and(|name| matches!(name.as_str(), "Fn" | "FnMut" | "FnOnce")) {
            self.found.push((bound.span().start().line, "a closure in a signature".to_owned()));
        }
        visit::visit_trait_bound(self, bound);
    }
}

/// What stands in a `mod.rs` besides docs, `mod` lines and re-exports.
pub fn loose_items(house: &House) -> Vec<String> {
    let folders = house.files.values().filter(|file| file.path.ends_with("mod.rs"));
    folders
        .flat_map(|file| {
            let loose = file.syntax.items.iter().filter(|item| !belongs(item));
            loose.map(|item| {
                format!("{}:{}: only docs, `mod` lines and re-exports", file.path, item.span().start().line)
            })
        })
        .collect()
}

fn belongs(item: &Item) -> bool {
    match item {
        Item::Mod(module) => module.content.is_none(),
        Item::Use(item) => !matches!(item.vis, Visibility::Inherited) && !all_names(&item.tree),
        _ => false,
    }
}

/// A re-export names what it shows: else nobody sees from the page what a room offers.
fn all_names(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(path) => all_names(&path.tree),
        UseTree::Group(group) => group.items.iter().any(all_names),
        UseTree::Glob(_) => true,
        UseTree::Name(_) | UseTree::Rename(_) => false,
    }
}
