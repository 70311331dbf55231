use std::fmt::Write as _;
use std::path::Path;

use ripcord_migration_guard::live::{Analysis, Basis, Outcome};
use ripcord_migration_guard::{Lint, Migration, Severity};
use serde::Serialize;

/// `migration analyse --json`: what a live database says to the pending migrations.
#[derive(Clone, Debug, Serialize)]
pub struct AnalysisReport {
    /// Version of this document.
    pub schema: u32,
    /// Whether the migrations should not run now.
    pub blocks: bool,
    /// The pending versions, in the order in which they would run.
    pub pending: Vec<String>,
    /// What is in the way right now, the worst first.
    pub blockers: Vec<BlockerReport>,
    /// What the rows say to new keys, checks and types.
    pub prechecks: Vec<PrecheckReport>,
    /// Statements that read or write whole tables.
    pub costs: Vec<CostReport>,
    /// Room on the disk, one sentence each.
    pub headroom: Vec<String>,
    /// What earlier migrations left half done, one sentence each.
    pub broken: Vec<String>,
    /// Whose statements would wait, one sentence each.
    pub waiting: Vec<String>,
    /// What the rules say, level error and above.
    pub findings: Vec<String>,
    /// What could not be found out, one sentence each.
    pub unknown: Vec<String>,
    /// How long it took to look.
    pub seconds: f64,
}

/// Something in the way.
#[derive(Clone, Debug, Serialize)]
pub struct BlockerReport {
    /// Whether a migration would wait for it in vain.
    pub blocks: bool,
    /// In one sentence.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// A question to the rows, and the answer.
#[derive(Clone, Debug, Serialize)]
pub struct PrecheckReport {
    /// Whether the migration fails on today's rows.
    pub blocks: bool,
    /// The migration's file.
    pub file: String,
    /// The line of the statement.
    pub line: u32,
    /// The table.
    pub table: String,
    /// What has to be true.
    pub message: String,
    /// `clean`, `offending` or `unknown`.
    pub answer: String,
    /// How many rows are in the way, if any are.
    pub rows: Option<u64>,
    /// Why there is no answer, if there is none.
    pub why: Option<String>,
    /// The SELECT that was run, or would have been.
    pub sql: Option<String>,
}

/// A statement that works on a whole table.
#[derive(Clone, Debug, Serialize)]
pub struct CostReport {
    /// The migration's file.
    pub file: String,
    /// The line of the statement.
    pub line: u32,
    /// The table.
    pub table: String,
    /// The lock that it holds for so long.
    pub lock: Option<String>,
    /// How long, roughly.
    pub seconds: u64,
    /// For so many bytes.
    pub bytes: i64,
    /// `measured` or `assumed`.
    pub basis: String,
}

impl AnalysisReport {
    /// From the answers, and the findings as the policy wants them.
    #[must_use]
    pub fn of(analysis: &Analysis, pending: &[Migration], lint: &Lint) -> Self {
        let errors = lint
            .findings
            .iter()
            .filter(|f| f.severity >= Severity::Error);
        let findings: Vec<String> = errors
            .map(|f| format!("{}:{}: {} [{}]", shown(&f.file), f.line, f.message, f.rule))
            .collect();
        Self {
            schema: 1,
            blocks: analysis.blocks_now() || !findings.is_empty(),
            pending: pending.iter().map(|m| m.version.clone()).collect(),
            blockers: analysis
                .blockers
                .iter()
                .map(|b| BlockerReport {
                    blocks: b.blocks,
                    message: b.message.clone(),
                    help: b.help.clone(),
                })
                .collect(),
            prechecks: analysis
                .prechecks
                .iter()
                .map(|p| {
                    let (answer, rows, why) = match &p.outcome {
                        Outcome::Clean => ("clean", None, None),
                        Outcome::Offending { rows, .. } => ("offending", Some(*rows), None),
                        Outcome::Unknown { why } => ("unknown", None, Some(why.clone())),
                        _ => ("unknown", None, None),
                    };
                    PrecheckReport {
                        blocks: p.blocks(),
                        file: shown(&p.file),
                        line: p.line,
                        table: p.table.clone(),
                        message: p.message.clone(),
                        answer: answer.to_owned(),
                        rows,
                        why,
                        sql: p.sql.clone(),
                    }
                })
                .collect(),
            costs: analysis
                .costs
                .iter()
                .map(|c| CostReport {
                    file: shown(&c.file),
                    line: c.line,
                    table: c.table.clone(),
                    lock: c.lock.map(|lock| lock.to_string()),
                    seconds: c.estimate.seconds,
                    bytes: c.estimate.bytes,
                    basis: match c.basis {
                        Basis::Measured => "measured".to_owned(),
                        _ => "assumed".to_owned(),
                    },
                })
                .collect(),
            headroom: analysis
                .headroom
                .iter()
                .map(|h| h.message.clone())
                .collect(),
            broken: analysis
                .broken
                .iter()
                .map(|b| format!("{}; {}", b.message, b.help))
                .collect(),
            waiting: analysis
                .waiting
                .iter()
                .map(|w| format!("on {} behind {}: {}", w.table, w.lock, w.query))
                .collect(),
            findings,
            unknown: analysis
                .unknown
                .iter()
                .map(|u| format!("{}, because {}", u.what, u.why))
                .collect(),
            seconds: (analysis.seconds * 1000.0).round() / 1000.0,
        }
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for version in &self.pending {
            let _ = writeln!(text, "pending: {version}");
        }
        if self.pending.is_empty() {
            let _ = writeln!(text, "pending: none");
        }
        let word = |blocks| if blocks { "BLOCKS" } else { "note" };
        for it in &self.blockers {
            let _ = writeln!(text, "{}: {}; {}", word(it.blocks), it.message, it.help);
        }
        for it in &self.prechecks {
            let place = format!("{}:{}", it.file, it.line);
            let answer = match (it.rows, &it.why) {
                (Some(rows), _) => format!("no, {rows} rows are in the way"),
                (None, Some(why)) => format!("not known: {why}"),
                (None, None) => "yes".to_owned(),
            };
            let word = word(it.blocks);
            let _ = writeln!(text, "{word}: {place}: {}? {answer}", it.message);
            if let (true, Some(sql)) = (it.answer != "clean", &it.sql) {
                let _ = writeln!(text, "  {sql}");
            }
        }
        for it in &self.costs {
            let lock = it.lock.as_ref().map(|lock| format!(" under {lock}"));
            let _ = writeln!(
                text,
                "takes: {}:{}: about {} s on {}{}, {}",
                it.file,
                it.line,
                it.seconds,
                it.table,
                lock.unwrap_or_default(),
                it.basis
            );
        }
        let rest = [
            ("needs", &self.headroom),
            ("waits", &self.waiting),
            ("half done", &self.broken),
            ("BLOCKS", &self.findings),
            ("not known", &self.unknown),
        ];
        for (word, lines) in rest {
            for line in lines {
                let _ = writeln!(text, "{word}: {line}");
            }
        }
        // Names of clients and of tables are other people's: they cannot control a terminal.
        let safe = |c: char| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        };
        text.chars().map(safe).collect()
    }
}

fn shown(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
