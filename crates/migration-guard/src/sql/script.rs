use std::path::{Path, PathBuf};

use squawk_syntax::ast::{AstNode, Stmt};
use squawk_syntax::{SourceFile, SyntaxKind};

use crate::sql::Lines;
use crate::sql::depth::too_deep;
use crate::sql::effectless::effectless;
use crate::sql::lower;
use crate::sql::model::{Kind, TableAction};
use crate::sql::mysql;
use crate::sql::plpgsql::too_deep_body;
use crate::sql::stack::{Failed, on_large_stack};
use crate::{Dialect, Error, ErrorKind};

/// A parsed SQL file.
#[derive(Clone, Debug)]
pub struct Script {
    path: PathBuf,
    text: String,
    statements: Vec<Statement>,
    comments: Vec<(u32, String)>,
}

/// One statement of a [`Script`].
#[derive(Clone, Debug)]
pub struct Statement {
    text: String,
    line: u32,
    column: u32,
    pub(crate) kind: Kind,
}

impl Script {
    pub(super) fn new(
        path: &Path,
        text: &str,
        statements: Vec<Statement>,
        comments: Vec<(u32, String)>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            statements,
            comments,
        }
    }

    /// Parses PostgreSQL's SQL. `path` is only used in messages; nothing is read from it.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with line and column of the first error.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        if let Some((at, why)) = too_deep(text) {
            return Err(syntax(path, text, at, why));
        }
        with_room(path, || parse(path, text))
    }

    /// Parses the SQL of `dialect`. Of MySQL's, a statement that does not parse is one that is
    /// not analysed, and the others are read all the same.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] for PostgreSQL, as [`Script::parse`].
    pub fn parse_as(path: &Path, text: &str, dialect: Dialect) -> Result<Self, Error> {
        match dialect {
            Dialect::Postgres => Self::parse(path, text),
            Dialect::MySql => with_room(path, || Ok(mysql::script(path, text))),
        }
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statements in order, empty ones left out.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// How many statements this crate understands. The others are reported as findings: what
    /// is not understood is not passed.
    pub fn analysed(&self) -> usize {
        self.statements.iter().filter(|s| s.is_analysed()).count()
    }

    /// The comments, each with the line it starts in.
    pub(crate) fn comments(&self) -> &[(u32, String)] {
        &self.comments
    }

    /// Whether running it changes nothing: comments only, or statements like `SELECT 1`.
    pub fn is_effectless(&self) -> bool {
        effectless(self)
    }

    /// Whether it holds its own BEGIN, COMMIT or ROLLBACK.
    pub fn controls_transactions(&self) -> bool {
        self.statements
            .iter()
            .any(|s| matches!(s.kind, Kind::Begin | Kind::Commit | Kind::Rollback))
    }

    /// The first statement that PostgreSQL refuses inside a transaction block, if any.
    pub fn non_transactional(&self) -> Option<&Statement> {
        self.statements.iter().find(|s| s.is_non_transactional())
    }
}

impl Statement {
    pub(super) fn new(text: String, (line, column): (u32, u32), kind: Kind) -> Self {
        Self {
            text,
            line,
            column,
            kind,
        }
    }

    /// The text without the final semicolon.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line it starts in, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column it starts in, from 1, in characters.
    pub fn column(&self) -> u32 {
        self.column
    }

    /// Whether this crate understands what it does.
    pub fn is_analysed(&self) -> bool {
        match &self.kind {
            Kind::Unanalysed | Kind::Dynamic | Kind::Call { .. } => false,
            Kind::Several(kinds) => !kinds.iter().any(|k| matches!(k, Kind::Unanalysed)),
            // An action that was not read is a finding of its own, and the statement is not whole.
            Kind::AlterTable(it) => !it
                .actions
                .iter()
                .any(|a| matches!(a, TableAction::Other(_))),
            Kind::Do { body, opaque } => {
                opaque.is_none()
                    && !body.iter().any(|inner| {
                        matches!(
                            inner.kind,
                            Kind::Unanalysed | Kind::Dynamic | Kind::Call { .. }
                        )
                    })
            }
            _ => true,
        }
    }

    /// Whether PostgreSQL refuses it inside a transaction block.
    pub fn is_non_transactional(&self) -> bool {
        self.kind.is_non_transactional()
    }

    /// The statement on one line, cut after `limit` characters. Passwords and connection strings
    /// in it are masked: summaries are logged and journaled.
    pub fn summary(&self, limit: usize) -> String {
        let line = masked(&self.text.split_whitespace().collect::<Vec<_>>().join(" "));
        if line.chars().count() <= limit {
            return line;
        }
        let cut: String = line.chars().take(limit.saturating_sub(1)).collect();
        format!("{cut}…")
    }
}

impl Kind {
    pub(crate) fn is_non_transactional(&self) -> bool {
        use crate::sql::model::{Object, TableAction};
        match self {
            Self::CreateIndex(it) => it.concurrently,
            Self::Drop(it) => it.concurrently || it.object == Object::Database,
            Self::Reindex {
                concurrently,
                scope,
                ..
            } => *concurrently || matches!(scope.as_str(), "database" | "system" | "schema"),
            Self::AlterTable(it) => it.actions.iter().any(|a| {
                matches!(
                    a,
                    TableAction::DetachPartition {
                        concurrently: true,
                        ..
                    }
                )
            }),
            Self::Cluster { table } => table.is_none(),
            Self::Vacuum { .. } | Self::CreateDatabase => true,
            Self::SystemSettings => true,
            _ => false,
        }
    }
}

/// Replaces the literals that follow PASSWORD, CONNECTION or IDENTIFIED. One word too many costs
/// nothing, one secret too few does.
fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut from = 0;
    while let Some(found) = rest[from..].find(['\'', '"']) {
        let at = from + found;
        if !before_secret(&rest[..at]) {
            from = at + 1;
            continue;
        }
        let quote = &rest[at..=at];
        out.push_str(&rest[..=at]);
        out.push_str("***");
        out.push_str(quote);
        rest = after_literal(&rest[at + 1..], quote);
        from = 0;
    }
    out.push_str(rest);
    out
}

/// Whether the next literal is a secret: `PASSWORD =`, `IDENTIFIED WITH plugin BY`.
fn before_secret(text: &str) -> bool {
    let mut text = text.trim_end_matches(|c: char| c == '=' || c == '(' || c.is_whitespace());
    let mut given = false;
    loop {
        let start = text
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| {
                at + text[at..].chars().next().map_or(1, char::len_utf8)
            });
        let word = text[start..].to_ascii_lowercase();
        match word.as_str() {
            "e" | "to" | "by" | "as" | "using" => {
                given |= word != "e" && word != "to";
                text = text[..start]
                    .trim_end_matches(|c: char| c == '=' || c == '(' || c.is_whitespace());
                if text.is_empty() {
                    return false;
                }
            }
            word => {
                return word.ends_with("password")
                    || matches!(word, "connection" | "identified")
                    || given && text.to_ascii_lowercase().contains("identified");
            }
        }
    }
}

/// What follows a literal whose opening quote is behind us; a doubled quote does not close it.
fn after_literal<'a>(text: &'a str, quote: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = text[from..].find(quote) {
        let next = from + at + 1;
        if text[..next - 1].ends_with('\\') {
            from = next;
        } else if text[next..].starts_with(quote) {
            from = next + 1;
        } else {
            return &text[next..];
        }
    }
    ""
}

/// Whatever the parser may stumble on, it is an error of this file and not the end of the process.
fn with_room(
    path: &Path,
    parse: impl FnOnce() -> Result<Script, Error> + Send,
) -> Result<Script, Error> {
    match on_large_stack(parse) {
        Ok(parsed) => parsed,
        Err(Failed::Panicked) => {
            Err(Error::of_file(ErrorKind::Syntax, "parse", path)
                .because("the parser gave up on it"))
        }
        Err(Failed::NoThread(error)) => Err(Error::of_file(ErrorKind::Workspace, "parse", path)
            .because("no thread could be started")
            .with_source(error)),
    }
}

fn parse(path: &Path, text: &str) -> Result<Script, Error> {
    let parsed = SourceFile::parse(text);
    // Asked for its errors, the parser reads the bodies of functions, too.
    if let Some((at, why)) = parsed.tree().stmts().find_map(|s| too_deep_body(&s)) {
        return Err(syntax(path, text, at, why));
    }
    if let Some(error) = parsed.errors().first() {
        let at = usize::from(error.range().start());
        return Err(syntax(path, text, at, error.message()));
    }
    let lines = Lines::new(text);
    let statements = parsed
        .tree()
        .stmts()
        .filter(|stmt| !matches!(stmt, Stmt::EmptyStmt(_)))
        .map(|stmt| {
            let node = stmt.syntax();
            let offset = node
                .descendants_with_tokens()
                .filter_map(|element| element.into_token())
                .find(|token| !token.kind().is_trivia())
                .map_or_else(|| node.text_range().start(), |t| t.text_range().start());
            let offset = usize::from(offset);
            let end = usize::from(node.text_range().end());
            let (line, column) = lines.at(offset);
            let mut kind = lower::statement(&stmt);
            place(&mut kind, &lines);
            Statement {
                text: text
                    .get(offset..end)
                    .unwrap_or_default()
                    .trim_end()
                    .trim_end_matches(';')
                    .trim_end()
                    .to_owned(),
                line,
                column,
                kind,
            }
        })
        .collect();
    let comments = parsed
        .tree()
        .syntax()
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| token.kind() == SyntaxKind::COMMENT)
        .map(|token| {
            let at = usize::from(token.text_range().start());
            (lines.at(at).0, token.text().to_owned())
        })
        .collect();
    Ok(Script {
        path: path.to_owned(),
        text: text.to_owned(),
        statements,
        comments,
    })
}

/// What stands inside a body has lines of its own.
fn place(kind: &mut Kind, lines: &Lines<'_>) {
    if let Kind::Do { body, .. } = kind {
        for inner in body {
            (inner.line, inner.column) = lines.at(inner.at);
        }
    }
}

fn syntax(path: &Path, text: &str, at: usize, message: &str) -> Error {
    let (line, column) = Lines::new(text).at(at);
    Error::of_file(ErrorKind::Syntax, "parse", path)
        .at(line, column)
        .because(message.trim_end_matches('.').to_owned())
        .with_help(
            "only SQL that a server would take can be judged; \
             commands of psql (\\connect, :variables) cannot",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, Error> {
        Script::parse(Path::new("m.sql"), text)
    }

    #[test]
    fn statements_have_text_and_place() {
        let script = parse("-- first\nSELECT 1;\n\n  DROP TABLE a;;\n").unwrap();
        let texts: Vec<_> = script.statements().iter().map(Statement::text).collect();
        assert_eq!(texts, ["SELECT 1", "DROP TABLE a"]);
        let second = &script.statements()[1];
        assert_eq!((second.line(), second.column()), (4, 3));
    }

    #[test]
    fn a_syntax_error_says_where() {
        let error = parse("SELECT 1;\nALTER TABEL a;\n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax);
        assert_eq!(error.position().map(|p| p.0), Some(2), "{error}");
    }

    #[test]
    fn depth_is_refused_and_length_is_not() {
        let deep = format!("SELECT {}1{};", "(".repeat(5000), ")".repeat(5000));
        assert_eq!(parse(&deep).unwrap_err().kind(), ErrorKind::Syntax);
        let long = format!("SELECT 1{};", " + 1".repeat(20_000));
        assert_eq!(parse(&long).unwrap().statements().len(), 1);
    }

    #[test]
    fn effectless_scripts_are_known() {
        for text in [
            "",
            "-- nothing\n",
            "SELECT 1;",
            "BEGIN; COMMIT;",
            ";;",
            "DO $$ BEGIN END $$;",
        ] {
            assert!(parse(text).unwrap().is_effectless(), "{text}");
        }
        for text in [
            "DROP TABLE a;",
            "SELECT setval('s', 1);",
            "DELETE FROM a WHERE b;",
        ] {
            assert!(!parse(text).unwrap().is_effectless(), "{text}");
        }
    }

    #[test]
    fn summaries_hold_no_password() {
        let script = parse(
            "CREATE ROLE a LOGIN PASSWORD 'se''cret' VALID UNTIL 'x';\n\
             CREATE SUBSCRIPTION s CONNECTION 'host=h password=hidden' PUBLICATION p;",
        )
        .unwrap();
        let all: Vec<_> = script.statements().iter().map(|s| s.summary(200)).collect();
        assert_eq!(all[0], "CREATE ROLE a LOGIN PASSWORD '***' VALID UNTIL 'x'");
        assert_eq!(
            all[1],
            "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION p"
        );
    }

    #[test]
    fn summaries_hold_no_password_of_mysql_either() {
        for sql in [
            "CREATE USER a IDENTIFIED BY 'secret'",
            "CREATE USER a IDENTIFIED BY \"secret\"",
            "ALTER USER a IDENTIFIED WITH caching_sha2_password BY 'secret'",
            "ALTER USER a IDENTIFIED WITH ed25519 BY 'it\\'s secret'",
            "SET PASSWORD FOR a = PASSWORD('secret')",
            "CHANGE MASTER TO MASTER_PASSWORD='secret'",
        ] {
            let script = Script::parse_as(Path::new("m.sql"), sql, Dialect::MySql).unwrap();
            let summary = script.statements()[0].summary(200);
            assert!(!summary.contains("secret"), "{summary}");
            assert!(summary.contains("***"), "{summary}");
        }
    }

    #[test]
    fn what_a_transaction_refuses_is_known() {
        let script = parse("CREATE INDEX CONCURRENTLY i ON t (a);").unwrap();
        assert!(script.non_transactional().is_some());
        assert!(
            parse("CREATE INDEX i ON t (a);")
                .unwrap()
                .non_transactional()
                .is_none()
        );
    }
}
