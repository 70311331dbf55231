use sqlparser::tokenizer::Token;

use crate::sql::model::{AlterTable, Kind, Object, SequenceChange};
use crate::sql::mysql::reader::{Reader, says};
use crate::sql::mysql::{alter, create, data, drop, session};

/// What one statement does; `None` for what is not understood.
pub(super) fn read(tokens: &[Token]) -> Option<Kind> {
    let mut reader = Reader::new(tokens);
    if reader.is_symbol(&Token::LParen) {
        return data::read(tokens);
    }
    let first = reader.ident()?.to_ascii_lowercase();
    match first.as_str() {
        "create" => create::read(&mut reader),
        "alter" => altered(&mut reader),
        "drop" => drop::read(&mut reader),
        "rename" if reader.eat_any(&["table", "tables"]) => session::rename_tables(&mut reader),
        "rename" if reader.eat("user") => Some(Kind::Roles),
        "truncate" => {
            reader.eat("table");
            let tables = vec![reader.name()?];
            if reader.eat("wait") {
                reader.value()?;
            }
            reader.eat("nowait");
            reader.done().then_some(Kind::Truncate {
                tables,
                cascade: false,
            })
        }
        "select" | "with" | "values" | "table" | "insert" | "replace" | "update" | "delete" => {
            data::read(tokens)
        }
        "load" => data::load(&mut reader),
        "set" => session::set(&mut reader),
        "use" => session::use_database(&mut reader),
        "begin" | "start" if transaction(&first, &mut reader) => Some(Kind::Begin),
        "commit" => Some(Kind::Commit),
        "rollback" => {
            reader.eat("work");
            Some(if reader.eat("to") {
                Kind::RollbackTo
            } else {
                Kind::Rollback
            })
        }
        "savepoint" => Some(Kind::Savepoint),
        "release" => reader.eat("savepoint").then_some(Kind::SavepointEnd),
        "lock" if reader.eat_any(&["tables", "table"]) => session::lock_tables(&mut reader),
        "unlock" => Some(Kind::Harmless),
        "flush" => Some(flush(&reader)),
        "grant" => Some(session::grant(&reader, false)),
        "revoke" => Some(session::grant(&reader, true)),
        "analyze" | "optimize" | "repair" | "check" | "checksum" => {
            maintenance(&first, &mut reader)
        }
        "show" | "describe" | "desc" | "help" => Some(Kind::Harmless),
        // ANALYZE runs what it explains.
        "explain" => (!reader.is(0, "analyze")).then_some(Kind::Harmless),
        "prepare" | "execute" => Some(Kind::Do {
            body: Vec::new(),
            opaque: Some(format!("{} is dynamic SQL", first.to_ascii_uppercase())),
        }),
        "deallocate" => Some(Kind::Harmless),
        "call" => Some(Kind::Call {
            name: reader.name()?,
        }),
        "do" if reader.is_any(&["sleep", "get_lock", "release_lock", "release_all_locks"]) => {
            Some(Kind::Harmless)
        }
        _ => None,
    }
}

fn transaction(first: &str, reader: &mut Reader<'_>) -> bool {
    if first == "start" {
        return reader.eat("transaction");
    }
    reader.eat("work");
    reader.done()
}

/// Behind ALTER.
fn altered(reader: &mut Reader<'_>) -> Option<Kind> {
    reader.eat("online");
    reader.eat("ignore");
    if reader.eat("table") {
        return alter::table(reader);
    }
    if reader.eat_any(&["database", "schema"]) {
        // The name may be left out, and then the settings begin at once.
        let mut unnamed = reader.clone();
        if let Some(kind) = create::settings(&mut unnamed) {
            return Some(kind);
        }
        reader.ident()?;
        return create::settings(reader);
    }
    if reader.eat_any(&["user", "role"]) {
        return Some(Kind::Roles);
    }
    if reader.eat("sequence") {
        reader.eat_all(&["if", "exists"]);
        return Some(Kind::AlterSequence {
            name: reader.name()?,
            change: SequenceChange::Values,
        });
    }
    // ALTER [ALGORITHM = …] [DEFINER = …] VIEW: the view is replaced.
    while !reader.done() && !reader.is_any(&["view", "event", "procedure", "function", "as"]) {
        reader.skip(1);
    }
    if reader.eat("view") {
        return Some(Kind::AlterTable(AlterTable {
            table: reader.name()?,
            object: Object::View,
            if_exists: false,
            actions: Vec::new(),
        }));
    }
    reader
        .eat_any(&["event", "procedure", "function"])
        .then_some(Kind::Harmless)
}

fn flush(reader: &Reader<'_>) -> Kind {
    let locks = reader.rest().windows(2).any(|w| says(&w[1], "lock"));
    if locks {
        Kind::SystemSettings
    } else {
        Kind::Harmless
    }
}

/// ANALYZE, OPTIMIZE, REPAIR and CHECK TABLE. MariaDB's ANALYZE before a statement runs it.
fn maintenance(first: &str, reader: &mut Reader<'_>) -> Option<Kind> {
    reader.eat_any(&["no_write_to_binlog", "local"]);
    if !reader.eat_any(&["table", "tables"]) {
        return None;
    }
    let tables = reader.names()?;
    Some(match first {
        "optimize" | "repair" => Kind::OptimizeTable { tables },
        "analyze" => Kind::Analyze { tables },
        _ => Kind::Harmless,
    })
}
