//! The tree: texts, lists and maps, each with the place where it is written.

/// A place in a file. Of several files the first is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// The file's number, given by whoever read it.
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A text, a list or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins. A thing taken in by an alias stands where it was written.
    pub at: Spot,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A scalar.
    Text(Text),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A scalar as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, without its quotes.
    pub text: String,
    /// Whether it stood in quotes or in a block; a plain one may mean "nothing".
    pub quoted: bool,
}

/// A mapping, in the order of the file. No key stands in it twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub at: Spot,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            Value::Text(_) | Value::Map(_) => None,
        }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            Value::Text(_) | Value::List(_) => None,
        }
    }

    /// Whether nothing is written here: `key:` alone, `~` or `null`.
    pub fn is_nothing(&self) -> bool {
        match &self.value {
            Value::Text(text) => !text.quoted && matches!(text.text.as_str(), "" | "~" | "null"),
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// What it is, in a word for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) if self.is_nothing() => "nothing",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Map {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}
