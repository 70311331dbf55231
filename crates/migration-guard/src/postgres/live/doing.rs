//! What a session does, without what it does it with: texts of statements hold people's data.

/// A piece of SQL.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword or a name that is not quoted.
    Word(&'a str),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A string or a number: never shown.
    Literal,
    /// `$1`, a sign, an operator.
    Sign(&'a str),
}

/// Splits SQL; comments are left out, and an end in the middle of a string is one.
pub(super) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = token(rest, first);
        out.extend(token);
        rest = after.trim_start();
    }
    out
}

fn token(rest: &str, first: char) -> (Option<Token<'_>>, &str) {
    if let Some(comment) = rest.strip_prefix("--") {
        let end = comment.find('\n').unwrap_or(comment.len());
        return (None, &comment[end..]);
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return (
            None,
            comment.split_once("*/").map_or("", |(_, after)| after),
        );
    }
    match first {
        '\'' => (Some(Token::Literal), &rest[string(rest, false)..]),
        '"' => {
            let end = closing(rest, '"', false);
            let inner = &rest[1..end];
            let inner = inner.strip_suffix('"').unwrap_or(inner);
            let name = inner.replace("\"\"", "\"");
            (Some(Token::Quoted(name)), &rest[end..])
        }
        '$' => dollar(rest),
        c if c.is_ascii_digit() => {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_')
                .unwrap_or(rest.len());
            (Some(Token::Literal), &rest[end..])
        }
        c if c.is_alphabetic() || c == '_' => {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            // E'…', B'…', X'…', N'…' and U&'…'.
            let prefix = matches!(word, "e" | "E" | "b" | "B" | "x" | "X" | "n" | "N");
            if prefix && after.starts_with('\'') {
                let end = string(after, matches!(word, "e" | "E"));
                return (Some(Token::Literal), &after[end..]);
            }
            (Some(Token::Word(word)), after)
        }
        c => {
            let (sign, after) = rest.split_at(c.len_utf8());
            (Some(Token::Sign(sign)), after)
        }
    }
}

fn string(text: &str, escapes: bool) -> usize {
    closing(text, '\'', escapes)
}

/// The place after the quote that ends what `text` begins with.
fn closing(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + quote.len_utf8(),
            }
        }
    }
    text.len()
}

fn dollar(rest: &str) -> (Option<Token<'_>>, &str) {
    let tag = rest[1..]
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(rest.len(), |at| at + 1);
    let numbered = rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if !numbered && rest[tag..].starts_with('$') {
        let (open, body) = rest.split_at(tag + 1);
        let end = body.find(open).map_or(body.len(), |at| at + open.len());
        return (Some(Token::Literal), &body[end..]);
    }
    let (sign, after) = rest.split_at(tag);
    (Some(Token::Sign(sign)), after)
}

/// The first keyword, and the first name that `known` says is a table's: `UPDATE orders`.
pub(super) fn doing(sql: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let tokens = tokens(sql);
    let keyword = keyword(&tokens)?;
    let table = tokens.iter().skip(1).find_map(|token| match token {
        Token::Word(word) => Some(word.to_lowercase()).filter(|name| known(name)),
        Token::Quoted(name) => Some(name.clone()).filter(|name| known(name)),
        _ => None,
    });
    Some(match table {
        Some(table) => format!("{keyword} {table}"),
        None => keyword,
    })
}

/// The first word in capitals, if statements begin with it.
pub(super) fn keyword(tokens: &[Token<'_>]) -> Option<String> {
    let first = tokens.iter().find(|t| !matches!(t, Token::Sign("(")))?;
    let Token::Word(word) = first else {
        return None;
    };
    let word = word.to_ascii_uppercase();
    KEYWORDS.contains(&word.as_str()).then_some(word)
}

/// Whether statements that begin so change tables or indexes.
pub(super) fn is_ddl(keyword: &str) -> bool {
    matches!(
        keyword,
        "ALTER" | "CREATE" | "DROP" | "TRUNCATE" | "REINDEX" | "CLUSTER" | "REFRESH" | "VACUUM"
    )
}

const KEYWORDS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "INSERT",
    "LISTEN",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "PREPARE",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TABLE",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "VALUES",
    "WITH",
];

/// A statement on one line, every literal replaced and at most `limit` characters of it.
pub(super) fn masked(sql: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut joined = true;
    for token in tokens(sql) {
        let (text, left, right) = match token {
            Token::Word(word) => (word.to_owned(), false, false),
            Token::Quoted(name) => (format!("\"{}\"", name.replace('"', "\"\"")), false, false),
            Token::Literal => ("?".to_owned(), false, false),
            Token::Sign(sign @ ("," | ")" | ";")) => (sign.to_owned(), true, false),
            Token::Sign(sign @ ("." | "(" | ":")) => (sign.to_owned(), true, true),
            Token::Sign(sign) => (sign.to_owned(), false, false),
        };
        if !joined && !left {
            out.push(' ');
        }
        out.push_str(&text);
        joined = right;
    }
    match out.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &out[..at]),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Option<String> {
        doing(sql, |name| matches!(name, "orders" | "Weird \"t\"" | "bob"))
    }

    #[test]
    fn what_is_done_is_told_and_with_what_is_not() {
        assert_eq!(
            of("update orders set a = 'x'").as_deref(),
            Some("UPDATE orders")
        );
        assert_eq!(
            of("/* a */ -- b\n DELETE FROM app.orders").as_deref(),
            Some("DELETE orders")
        );
        assert_eq!(
            of("SELECT * FROM \"Weird \"\"t\"\"\"").as_deref(),
            Some("SELECT Weird \"t\"")
        );
        for hidden in [
            "SELECT 'from bob'",
            "SELECT $$ bob $$",
            "SELECT E'\\' bob'",
            "SELECT $a$ bob $a$ /* bob */ -- bob",
            "SELECT 'it''s bob",
        ] {
            assert_eq!(of(hidden).as_deref(), Some("SELECT"), "{hidden}");
        }
        assert_eq!(of("'bob'"), None);
        assert_eq!(of("secretword bob"), None);
    }

    #[test]
    fn no_literal_is_left() {
        let sql = "SELECT a.b FROM orders\n WHERE c = 'x' AND d=12.5 AND e = $1 -- y";
        assert_eq!(
            masked(sql, 99),
            "SELECT a.b FROM orders WHERE c = ? AND d = ? AND e = $1"
        );
        assert_eq!(masked("SELECT äöü", 8), "SELECT ä…");
    }
}
