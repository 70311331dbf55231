use squawk_syntax::SyntaxNode;

use crate::sql::model::Name;

/// A statement's words and signs without white space and comments, folded as the server does.
#[derive(Debug)]
pub(crate) struct Words {
    items: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    text: String,
    quoted: bool,
}

impl Words {
    pub(crate) fn of(node: &SyntaxNode) -> Self {
        let mut items: Vec<Word> = node
            .descendants_with_tokens()
            .filter_map(|element| element.into_token())
            .filter(|token| !token.kind().is_trivia())
            .map(|token| {
                let raw = token.text();
                if escaped(raw).is_some() {
                    return Word {
                        text: raw.to_owned(),
                        quoted: true,
                    };
                }
                match raw.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                    Some(inner) => Word {
                        text: inner.replace("\"\"", "\""),
                        quoted: true,
                    },
                    None => Word {
                        text: raw.to_ascii_lowercase(),
                        quoted: false,
                    },
                }
            })
            .collect();
        for at in 0..items.len() {
            let Some(inner) = items.get(at).and_then(|word| escaped(&word.text)) else {
                continue;
            };
            let told = items
                .get(at + 1)
                .is_some_and(|w| !w.quoted && w.text == "uescape");
            let sign = items.get(at + 2).filter(|_| told);
            let sign = sign.and_then(|w| w.text.trim_matches('\'').chars().next());
            let text = unescaped(inner, sign.unwrap_or('\\'));
            if told {
                items.drain(at + 1..(at + 3).min(items.len()));
            }
            if let Some(word) = items.get_mut(at) {
                word.text = text;
            }
        }
        Self { items }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The word at `at`, or "" past the end.
    pub(crate) fn get(&self, at: usize) -> &str {
        self.items.get(at).map_or("", |word| &word.text)
    }

    /// Whether the unquoted words `wanted` stand at `at`.
    pub(crate) fn is(&self, at: usize, wanted: &[&str]) -> bool {
        wanted.iter().enumerate().all(|(i, text)| {
            self.items
                .get(at + i)
                .is_some_and(|word| !word.quoted && word.text == *text)
        })
    }

    /// Where the unquoted words `wanted` stand first.
    pub(crate) fn find(&self, wanted: &[&str]) -> Option<usize> {
        (0..self.items.len()).find(|at| self.is(*at, wanted))
    }

    pub(crate) fn has(&self, wanted: &[&str]) -> bool {
        self.find(wanted).is_some()
    }

    /// Skips the optional words `wanted` at `at`.
    pub(crate) fn skip(&self, at: usize, wanted: &[&str]) -> usize {
        if self.is(at, wanted) {
            at + wanted.len()
        } else {
            at
        }
    }

    /// The possibly qualified name at `at`, and the place after it.
    pub(crate) fn name(&self, at: usize) -> (Name, usize) {
        let mut parts = vec![self.get(at).to_owned()];
        let mut next = at + 1;
        while self.is(next, &["."]) {
            parts.push(self.get(next + 1).to_owned());
            next += 2;
        }
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        (Name { schema, name }, next)
    }

    /// The names from `at` on, separated by commas; an argument list after a name is skipped.
    pub(crate) fn names(&self, at: usize) -> (Vec<Name>, usize) {
        let mut names = Vec::new();
        let mut next = at;
        while next < self.len() {
            let (name, after) = self.name(self.skip(next, &["only"]));
            names.push(name);
            next = self.skip(self.skip_parens(after), &["*"]);
            if !self.is(next, &[","]) {
                break;
            }
            next += 1;
        }
        (names, next)
    }

    /// The place after the parenthesis that opens at `at`, or `at` if none does.
    pub(crate) fn skip_parens(&self, at: usize) -> usize {
        if !self.is(at, &["("]) {
            return at;
        }
        let mut depth = 0usize;
        for next in at..self.len() {
            if self.is(next, &["("]) {
                depth += 1;
            } else if self.is(next, &[")"]) {
                depth -= 1;
                if depth == 0 {
                    return next + 1;
                }
            }
        }
        self.len()
    }

    /// The words `from..to`, with one space between them.
    pub(crate) fn text(&self, from: usize, to: usize) -> String {
        let words: Vec<&str> = (from..to.min(self.len())).map(|at| self.get(at)).collect();
        words.join(" ")
    }
}

/// What `U&"…"` holds.
fn escaped(raw: &str) -> Option<&str> {
    let rest = raw.strip_prefix(['u', 'U'])?;
    rest.strip_prefix("&\"")?.strip_suffix('"')
}

/// The name that `\0075` and `\+000075` spell, where `sign` is the backslash.
fn unescaped(inner: &str, sign: char) -> String {
    let inner = inner.replace("\"\"", "\"");
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.as_str();
    while let Some((before, after)) = rest.split_once(sign) {
        out.push_str(before);
        let (digits, length) = match after.strip_prefix('+') {
            Some(long) => (long.get(..6), 7),
            None => (after.get(..4), 4),
        };
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        match code.and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &after[length..];
            }
            None => {
                out.push(sign);
                rest = after.strip_prefix(sign).unwrap_or(after);
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_are_read_as_the_server_reads_them() {
        for (inner, sign, name) in [
            (r"\0075sers", '\\', "users"),
            (r"\+000075sers", '\\', "users"),
            ("!0075sers", '!', "users"),
            (r"a\\b", '\\', r"a\b"),
            (r#"a""b"#, '\\', "a\"b"),
            (r"bad\zz", '\\', r"bad\zz"),
            (r"ends\", '\\', r"ends\"),
        ] {
            assert_eq!(unescaped(inner, sign), name, "{inner}");
        }
    }
}
