//! What a change of type costs.

use crate::sql::model::Type;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The same values in the same bytes.
    None,
    /// A longer VARCHAR that keeps the size of its length byte.
    Wider,
    /// A longer VARCHAR whose length needs a second byte.
    LengthByte,
    /// Another type, or fewer values.
    Other { narrower: bool },
}

/// `bytes` is how many bytes one character of the column takes at most.
pub(crate) fn change(from: &Type, to: &Type, bytes: i64) -> Change {
    if from == to {
        return Change::None;
    }
    let varchar = |ty: &Type| matches!(ty.name.as_str(), "varchar" | "varbinary");
    if varchar(from) && from.name == to.name {
        let bytes = if from.name == "varbinary" { 1 } else { bytes };
        let length = |ty: &Type| ty.args.first().copied().unwrap_or(1).saturating_mul(bytes);
        let (old, new) = (length(from), length(to));
        return match (old, new) {
            (old, new) if new < old => Change::Other { narrower: true },
            (old, new) if old <= 255 && new > 255 => Change::LengthByte,
            _ => Change::Wider,
        };
    }
    Change::Other {
        narrower: narrower(from, to),
    }
}

fn narrower(from: &Type, to: &Type) -> bool {
    if let (Some(old), Some(new)) = (integer(from), integer(to)) {
        // Signed to unsigned loses the negative half, unsigned to signed the upper one.
        return new.0 > old.0 || new.1 < old.1;
    }
    let sizes = [
        &["tinytext", "text", "mediumtext", "longtext"][..],
        &["tinyblob", "blob", "mediumblob", "longblob"],
        &["char", "varchar", "text"],
        &["float", "double"],
        &["date", "datetime"],
    ];
    for order in sizes {
        let at = |ty: &Type| order.iter().position(|n| *n == ty.name);
        if let (Some(old), Some(new)) = (at(from), at(to)) {
            return new < old || (new == old && to.args < from.args);
        }
    }
    if from.name == "decimal" && to.name == "decimal" {
        let part = |ty: &Type, i: usize| {
            ty.args
                .get(i)
                .copied()
                .unwrap_or(if i == 0 { 10 } else { 0 })
        };
        let whole = |ty: &Type| part(ty, 0) - part(ty, 1);
        return whole(to) < whole(from) || part(to, 1) < part(from, 1);
    }
    let text = |ty: &Type| ty.name.ends_with("text") || ty.name.ends_with("char");
    // Numbers and dates fit into text, hardly anything else into another sort of type.
    !text(to)
}

/// The least and the largest value, as bits.
fn integer(ty: &Type) -> Option<(i32, i32)> {
    let (name, unsigned) = match ty.name.strip_suffix(" unsigned") {
        Some(name) => (name, true),
        None => (ty.name.as_str(), false),
    };
    let bits = match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    Some(if unsigned {
        (0, bits)
    } else {
        (-(bits - 1), bits - 1)
    })
}

/// Bytes of the longest character of a character set.
pub(crate) fn bytes_of(charset: Option<&str>) -> i64 {
    match charset {
        Some("latin1" | "ascii" | "binary" | "latin2" | "cp1252" | "cp1250") => 1,
        Some("ucs2") => 2,
        Some("utf8" | "utf8mb3") => 3,
        // The default of the server.
        _ => 4,
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
    fn the_second_length_byte_costs_a_copy() {
        let from = ty("varchar", &[50]);
        assert_eq!(change(&from, &ty("varchar", &[63]), 4), Change::Wider);
        assert_eq!(change(&from, &ty("varchar", &[64]), 4), Change::LengthByte);
        assert_eq!(change(&from, &ty("varchar", &[255]), 1), Change::Wider);
        assert_eq!(
            change(&from, &ty("varchar", &[40]), 4),
            Change::Other { narrower: true }
        );
        assert_eq!(
            change(&ty("varchar", &[300]), &ty("varchar", &[999]), 4),
            Change::Wider
        );
    }

    #[test]
    fn what_does_not_fit_any_more_is_narrower() {
        let narrows =
            |a: &Type, b: &Type| matches!(change(a, b, 4), Change::Other { narrower: true });
        assert!(narrows(&ty("bigint", &[]), &ty("int", &[])));
        assert!(narrows(&ty("int", &[]), &ty("int unsigned", &[])));
        assert!(narrows(&ty("int unsigned", &[]), &ty("int", &[])));
        assert!(!narrows(&ty("int", &[]), &ty("bigint", &[])));
        assert!(!narrows(&ty("int unsigned", &[]), &ty("bigint", &[])));
        assert!(narrows(&ty("decimal", &[10, 4]), &ty("decimal", &[12, 2])));
        assert!(!narrows(&ty("decimal", &[10, 2]), &ty("decimal", &[12, 2])));
        assert!(narrows(&ty("text", &[]), &ty("varchar", &[100])));
        assert!(!narrows(&ty("int", &[]), &ty("varchar", &[20])));
    }
}
