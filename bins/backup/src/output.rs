//! What goes to standard output. The JSON is a contract: versioned, and made here.

use std::io::Write as _;

use anyhow::Error;
use ripcord_backup::retention::{PrunePlan, PruneReport};
use ripcord_backup::shown::Bytes;
use ripcord_backup::sources::{PutBack, PutBackMode};
use ripcord_backup::{BackupId, Entry, GateAnswer, Manifest, State, Verification};
use serde_json::{Value, json};

/// Version of every JSON document.
const SCHEMA: u32 = 1;

/// Text for people, or one document for programs.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Output {
    pub(crate) fn print(mut self, json: bool) -> Result<(), Error> {
        let text = if json {
            self.json["schema"] = json!(SCHEMA);
            format!("{:#}\n", self.json)
        } else {
            self.text
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }
}

pub(crate) fn created(manifest: &Manifest) -> Output {
    let mut text = format!(
        "backup {}: {}; archive {}; proven at level {}\n",
        manifest.id,
        manifest.holds(),
        Bytes(manifest.archive.bytes),
        manifest.verification.level
    );
    text.push_str(&limited(&manifest.verification));
    for note in &manifest.verification.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    Output {
        text,
        json: backup(manifest),
    }
}

pub(crate) fn listed(entries: &[Entry]) -> Output {
    let mut text = String::new();
    let mut documents = Vec::new();
    for Entry { id, state } in entries {
        let (line, mut document) = match state {
            State::Good { manifest, level } => {
                let line = format!(
                    "good    {:<10} {}; archive {}",
                    level.as_str(),
                    manifest.holds(),
                    Bytes(manifest.archive.bytes)
                );
                let mut document = backup(manifest);
                document["level"] = json!(level);
                document["state"] = json!("good");
                (line, document)
            }
            State::Failed {
                manifest, reason, ..
            } => {
                let mut document = backup(manifest);
                document["state"] = json!("failed");
                document["reason"] = json!(reason);
                (format!("failed  {reason}"), document)
            }
            State::Broken { reason } => (
                format!("broken  {reason}"),
                json!({ "state": "broken", "reason": reason }),
            ),
            State::Foreign { reason } => (
                format!("foreign {reason}"),
                json!({ "state": "foreign", "reason": reason }),
            ),
            _ => ("unknown".to_owned(), json!({ "state": "unknown" })),
        };
        document["id"] = json!(id);
        documents.push(document);
        text.push_str(&format!("{id} {line}\n"));
    }
    if entries.is_empty() {
        text.push_str("no backups\n");
    }
    Output {
        text,
        json: json!({ "backups": documents }),
    }
}

pub(crate) fn verified(id: &ripcord_backup::BackupId, verification: &Verification) -> Output {
    Output {
        text: format!(
            "backup {id}: proven at level {}\n{}",
            verification.level,
            limited(verification)
        ),
        json: json!({
            "id": id,
            "level": verification.level,
            "limited": verification.limited,
            "restore_seconds": verification.restore_seconds,
            "harmless": verification.harmless,
            "notes": verification.notes,
        }),
    }
}

pub(crate) fn answered(answer: &GateAnswer) -> Output {
    Output {
        text: format!("{answer}\n"),
        json: json!({ "gate": answer, "ok": answer.allows() }),
    }
}

pub(crate) fn pinned(id: &BackupId, reason: Option<&str>) -> Output {
    Output {
        text: match reason {
            Some(reason) => format!("{id} is kept: {reason}\n"),
            None => format!("{id} is left to the rules\n"),
        },
        json: json!({ "id": id, "pinned": reason }),
    }
}

pub(crate) fn pruned(plan: &PrunePlan, report: Option<&PruneReport>) -> Output {
    let mut text = plan.to_string();
    let lines: Vec<Value> = plan
        .lines
        .iter()
        .map(|line| json!({ "id": line.id, "decision": line.decision }))
        .collect();
    let mut document = json!({ "backups": lines, "deleted": Value::Null });
    match report {
        None => {
            let count = plan.deletions().count();
            if count > 0 {
                text.push_str(&format!(
                    "nothing is deleted yet; --confirm deletes {count}\n"
                ));
            }
        }
        Some(report) => {
            text.push_str(&report.to_string());
            document["deleted"] = json!(report.deleted);
            document["failed"] = report
                .failed
                .iter()
                .map(|(id, error)| json!({ "id": id, "reason": error.chain() }))
                .collect();
        }
    }
    Output {
        text,
        json: document,
    }
}

pub(crate) fn put_back(id: &BackupId, done: &PutBack, mode: PutBackMode) -> Output {
    let mut tables = Vec::new();
    for (table, counts) in &done.tables {
        tables.push(json!({
            "table": table,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "skipped": counts.skipped,
            "missing": counts.missing,
        }));
    }
    Output {
        text: done.told(mode),
        json: json!({
            "id": id,
            "dry_run": mode == PutBackMode::DryRun,
            "tables": tables,
            "conflicts": done.conflicts,
            "notes": done.notes,
        }),
    }
}

/// Why less is proven than was asked for.
fn limited(verification: &Verification) -> String {
    match &verification.limited {
        Some(reason) => format!("note: no more than {}: {reason}\n", verification.level),
        None => String::new(),
    }
}

fn backup(manifest: &Manifest) -> Value {
    json!({
        "id": manifest.id,
        "created": manifest.created.to_string(),
        "source": manifest.source,
        "labels": manifest.labels,
        "level": manifest.verification.level,
        "limited": manifest.verification.limited,
        "format": manifest.format,
        "scope": manifest.scope,
        "encrypted": manifest.encryption.is_some(),
        "readable_here": manifest.is_readable_here(),
        "bytes": manifest.archive.bytes,
        "sha256": manifest.archive.sha256,
        "tables": manifest.fingerprint.tables.len(),
        "rows": manifest.fingerprint.rows(),
        "server": manifest.server.version,
        "tool": manifest.server.tool,
        "lsn": manifest.server.lsn,
        "restore_seconds": manifest.verification.restore_seconds,
        "notes": manifest.verification.notes,
    })
}
