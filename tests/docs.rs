//! The pages for operators: every example loads, every word of the language is there, every command exists.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test: what it cannot read fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use switchhook::routing::{Loaded, Problems, Sources, load};

const ROUTING: &str = include_str!("../docs/routing.md");
const OPERATING: &str = include_str!("../docs/operating.md");
const README: &str = include_str!("../README.md");
/// Where the loader has its words.
const WORDS: &str = include_str!("../src/routing/read/words.rs");
/// The settings as they come with the program, all of them commented out.
const SETTINGS: &str = include_str!("../config/switchhook.yaml");

/// The blocks of a page in this language, those within a list too.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let begin = format!("```{language}\n");
    page.split(begin.as_str()).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// A file cut at its keys: each with all that belongs to it.
fn sections(yaml: &str) -> BTreeMap<&str, String> {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = "";
    for line in yaml.lines() {
        if line.starts_with(|first: char| first.is_ascii_lowercase()) {
            current = line.split(':').next().unwrap();
        }
        let section = sections.entry(current).or_default();
        section.push_str(line);
        section.push('\n');
    }
    sections
}

/// An example as a file: what it does not have is taken from the first one of the page.
fn completed(example: &str, frame: &str) -> String {
    let mut all = sections(frame);
    all.extend(sections(example));
    all.into_values().collect()
}

fn loaded(text: String) -> Result<Loaded, Problems> {
    let files = [("blocked.txt".to_owned(), "+12025550190 # him\n".to_owned())].into();
    let env =
        switchhook::routing::wanted(&text).env.into_iter().map(|name| (name, "https://hooks.example/a".to_owned()));
    load(&Sources { name: "docs/routing.md".into(), env: env.collect(), text, files })
}

#[test]
fn every_example_of_the_language_loads() {
    let examples = blocks(ROUTING, "yaml");
    for example in &examples {
        let text = completed(example, examples[0]);
        if let Err(problems) = loaded(text.clone()) {
            panic!("{problems}\n{text}");
        }
    }
    assert!(examples.len() > 25, "{}", examples.len());
}

/// The words of the loader, by the name of their list; those of later versions are left out.
fn words() -> BTreeMap<String, Vec<String>> {
    let file = syn::parse_file(WORDS).unwrap();
    let mut all = BTreeMap::new();
    for item in file.items {
        let syn::Item::Const(list) = item else { continue };
        let name = list.ident.to_string();
        let (syn::Expr::Reference(list), false) = (*list.expr, name.ends_with("_LATER")) else { continue };
        let syn::Expr::Array(list) = *list.expr else { panic!("{name} is no list") };
        let words = list.elems.into_iter().map(|word| {
            let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(word), .. }) = word else { panic!("{name}: no word") };
            word.value()
        });
        let words = words.collect();
        all.insert(name, words);
    }
    all
}

/// The part of the page that tells of this list: up to the next part or heading of its rank.
fn part<'p>(page: &'p str, list: &str) -> Option<&'p str> {
    let rest = page.split_once(&format!("<!-- words: {list} -->\n"))?.1;
    let end = [rest.find("<!-- words:"), rest.find("\n## ")].into_iter().flatten().min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Whether a word stands there by itself.
fn has(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = text[at + word.len()..].chars().next();
        !text[..at].ends_with(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// What a page does not tell of the loader's words.
fn missing(page: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for (list, words) in words() {
        let Some(part) = part(page, &list) else {
            missing.push(format!("the page has no part for {list}: {words:?}"));
            continue;
        };
        let examples = blocks(part, "yaml").join("\n");
        let prose = part.split("```").step_by(2).collect::<String>();
        for word in words {
            if !prose.contains(&format!("`{word}`")) && !prose.contains(&format!("{{{word}:")) {
                missing.push(format!("{list}: the page does not say what `{word}` is"));
            }
            if !has(&examples, &word) {
                missing.push(format!("{list}: the page has no example of `{word}`"));
            }
        }
    }
    missing
}

#[test]
fn every_word_of_the_language_is_told_and_shown() {
    assert_eq!(missing(ROUTING), Vec::<String>::new());
    for step in &words()["ACTIONS"] {
        let told = ROUTING.split_once(&format!("\n### `{step}`\n")).map(|(_, rest)| rest.split("\n##").next().unwrap());
        let shown = told.is_some_and(|told| has(&blocks(told, "yaml").join("\n"), step));
        assert!(shown, "{step} has no paragraph of its own with an example");
    }
}

#[test]
fn a_word_that_is_not_told_is_found() {
    let without = ROUTING.replace("| `tries` |", "| tries |").replace("    ring_each: 12s\n", "");
    let missing = missing(&without.replace("<!-- words: PERSON -->", ""));
    let expected = [
        "GROUP: the page has no example of `ring_each`".to_owned(),
        "MENU: the page does not say what `tries` is".to_owned(),
        format!("the page has no part for PERSON: {:?}", words()["PERSON"]),
    ];
    assert_eq!(missing, expected);
}

/// The commands of the program that a page's shell blocks have.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let lines = blocks(page, "sh").into_iter().flat_map(|block| block.lines());
    let lines = lines.map(|line| line.split('#').next().unwrap());
    let tails = lines.filter_map(|line| {
        let line = line.trim().trim_start_matches("docker compose exec switchhook ");
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["cargo", "run", rest @ ..] => Some(rest.split(|word| *word == "--").nth(1)?.to_vec()),
            [program, rest @ ..] if program.ends_with("switchhook") => Some(rest.to_vec()),
            _ => None,
        }
    });
    tails.filter(|words: &Vec<&str>| !words.is_empty()).collect()
}

#[test]
fn every_command_of_the_pages_exists() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for words in [ROUTING, OPERATING, README].into_iter().flat_map(commands) {
        // `calls` has commands of its own.
        let command = &words[..if words[0] == "calls" { 2 } else { 1 }];
        let help = helps.entry(command.join(" ")).or_insert_with(|| {
            let told = Command::new(env!("CARGO_BIN_EXE_switchhook")).args(command).arg("--help").output().unwrap();
            assert!(told.status.success(), "there is no command {words:?}");
            String::from_utf8(told.stdout).unwrap()
        });
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap();
            assert!(has(help, flag), "{words:?}: {flag} is no flag of it");
        }
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

/// Every setting there is, as the program says itself.
fn settings() -> Vec<String> {
    let told = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .arg("migrate")
        .env_clear()
        .env("SWITCHHOOK_NO__SUCH", "x")
        .output()
        .unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    told.split_once("; there are ").unwrap().1.trim().split(", ").map(str::to_owned).collect()
}

#[test]
fn every_setting_is_told() {
    let table: BTreeSet<&str> = OPERATING
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .filter(|name| name.contains('.'))
        .collect();
    let all = settings();
    assert!(all.len() > 10);
    assert_eq!(table, all.iter().map(String::as_str).collect(), "docs/operating.md has each of them, and no other");
    for setting in &all {
        let (section, key) = setting.split_once('.').unwrap();
        let told = SETTINGS.split_once(&format!("# {section}:\n")).unwrap().1.split("\n\n").next().unwrap();
        assert!(told.contains(&format!("#   {key}: ")), "config/switchhook.yaml does not have {setting}");
    }
}

#[test]
fn the_pages_lead_to_what_is_there() {
    for (page, folder) in [(ROUTING, "docs"), (OPERATING, "docs"), (README, ".")] {
        for link in page.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(link);
            assert!(link.is_empty() || link.starts_with("http") || file.exists(), "{folder}: {link}");
        }
    }
}
