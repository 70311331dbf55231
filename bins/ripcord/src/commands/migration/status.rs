use std::fmt::Write as _;

use anyhow::Result;
use ripcord_migration_guard::Status;
use serde_json::{Value, json};

use super::{opened, told};
use crate::exit::Exit;
use crate::wiring::Wiring;

pub(super) async fn status(wiring: &Wiring, release: Option<&str>, json: bool) -> Result<Exit> {
    let opened = opened(wiring, release).await?;
    let status = opened.status().await.map_err(|e| told(&e))?;
    if json {
        wiring.output.json(status_json(&status));
    } else {
        let mut text = String::new();
        let _ = writeln!(text, "applied: {}", status.applied.len());
        if let Some(current) = status.current() {
            let _ = writeln!(text, "current: {current}");
        }
        let _ = writeln!(text, "pending: {}", status.pending.len());
        for m in &status.pending {
            let down = if m.down.is_some() { "" } else { " (no down)" };
            let _ = writeln!(text, "  {} {}{down}", m.version, m.name);
        }
        for problem in &status.problems {
            let _ = writeln!(text, "problem: {}", problem.explanation);
        }
        wiring.output.result(&text);
    }
    Ok(if status.problems.is_empty() {
        Exit::Ok
    } else {
        Exit::Blocked
    })
}

fn status_json(status: &Status) -> Value {
    json!({
        "schema": 1,
        "applied": status.applied.iter().map(|a| &a.version).collect::<Vec<_>>(),
        "pending": status.pending.iter().map(|m| json!({"id": m.version, "name": m.name, "has_down": m.down.is_some()})).collect::<Vec<_>>(),
        "problems": status.problems.iter().map(|p| json!({"id": p.version, "kind": p.kind, "text": p.explanation})).collect::<Vec<_>>(),
    })
}
