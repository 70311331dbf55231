use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A value that knows where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    Other(&'static str),
}

/// Keys in the order of their names, each with the place of the key itself.
pub(super) type Table = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) node: Node,
}

impl Value {
    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(what) => what,
        }
    }
}

/// Parses a file into a tree.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, ConfigError> {
    let places = Places::new(text);
    let table = DeTable::parse(text).map_err(|e| {
        let (line, column) = places.of(e.span().map_or(0, |s| s.start));
        ConfigError::new(
            file,
            line,
            column,
            e.message().lines().next().unwrap_or("not TOML").to_owned(),
        )
    })?;
    Ok(Node {
        value: Value::Table(read_table(table.get_ref(), &places)),
        line: 1,
        column: 1,
    })
}

fn read_table(table: &DeTable<'_>, places: &Places) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let (line, column) = places.of(key.span().start);
            let node = read_value(value, places);
            (key.get_ref().to_string(), Entry { line, column, node })
        })
        .collect()
}

fn read_value(value: &Spanned<DeValue<'_>>, places: &Places) -> Node {
    let (line, column) = places.of(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix())
                .map_or(Value::Other("an integer that is too large"), Value::Integer)
        }
        DeValue::Float(number) => number
            .as_str()
            .replace('_', "")
            .parse()
            .map_or(Value::Other("a number that cannot be read"), Value::Float),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| read_value(item, places)).collect())
        }
        DeValue::Table(table) => Value::Table(read_table(table, places)),
    };
    Node {
        value,
        line,
        column,
    }
}

/// Lays `over` on `base`: tables by key, arrays of named tables by `name`, `remove = true` deletes, all else replaces.
pub(super) fn overlay(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match (base.get_mut(&key), entry.node.value) {
            (Some(below), Value::Table(table)) => match &mut below.node.value {
                Value::Table(existing) if !removes(&table) => overlay(existing, table),
                _ if removes(&table) => {
                    base.remove(&key);
                }
                _ => {
                    below.node = Node {
                        value: Value::Table(table),
                        ..entry.node
                    }
                }
            },
            (Some(below), Value::List(items)) if is_named(&items) => match &mut below.node.value {
                Value::List(existing) => overlay_named(existing, items),
                _ => {
                    below.node = Node {
                        value: Value::List(items),
                        ..entry.node
                    }
                }
            },
            (_, value) => {
                let node = Node {
                    value,
                    ..entry.node
                };
                base.insert(key, Entry { node, ..entry });
            }
        }
    }
}

fn overlay_named(base: &mut Vec<Node>, over: Vec<Node>) {
    for node in over {
        let name = name_of(&node).map(str::to_owned);
        let at = base
            .iter()
            .position(|known| name_of(known) == name.as_deref());
        let Value::Table(mut table) = node.value.clone() else {
            continue;
        };
        match at {
            Some(at) if removes(&table) => {
                base.remove(at);
            }
            Some(at) => {
                if let Some(Value::Table(existing)) = base.get_mut(at).map(|n| &mut n.value) {
                    overlay(existing, table);
                }
            }
            None => {
                table.remove("remove");
                base.push(Node {
                    value: Value::Table(table),
                    ..node
                });
            }
        }
    }
}

fn removes(table: &Table) -> bool {
    matches!(
        table.get("remove").map(|e| &e.node.value),
        Some(Value::Flag(true))
    )
}

fn is_named(items: &[Node]) -> bool {
    !items.is_empty() && items.iter().all(|item| name_of(item).is_some())
}

fn name_of(node: &Node) -> Option<&str> {
    let Value::Table(table) = &node.value else {
        return None;
    };
    match &table.get("name")?.node.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}

/// Turns byte offsets into lines and columns.
struct Places {
    starts: Vec<usize>,
    text: String,
}

impl Places {
    fn new(text: &str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            starts,
            text: text.to_owned(),
        }
    }

    fn of(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |s| s.chars().count());
        (line, column + 1)
    }
}
