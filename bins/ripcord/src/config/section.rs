use std::cell::RefCell;
use std::time::Duration;

use super::ConfigError;
use super::tree::{Entry, Node, Table, Value};
use super::units::{parse_duration, parse_size};

/// A table being read. Every key that is asked for is known; [`finish`](Self::finish) refuses all others, with the
/// nearest known name. So what is read and what is allowed cannot drift apart.
#[derive(Debug)]
pub(super) struct Section<'a> {
    file: &'a str,
    path: String,
    line: usize,
    column: usize,
    table: &'a Table,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn root(file: &'a str, node: &'a Node) -> Result<Self, ConfigError> {
        Self::of(file, String::new(), node)
    }

    fn of(file: &'a str, path: String, node: &'a Node) -> Result<Self, ConfigError> {
        match &node.value {
            Value::Table(table) => Ok(Self {
                file,
                path,
                line: node.line,
                column: node.column,
                table,
                known: RefCell::new(Vec::new()),
            }),
            other => {
                let message = format!("`{path}` has to be a table, not {}", other.what());
                Err(ConfigError::new(file, node.line, node.column, message))
            }
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a Entry> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// An error about the value of `key`, or about the table when the key is missing.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let (line, column) = self
            .table
            .get(key)
            .map_or((self.line, self.column), |e| (e.node.line, e.node.column));
        ConfigError::new(self.file, line, column, message)
    }

    fn typed<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        match read(&entry.node.value) {
            Some(value) => Ok(Some(value)),
            None => {
                let message = format!(
                    "`{}` has to be {expected}, not {}",
                    self.name(key),
                    entry.node.value.what()
                );
                Err(self.wrong(key, message))
            }
        }
    }

    pub(super) fn missing(&self, key: &str) -> ConfigError {
        let place = if self.path.is_empty() {
            "the file".to_owned()
        } else {
            format!("[{}]", self.path)
        };
        ConfigError::new(
            self.file,
            self.line,
            self.column,
            format!("`{key}` is missing in {place}"),
        )
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'a str>, ConfigError> {
        self.typed(key, "a string", |v| match v {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn need_text(&self, key: &'static str) -> Result<&'a str, ConfigError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let found = self.typed(key, "an integer", |v| match v {
            Value::Integer(number) => Some(*number),
            _ => None,
        })?;
        found
            .map(|n| {
                T::try_from(n).map_err(|_| {
                    self.wrong(key, format!("`{}` is out of range: {n}", self.name(key)))
                })
            })
            .transpose()
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.typed(key, "true or false", |v| match v {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the value of `key` is a string, where it may also be something else.
    pub(super) fn is_text(&self, key: &str) -> bool {
        let value = self.table.get(key).map(|entry| &entry.node.value);
        matches!(value, Some(Value::Text(_)))
    }

    /// The keys of a table whose keys are free names, each with its value, which has to be one of `choices`.
    pub(super) fn named<T: Copy>(
        &self,
        choices: &[(&str, T)],
    ) -> Result<Vec<(&'a str, T)>, ConfigError> {
        let mut named = Vec::new();
        for (name, entry) in self.table {
            let Value::Text(text) = &entry.node.value else {
                let what = entry.node.value.what();
                let message = format!("`{}` has to be a string, not {what}", self.name(name));
                return Err(self.wrong(name, message));
            };
            named.push((name.as_str(), self.chosen(name, text, choices)?));
        }
        Ok(named)
    }

    /// An error about the name of `key` itself.
    pub(super) fn wrong_name(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let place = self.table.get(key).map(|e| (e.line, e.column));
        let (line, column) = place.unwrap_or((self.line, self.column));
        ConfigError::new(self.file, line, column, message)
    }

    pub(super) fn duration(&self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        self.text_of(key, "a duration like \"30s\"", parse_duration)
    }

    pub(super) fn size(&self, key: &'static str) -> Result<Option<u64>, ConfigError> {
        self.text_of(key, "a size like \"10GiB\"", parse_size)
    }

    fn text_of<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let text = self.typed(key, expected, |v| match v {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })?;
        text.map(|t| {
            parse(t).map_err(|why| self.wrong(key, format!("`{}`: {why}", self.name(key))))
        })
        .transpose()
    }

    /// One of a closed list of names.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        match self.text(key)? {
            Some(text) => self.chosen(key, text, choices).map(Some),
            None => Ok(None),
        }
    }

    fn chosen<T: Copy>(
        &self,
        key: &str,
        text: &str,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let mut error = self.wrong(key, format!("`{}` cannot be {text:?}", self.name(key)));
        error = error.with_hint(match nearest(text, &names) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it is one of {}", names.join(", ")),
        });
        Err(error)
    }

    pub(super) fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        self.typed(key, "an array of strings", |v| match v {
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    pub(super) fn table(&self, key: &'static str) -> Result<Option<Section<'a>>, ConfigError> {
        self.get(key)
            .map(|entry| Section::of(self.file, self.name(key), &entry.node))
            .transpose()
    }

    pub(super) fn tables(&self, key: &'static str) -> Result<Vec<Section<'a>>, ConfigError> {
        let Some(items) = self.typed(key, "an array of tables", |v| match v {
            Value::List(items) => Some(items),
            _ => None,
        })?
        else {
            return Ok(Vec::new());
        };
        items
            .iter()
            .map(|item| Section::of(self.file, self.name(key), item))
            .collect()
    }

    /// A map from free names to JSON values.
    pub(super) fn json_map(
        &self,
        key: &'static str,
    ) -> Result<Vec<(String, serde_json::Value)>, ConfigError> {
        let map = self.typed(key, "a table", |v| match v {
            Value::Table(table) => Some(table),
            _ => None,
        })?;
        Ok(map
            .into_iter()
            .flatten()
            .map(|(name, entry)| (name.clone(), to_json(&entry.node.value)))
            .collect())
    }

    /// Refuses every key nobody asked for.
    pub(super) fn finish(&self) -> Result<(), ConfigError> {
        let known = self.known.borrow();
        let Some((key, entry)) = self
            .table
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()))
        else {
            return Ok(());
        };
        let place = if self.path.is_empty() {
            String::new()
        } else {
            format!(" in [{}]", self.path)
        };
        let error = ConfigError::new(
            self.file,
            entry.line,
            entry.column,
            format!("unknown key `{key}`{place}"),
        );
        Err(error.with_hint(match nearest(key, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let mut names: Vec<&str> = known.clone();
                names.sort_unstable();
                names.dedup();
                format!("known here: {}", names.join(", "))
            }
        }))
    }
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::List(items) => items.iter().map(|i| to_json(&i.value)).collect(),
        Value::Table(table) => table
            .iter()
            .map(|(k, e)| (k.clone(), to_json(&e.node.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Other(what) => (*what).into(),
    }
}

/// The name that differs in the fewest letters, if it is near enough to be meant.
pub(super) fn nearest<'n>(typed: &str, names: &[&'n str]) -> Option<&'n str> {
    names
        .iter()
        .map(|name| (strsim::osa_distance(typed, name), *name))
        .filter(|(d, name)| *d <= 1 + name.len().min(typed.len()) / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let names = ["attempts", "interval", "rise", "fall"];
        assert_eq!(nearest("atempts", &names), Some("attempts"));
        assert_eq!(nearest("intreval", &names), Some("interval"));
        assert_eq!(nearest("url", &names), None);
    }
}
