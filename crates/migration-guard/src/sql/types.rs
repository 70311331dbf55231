//! Canonical type names, and what a change from one type to another costs.

use crate::sql::model::Type;

/// The catalogue's name for a spelling that is already lowercase and single-spaced.
pub(crate) fn canonical(spelled: &str) -> &str {
    match spelled {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "float8" | "float" | "double" => "double precision",
        "float4" => "real",
        "bool" => "boolean",
        "decimal" | "dec" => "numeric",
        "varchar" | "character varying" | "char varying" | "nchar varying" => "varchar",
        "character" | "bpchar" | "nchar" | "national character" | "national char" => "char",
        "timestamptz" | "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "timetz" | "time with time zone" => "timetz",
        "time without time zone" => "time",
        "serial4" => "serial",
        "serial8" => "bigserial",
        "serial2" => "smallserial",
        "bit varying" => "varbit",
        other => other.strip_prefix("pg_catalog.").map_or(other, canonical),
    }
}

/// What `ALTER COLUMN TYPE` does to the rows, measured on PostgreSQL 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeChange {
    /// No row is touched.
    Free,
    /// No row is touched if the session's time zone is UTC; a rewrite otherwise.
    FreeInUtc,
    /// The table and the column's indexes are written anew.
    Rewrite,
}

/// The cost of changing a column from `from` (if known) to `to` without a USING clause.
pub(crate) fn change(from: &Type, to: &Type) -> TypeChange {
    if from == to {
        return TypeChange::Free;
    }
    if from.array != to.array {
        return TypeChange::Rewrite;
    }
    let (length, new_length) = (from.args.first().copied(), to.args.first().copied());
    let grows = match (length, new_length) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    };
    match (from.name.as_str(), to.name.as_str()) {
        ("varchar", "varchar") | ("varbit", "varbit") if grows => TypeChange::Free,
        ("varchar", "text") => TypeChange::Free,
        ("text", "varchar") if new_length.is_none() => TypeChange::Free,
        ("cidr", "inet") => TypeChange::Free,
        ("numeric", "numeric") => {
            let scale = from.args.get(1).copied().unwrap_or(0);
            let new_scale = to.args.get(1).copied().unwrap_or(0);
            if to.args.is_empty() || (!from.args.is_empty() && grows && scale == new_scale) {
                TypeChange::Free
            } else {
                TypeChange::Rewrite
            }
        }
        ("timestamp" | "time" | "timestamptz" | "timetz" | "interval", other)
            if other == from.name && grows =>
        {
            TypeChange::Free
        }
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") if grows => {
            TypeChange::FreeInUtc
        }
        _ => TypeChange::Rewrite,
    }
}

/// Whether values can be lost or refused: the new type holds less.
pub(crate) fn narrows(from: &Type, to: &Type) -> bool {
    let rank = |name: &str| match name {
        "smallint" => Some(1),
        "integer" => Some(2),
        "bigint" => Some(3),
        _ => None,
    };
    if let (Some(old), Some(new)) = (rank(&from.name), rank(&to.name)) {
        return new < old;
    }
    let text = |name: &str| matches!(name, "text" | "varchar" | "char");
    if text(&from.name) && text(&to.name) {
        return match (from.args.first(), to.args.first()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new < old,
        };
    }
    match (from.name.as_str(), to.name.as_str()) {
        ("double precision", "real") | ("timestamptz" | "timestamp", "date") => true,
        ("numeric", "integer" | "bigint" | "smallint" | "real" | "double precision") => true,
        ("double precision" | "real", "integer" | "bigint" | "smallint") => true,
        ("numeric", "numeric") => {
            !to.args.is_empty()
                && (from.args.is_empty()
                    || to.args[0] < from.args[0]
                    || to.args.get(1).unwrap_or(&0) < from.args.get(1).unwrap_or(&0))
        }
        (old, new) => text(old) && !text(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(name: &str, args: &[i64]) -> Type {
        Type {
            name: name.to_owned(),
            args: args.to_vec(),
            array: false,
        }
    }

    #[test]
    fn widening_is_free_and_narrowing_is_not() {
        assert_eq!(
            change(&ty("varchar", &[10]), &ty("varchar", &[20])),
            TypeChange::Free
        );
        assert_eq!(
            change(&ty("varchar", &[20]), &ty("varchar", &[10])),
            TypeChange::Rewrite
        );
        assert_eq!(
            change(&ty("varchar", &[20]), &ty("text", &[])),
            TypeChange::Free
        );
        assert_eq!(
            change(&ty("text", &[]), &ty("varchar", &[10])),
            TypeChange::Rewrite
        );
        assert_eq!(
            change(&ty("numeric", &[8, 2]), &ty("numeric", &[10, 2])),
            TypeChange::Free
        );
        assert_eq!(
            change(&ty("numeric", &[8, 2]), &ty("numeric", &[10, 3])),
            TypeChange::Rewrite
        );
        assert_eq!(
            change(&ty("integer", &[]), &ty("bigint", &[])),
            TypeChange::Rewrite
        );
        assert_eq!(
            change(&ty("timestamp", &[]), &ty("timestamptz", &[])),
            TypeChange::FreeInUtc
        );
    }

    #[test]
    fn narrowing_is_known() {
        assert!(narrows(&ty("bigint", &[]), &ty("integer", &[])));
        assert!(!narrows(&ty("integer", &[]), &ty("bigint", &[])));
        assert!(narrows(&ty("text", &[]), &ty("varchar", &[5])));
        assert!(narrows(&ty("text", &[]), &ty("integer", &[])));
    }
}
