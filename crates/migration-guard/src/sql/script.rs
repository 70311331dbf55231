use std::path::{Path, PathBuf};

use squawk_syntax::ast::{AstNode, Stmt};
use squawk_syntax::{SourceFile, SyntaxKind};

use crate::sql::Lines;
use crate::sql::depth::too_deep;
use crate::sql::effectless::effectless;
use crate::sql::lower;
use crate::sql::model::Kind;
use crate::{Error, ErrorKind};

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
    /// Parses PostgreSQL's SQL. `path` is only used in messages; nothing is read from it.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with line and column of the first error.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        if let Some((at, why)) = too_deep(text) {
            return Err(syntax(path, text, at, why));
        }
        on_large_stack(path, text)
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
            Kind::Unanalysed | Kind::Call { .. } => false,
            Kind::Do { body, opaque } => {
                opaque.is_none() && !body.iter().any(|k| matches!(k, Kind::Unanalysed))
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

/// Replaces the literal that follows PASSWORD or CONNECTION.
fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let lower = rest.to_ascii_lowercase();
        let secret = ["password", "connection"]
            .iter()
            .filter_map(|word| {
                let at = lower.find(word)? + word.len();
                let quote = at + rest[at..].find('\'')?;
                // Only signs that can stand between the word and its value.
                let between = rest[at..quote].trim();
                matches!(between, "" | "=" | "E" | "e" | "\"" | "to" | "TO").then_some(quote)
            })
            .min();
        let Some(quote) = secret else {
            out.push_str(rest);
            return out;
        };
        out.push_str(&rest[..=quote]);
        out.push_str("***'");
        rest = after_literal(&rest[quote + 1..]);
    }
}

/// What follows a literal whose opening quote is behind us; a doubled quote does not close it.
fn after_literal(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find('\'') {
        let next = from + at + 1;
        if !text[next..].starts_with('\'') {
            return &text[next..];
        }
        from = next + 1;
    }
    ""
}

const STACK: usize = 256 * 1024 * 1024;

/// A long chain of operators is a tree as deep as it is long, more than a usual stack holds; and
/// whatever the parser may stumble on, it is an error of this file and not the end of the process.
fn on_large_stack(path: &Path, text: &str) -> Result<Script, Error> {
    std::thread::scope(|scope| {
        let parsing = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || parse(path, text));
        match parsing.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_)) => Err(Error::of_file(ErrorKind::Syntax, "parse", path)
                .because("the parser gave up on it")),
            Err(error) => Err(Error::of_file(ErrorKind::Workspace, "parse", path)
                .because("no thread could be started")
                .with_source(error)),
        }
    })
}

fn parse(path: &Path, text: &str) -> Result<Script, Error> {
    let parsed = SourceFile::parse(text);
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
                kind: lower::statement(&stmt),
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
