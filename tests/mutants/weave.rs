//! Weaving all mutants into the code: at each place the process asks which mutant it is.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

use super::list::{Mutant, Patch};
use super::{find, give_up};

/// The files that are different in the copy, by their path from the root of the project.
pub type Woven = BTreeMap<String, String>;

/// What the copy has for asking.
const ASK: &str = r#"//! Which mutant this process is.

/// Whether it is this one.
pub fn on(name: &str) -> bool {
    static NAME: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("SWITCHHOOK_MUTANT").ok());
    NAME.as_deref() == Some(name)
}
"#;

/// A piece of code and what a mutant has there.
struct Piece<'a> {
    at: Range<usize>,
    mutant: &'a str,
    text: String,
}

/// Weaves all of them in.
pub fn weave(source: &Path, all: &[Mutant]) -> Woven {
    let mut woven = Woven::new();
    let mut pieces: BTreeMap<String, Vec<Piece<'_>>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for mutant in all {
        for patch in &mutant.patches {
            match piece(source, mutant, patch, &mut woven) {
                Ok((file, piece)) => pieces.entry(file).or_default().push(piece),
                Err(why) => wrong.push(why),
            }
        }
    }
    if !wrong.is_empty() {
        give_up(&format!("the list of mutants does not fit the code:\n\n{}", wrong.join("\n\n")));
    }
    for (file, mut here) in pieces {
        let code = fs::read_to_string(source.join(&file)).unwrap();
        here.sort_by_key(|piece| (piece.at.start, std::cmp::Reverse(piece.at.end)));
        woven.insert(file, whole(&code, 0..code.len(), &here));
    }
    let library = fs::read_to_string(source.join("src/lib.rs")).unwrap();
    woven.insert("src/lib.rs".to_owned(), format!("{library}\npub mod mutant;\n"));
    woven.insert("src/mutant.rs".to_owned(), ASK.to_owned());
    woven.extend(["Cargo.toml", "Cargo.lock"].map(|file| (file.to_owned(), renamed(source, file))));
    woven
}

/// The copy is a version of its own: cargo would take what it builds of the one for what it built of the other.
fn renamed(source: &Path, file: &str) -> String {
    let text = fs::read_to_string(source.join(file)).unwrap();
    let name = |version: &str| format!("name = \"switchhook\"\nversion = \"{version}\"\n");
    let (own, other) = (name(env!("CARGO_PKG_VERSION")), name(concat!(env!("CARGO_PKG_VERSION"), "-mutants")));
    assert!(text.contains(&own), "{file} does not say the name and the version of this project as usual");
    text.replacen(&own, &other, 1)
}

/// Where a patch goes. A statement in a file of its own is written beside it, and goes where that is read in.
fn piece<'a>(
    source: &Path,
    mutant: &'a Mutant,
    patch: &Patch,
    woven: &mut Woven,
) -> Result<(String, Piece<'a>), String> {
    let at = find::place(source, mutant, patch)?;
    let code = fs::read_to_string(source.join(&patch.file)).unwrap();
    if let Some(path) = patch.file.strip_suffix(".sql") {
        let (before, after) = (&code[..at.start], &code[at.end..]);
        woven.insert(format!("{path}.{}.sql", mutant.name), format!("{before}{}{after}", patch.mutated));
        let stem = path.rsplit('/').next().unwrap_or(path);
        let read_in = |name: String| format!("include_str!(\"{name}\")");
        let original = read_in(format!("{stem}.sql"));
        let has = |path: &&std::path::PathBuf| {
            fs::read_to_string(path).is_ok_and(|code| find::places(&code, &original).len() == 1)
        };
        let files = find::files(&source.join("src"));
        let reader = files.iter().find(has);
        let Some(reader) = reader.and_then(|path| path.strip_prefix(source).ok()) else {
            return Err(format!("{}: no file of src has {original} once", patch.file));
        };
        let mutated = read_in(format!("{stem}.{}.sql", mutant.name));
        return piece(source, mutant, &Patch { file: reader.display().to_string(), original, mutated }, woven);
    }
    let string = literal(&code, &at);
    for text in [&patch.original, &patch.mutated] {
        if string.is_none() && TokenStream::from_str(text).is_err() {
            let name = &mutant.name;
            return Err(format!(
                "tests/mutants/list/{name}.txt: this is no whole expression and no statement:\n    {text}"
            ));
        }
    }
    let whole = string.unwrap_or_else(|| at.clone());
    let text = format!("{}{}{}", &code[whole.start..at.start], patch.mutated, &code[at.end..whole.end]);
    Ok((patch.file.clone(), Piece { at: whole, mutant: &mutant.name, text }))
}

/// The string that a place is within.
fn literal(code: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let tokens = TokenStream::from_str(code).unwrap_or_else(|why| panic!("a file that is no Rust: {why}"));
    within(tokens, at)
}

fn within(tokens: TokenStream, at: &Range<usize>) -> Option<Range<usize>> {
    tokens.into_iter().find_map(|token| {
        let span = token.span().byte_range();
        let around = span.start < at.start && at.end < span.end;
        match token {
            TokenTree::Group(group) if around => within(group.stream(), at),
            TokenTree::Literal(_) if around => Some(span),
            TokenTree::Group(_) | TokenTree::Literal(_) | TokenTree::Ident(_) | TokenTree::Punct(_) => None,
        }
    })
}

/// A stretch of code with its pieces, which begin within it: the first is around those that begin in it.
fn whole(code: &str, stretch: Range<usize>, mut pieces: &[Piece<'_>]) -> String {
    let (mut text, mut from) = (String::new(), stretch.start);
    while let Some(first) = pieces.first() {
        let inner = pieces.iter().take_while(|piece| piece.at.start < first.at.end).count();
        let (here, rest) = pieces.split_at(inner);
        let across = here.iter().find(|piece| piece.at.end > first.at.end);
        if let Some(across) = across {
            let (one, other) = (first.mutant, across.mutant);
            give_up(&format!(
                "the originals of {one} and {other} lie across each other: let one hold all of the other"
            ));
        }
        let same = here.iter().take_while(|piece| piece.at == first.at).count();
        let (same, within) = here.split_at(same);
        text.push_str(&code[from..first.at.start]);
        text.push_str(&either(same, &whole(code, first.at.clone(), within)));
        from = first.at.end;
        pieces = rest;
    }
    text + &code[from..stretch.end]
}

/// One of several texts in one place, or what was there.
fn either(pieces: &[Piece<'_>], original: &str) -> String {
    let mutated: Vec<String> = pieces
        .iter()
        .map(|Piece { mutant, text, .. }| format!("if crate::mutant::on(\"{mutant}\") {{ {text} }} else "))
        .collect();
    let all = format!("{}{{ {original} }}", mutated.concat());
    if original.ends_with([';', '}']) { all } else { format!("({all})") }
}
