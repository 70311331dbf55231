//! What a `CREATE TABLE` of a dump says.

use std::collections::BTreeSet;

use super::scanner::Refusal;
use super::statement::Create;
use super::tokens::{Kind, Token, Tokens};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Columns, keys, constraints and options, each as the server writes it.
    pub(super) facts: BTreeSet<String>,
    /// Names of columns in their order.
    pub(super) columns: Vec<String>,
    /// The column that counts by itself.
    pub(super) counter: Option<String>,
    /// The value that it gets next.
    pub(super) next: Option<i64>,
    /// In uppercase.
    pub(super) engine: String,
}

impl Table {
    pub(super) fn read(tokens: &Tokens<'_>, create: &Create) -> Result<Self, Refusal> {
        let list = &tokens.list[create.behind..];
        if !list.first().is_some_and(|open| open.is_sign(b'(')) {
            return Refusal::new(format!("table {} has no columns", create.name));
        }
        let mut table = Self::default();
        let mut depth = 0_u32;
        let mut part = 1;
        for (at, token) in list.iter().enumerate() {
            match token.kind {
                Kind::Sign(b'(') => depth += 1,
                Kind::Sign(b',') if depth == 1 => {
                    table.part(tokens, &list[part..at]);
                    part = at + 1;
                }
                Kind::Sign(b')') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        table.part(tokens, &list[part..at]);
                        table.options(&list[at + 1..]);
                        return Ok(table);
                    }
                }
                _ => {}
            }
        }
        Refusal::new(format!("table {} has no end", create.name))
    }

    fn part(&mut self, tokens: &Tokens<'_>, part: &[Token<'_>]) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            return;
        };
        let text = tokens.plain_between(first.at, last.end());
        if first.kind == Kind::Name
            && let Some(name) = first.name()
        {
            if part.iter().any(|token| token.is("AUTO_INCREMENT")) {
                self.counter = Some(name.clone());
            }
            self.columns.push(name);
            self.facts.insert(format!("column {text}"));
        } else {
            self.facts.insert(text);
        }
    }

    fn options(&mut self, options: &[Token<'_>]) {
        let mut text = String::new();
        let mut at = 0;
        while let Some(token) = options.get(at) {
            let assigned = options.get(at + 1).is_some_and(|sign| sign.is_sign(b'='));
            let value = options.get(at + 2).filter(|_| assigned);
            match value {
                Some(value) if token.is("AUTO_INCREMENT") => {
                    self.next = value.text.parse().ok();
                    at += 3;
                    continue;
                }
                Some(value) if token.is("ENGINE") && self.engine.is_empty() => {
                    self.engine = value.text.to_ascii_uppercase();
                }
                _ => {}
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(token.text);
            at += 1;
        }
        self.facts.insert(format!("options {text}"));
    }
}
