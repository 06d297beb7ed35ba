//! From the parser's events to the tree, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::flaw::{Flaw, TAB, spot};
use super::lines::{Lines, first_tab, with_line_feeds};
use super::node::{Entry, Map, Node, Spot, Text, Value};

/// The longest text that is read, and the most text it may hold once its aliases are resolved, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep lists and maps may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// How many keys, texts, lists and maps a file may hold once its aliases are resolved.
pub const MAX_NODES: usize = 20_000;

/// A file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The whole.
    pub root: Node,
    /// What is wrong although the whole could be read: duplicate keys (the first counts) and tags.
    pub flaws: Vec<Flaw>,
}

/// Reads a text; `file` is the number its places get.
///
/// # Errors
/// The text is not YAML, has a second document, or is larger or deeper than the bounds.
pub fn parse(text: &str, file: u16) -> Result<Tree, Flaw> {
    let start = Spot { file, line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        return Err(Flaw::new(start, "the file is larger than 1 MiB"));
    }
    let text = &*with_line_feeds(text);
    let mut builder = Builder { file, lines: Lines::of(text), ..Builder::default() };
    let outcome = builder.run(text);
    if let Some(tab) = first_tab(text, &builder.long_texts, file)
        && outcome.as_ref().err().is_none_or(|flaw| tab.line <= flaw.at.line || flaw.message == TAB)
    {
        return Err(Flaw::new(tab, TAB));
    }
    outcome?;
    let root = builder.root.ok_or_else(|| Flaw::new(start, "the file is empty"))?;
    Ok(Tree { root, flaws: builder.flaws })
}

#[derive(Default)]
struct Builder {
    file: u16,
    lines: Lines,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    spent: Cost,
    root: Option<Node>,
    documents: usize,
    flaws: Vec<Flaw>,
    long_texts: Vec<(u32, u32)>,
}

/// What resolving an alias costs, or has cost.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
}

struct Anchored {
    node: Node,
    cost: Cost,
    height: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    at: Spot,
    anchor: usize,
    before: Cost,
    height: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: BTreeSet<String>, key: Option<Key>, merged: Vec<Entry> },
}

enum Key {
    Named(Spot, String),
    Merge,
}

impl Builder {
    fn run(&mut self, text: &str) -> Result<(), Flaw> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Flaw::of(&error, self.file, text, &self.lines))?;
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        let at = self.lines.within(spot(&span.start, self.file));
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Flaw::new(at, "a second document begins here: a file holds only one"));
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                self.tagged(tag.is_some(), at);
                let quoted = style != ScalarStyle::Plain;
                if quoted {
                    let end = spot(&span.end, self.file);
                    self.long_texts.push((at.line, if end.column > 1 { end.line } else { end.line - 1 }));
                }
                let before = self.spent;
                self.spend(Cost { nodes: 1, bytes: text.len() }, at)?;
                let node = Node { at, value: Value::Text(Text { text: text.into_owned(), quoted }) };
                self.place(node, anchor, before, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tagged(tag.is_some(), at);
                self.begin(at, anchor, Kind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tagged(tag.is_some(), at);
                let empty = Kind::Map { entries: Vec::new(), keys: BTreeSet::new(), key: None, merged: Vec::new() };
                self.begin(at, anchor, empty)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn tagged(&mut self, tagged: bool, at: Spot) {
        if tagged {
            self.flaws.push(Flaw::new(at, "a tag (`!`) has no meaning here: leave it away"));
        }
    }

    fn begin(&mut self, at: Spot, anchor: usize, kind: Kind) -> Result<(), Flaw> {
        let before = self.spent;
        self.spend(Cost { nodes: 1, bytes: 0 }, at)?;
        self.open.push(Open { at, anchor, before, height: 1, kind });
        self.deep_enough(0, at)
    }

    fn end(&mut self) -> Result<(), Flaw> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(items) => Value::List(items),
            Kind::Map { mut entries, mut keys, merged, .. } => {
                entries.extend(merged.into_iter().filter(|entry| keys.insert(entry.key.clone())));
                Value::Map(Map { entries })
            }
        };
        self.place(Node { at: open.at, value }, open.anchor, open.before, open.height)
    }

    fn alias(&mut self, anchor: usize, at: Spot) -> Result<(), Flaw> {
        let Some(Anchored { node, cost, height }) = self.anchors.get(&anchor) else {
            return Err(Flaw::new(at, "an alias cannot stand inside the thing it names"));
        };
        let (node, cost, height) = (node, *cost, *height);
        self.deep_enough(height, at)?;
        let before = self.spent;
        // The cost is paid before the copy is made: a bomb of aliases goes off on paper only.
        let copy = self.within(cost, at).map(|()| node.clone())?;
        self.spend(cost, at)?;
        self.place(copy, 0, before, height)
    }

    fn within(&self, cost: Cost, at: Spot) -> Result<(), Flaw> {
        if self.spent.nodes + cost.nodes > MAX_NODES {
            let more = format!("the file holds more than {MAX_NODES} entries: keep long lists in a file of their own");
            return Err(Flaw::new(at, more));
        }
        if self.spent.bytes + cost.bytes > MAX_BYTES {
            return Err(Flaw::new(at, "with its aliases resolved the file is larger than 1 MiB"));
        }
        Ok(())
    }

    fn spend(&mut self, cost: Cost, at: Spot) -> Result<(), Flaw> {
        self.within(cost, at)?;
        self.spent.nodes += cost.nodes;
        self.spent.bytes += cost.bytes;
        Ok(())
    }

    fn deep_enough(&self, height: usize, at: Spot) -> Result<(), Flaw> {
        if self.open.len() + height > MAX_DEPTH {
            return Err(Flaw::new(at, format!("lists and maps stand more than {MAX_DEPTH} deep in each other")));
        }
        Ok(())
    }

    /// A node is whole: it becomes an entry, a key or a value of what it stands in.
    fn place(&mut self, node: Node, anchor: usize, before: Cost, height: usize) -> Result<(), Flaw> {
        if anchor > 0 {
            let cost = Cost { nodes: self.spent.nodes - before.nodes, bytes: self.spent.bytes - before.bytes };
            self.anchors.insert(anchor, Anchored { node: node.clone(), cost, height });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height + 1);
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map { entries, keys, key, merged } => match key.take() {
                None => *key = Some(as_key(node)?),
                Some(Key::Merge) => merge(node, merged)?,
                Some(Key::Named(at, name)) if keys.contains(&name) => {
                    let first = entries.iter().find(|entry| entry.key == name).map_or(at, |entry| entry.at);
                    let again = format!("duplicate key `{}`: it stands in line {} too", short(&name), first.line);
                    self.flaws.push(Flaw::new(at, again));
                }
                Some(Key::Named(at, name)) => {
                    keys.insert(name.clone());
                    entries.push(Entry { key: name, at, value: node });
                }
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, Flaw> {
    match node.value {
        Value::Text(text) if text.text == "<<" && !text.quoted => Ok(Key::Merge),
        Value::Text(text) => Ok(Key::Named(node.at, text.text)),
        Value::List(_) | Value::Map(_) => Err(Flaw::new(node.at, "a key must be a text, not a list or a map")),
    }
}

/// The entries that `<<` takes in; what the map says itself goes before them, and earlier ones before later ones.
fn merge(node: Node, merged: &mut Vec<Entry>) -> Result<(), Flaw> {
    let at = node.at;
    let maps = match node.value {
        Value::List(maps) => maps,
        Value::Map(_) | Value::Text(_) => vec![node],
    };
    for map in maps {
        match map.value {
            Value::Map(map) => merged.extend(map.entries),
            Value::Text(_) | Value::List(_) => {
                return Err(Flaw::new(at, "`<<` takes in a map or a list of maps, like `<<: *name`"));
            }
        }
    }
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root(text: &str) -> Node {
        let tree = parse(text, 0).unwrap();
        assert_eq!(tree.flaws, []);
        tree.root
    }

    fn wrong(text: &str) -> String {
        let flaw = parse(text, 0).unwrap_err();
        format!("{}:{}: {}", flaw.at.line, flaw.at.column, flaw.message)
    }

    /// The tree in one line: quoted texts in quotes, all others bare.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Text(text) if text.quoted => format!("{:?}", text.text),
            Value::Text(text) => text.text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
            Value::Map(map) => {
                let entries: Vec<_> = map.entries.iter().map(|e| format!("{}={}", e.key, shown(&e.value))).collect();
                format!("{{{}}}", entries.join(" "))
            }
        }
    }

    #[test]
    fn texts_stay_as_they_are_written() {
        assert_eq!(shown(&root("\u{feff}a: 1\r\nb: 2\r\n")), "{a=1 b=2}");
        let node = root("n: +12025550100\nno: no\nt: 17:30\none: [1, \"1\", '1']\nnothing:\nblock: |\n  a\n  b\n");
        assert_eq!(shown(&node), "{n=+12025550100 no=no t=17:30 one=[1 \"1\" \"1\"] nothing= block=\"a\\nb\\n\"}");
    }

    #[test]
    fn every_node_knows_its_place() {
        let node = root("a:\n  - b: 1\n    c: [x,\n      y]\n  -   z\n");
        let spot = |line, column| Spot { file: 0, line, column };
        let list = node.as_map().unwrap().get("a").unwrap();
        assert_eq!(list.at, spot(2, 3));
        let [map, z] = list.as_list().unwrap() else { panic!("two entries") };
        assert_eq!((map.at, z.at), (spot(2, 5), spot(5, 7)));
        let c = map.as_map().unwrap().entries.last().unwrap();
        assert_eq!((c.at, c.value.at), (spot(3, 5), spot(3, 8)));
        assert_eq!(c.value.as_list().unwrap()[1].at, spot(4, 7));
    }

    #[test]
    fn aliases_and_merges_are_resolved() {
        let node = root("base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {x: 0, <<: *b}\ntwo: {<<: [*m, *b]}\n");
        let map = node.as_map().unwrap();
        assert_eq!(shown(map.get("one").unwrap()), "{x=0 y=2}");
        assert_eq!(shown(map.get("two").unwrap()), "{y=3 z=4 x=1}");
        assert_eq!(map.get("one").unwrap().as_map().unwrap().entries[1].at.line, 1);
    }

    #[test]
    fn what_is_not_yaml_has_a_place_and_a_reason() {
        for (text, expected) in [
            ("", "1:1: the file is empty"),
            ("# only a comment\n", "1:1: the file is empty"),
            ("a: *nobody\n", "1:4: undefined anchor `*nobody`: write `&nobody` before"),
            ("a: &x [*x]\n", "1:8: an alias cannot stand inside the thing it names"),
            ("*: main\n", "1:1: a text that begins with `*` or `&` must stand in quotes"),
            ("a:\n\tb: 1\n", "2:1: a line is indented with a tab: use spaces"),
            ("a:\n  - b\n  \t- c\n", "3:3: a line is indented with a tab: use spaces"),
            ("a: 1\n---\nb: 2\n", "2:1: a second document begins here"),
            ("a: b: c\n", "1:5: a `:` cannot stand here"),
            ("a: [1, 2\nb: 3\n", "2:2: a `:` cannot stand here"),
            ("a: 'x\nb: 1\n", "1:4: the quote opened here is never closed"),
            ("a: 'x", "1:4: the quote opened here is never closed"),
            ("a: [1,\n  2", "2:4: expected `,` or `]`"),
            ("[a, b]: c\n", "1:1: a key must be a text"),
            ("a: {<<: 5}\n", "1:9: `<<` takes in a map"),
            ("a: @x\n", "1:4: a text that begins with `@` must stand in quotes"),
            ("a: 1\n b: 2\n", "2:3: a `:` cannot stand here"),
            ("a:\n  - b\n c: 1\n", "3:"),
        ] {
            let got = wrong(text);
            assert!(got.starts_with(expected), "{text:?} gave {got}");
        }
    }

    #[test]
    fn duplicate_keys_and_tags_are_told_all_at_once() {
        let tree = parse("a: 1\nb: !!str 2\na: 3\na: 4\n", 0).unwrap();
        let lines: Vec<u32> = tree.flaws.iter().map(|flaw| flaw.at.line).collect();
        assert_eq!(lines, [2, 3, 4]);
        assert_eq!(shown(&tree.root), "{a=1 b=2}");
    }

    #[test]
    fn no_bomb_goes_off() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..40 {
            laughs.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
        }
        assert!(wrong(&laughs).contains("more than 20000 entries"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 100].join(", "));
        assert!(wrong(&long).contains("larger than 1 MiB"));
        let mut tower = String::from("a0: &a0 [x]\n");
        for n in 1..100 {
            tower.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
        }
        assert!(wrong(&tower).contains("more than 64 deep"));
        assert!(wrong(&"x".repeat(MAX_BYTES + 1)).contains("larger than 1 MiB"));
    }

    #[test]
    fn deep_and_long_texts_end_quickly() {
        for piece in [
            "[", "{", "- ", "? ", "a: ", "[a: ", "{a: ", "\"", "'", "&a ", "*a ", "!a ", "- - ", "|\n", ",", "a:\n",
            "-\n", "\t", "#", "%", "---\n", "\u{feff}", "[]", "{}", "x ", ": ", "<<: ", "\r", "[,", "a: b\n ",
        ] {
            let text = piece.repeat(MAX_BYTES / piece.len());
            let flaw = parse(&text, 0).err();
            assert!(flaw.is_none_or(|flaw| flaw.at.line > 0 && !flaw.message.is_empty()), "{piece:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"([-\[\]{}:,?&*!|>'"%@#a <\n\t]|\PC|\r|[\u{feff}\u{0}\u{85}\u{2028}]){0,200}"#) {
            match parse(&text, 0) {
                Ok(tree) => prop_assert!(tree.root.at.line > 0),
                Err(flaw) => prop_assert!(flaw.at.line > 0 && !flaw.message.is_empty()),
            }
        }
    }
}
