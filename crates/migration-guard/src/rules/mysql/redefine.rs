use crate::rules::mysql::cost::{COPY, Cost, IN_PLACE, INSTANT, REBUILD};
use crate::rules::mysql::schema::{Table, charset, collation, members};
use crate::sql::MySqlServer;
use crate::sql::model::{Column, ConstraintKind};
use crate::sql::mysql::types::{Change, bytes_of, change};

/// What MODIFY or CHANGE costs when the column is known.
pub(super) fn redefined(
    old: &Column,
    new: &Column,
    table: Option<&Table>,
    server: &MySqlServer,
) -> Cost {
    let mut cost = match type_change(old, new, table) {
        Change::None => INSTANT,
        Change::Wider if server.may_be_mysql() => IN_PLACE,
        Change::Wider => INSTANT,
        Change::LengthByte | Change::Other { .. } => COPY,
    };
    if let Some(false) = only_appended(old, new) {
        cost = cost.worst(COPY);
    }
    if changes_charset(old, new, table) {
        cost = cost.worst(COPY);
    } else if collation(new).is_some() && collation(old) != collation(new) {
        let free = !server.may_be_mysql() && !table.is_some_and(|t| t.indexed(&old.name));
        cost = cost.worst(if free { INSTANT } else { COPY });
    }
    if !old.not_null() && new.not_null() {
        cost = cost.worst(REBUILD);
    }
    if old.not_null() && !new.not_null() && !is_key(old, table) {
        cost = cost.worst(REBUILD);
    }
    let has = |column: &Column, wanted: fn(&ConstraintKind) -> bool| column.has(wanted);
    if has(new, |k| matches!(k, ConstraintKind::Position(_))) && server.may_be_mysql() {
        cost = cost.worst(REBUILD);
    }
    let counts: fn(&ConstraintKind) -> bool = |k| matches!(k, ConstraintKind::AutoIncrement);
    if has(new, counts) && !has(old, counts) {
        cost = cost.worst(COPY);
    }
    let worked_out: fn(&ConstraintKind) -> bool = |k| matches!(k, ConstraintKind::Stored);
    if has(new, worked_out) != has(old, worked_out) {
        cost = cost.worst(COPY);
    }
    cost
}

/// How the type changes; ENUM and SET by their members are another matter.
pub(super) fn type_change(old: &Column, new: &Column, table: Option<&Table>) -> Change {
    let charset = match table {
        Some(table) => table.charset_of(old),
        None => charset(old),
    };
    change(&old.ty, &new.ty, bytes_of(charset.as_deref()))
}

pub(super) fn changes_charset(old: &Column, new: &Column, table: Option<&Table>) -> bool {
    let Some(to) = charset(new) else {
        return false;
    };
    let from = charset(old).or_else(|| table.and_then(|t| t.charset.clone()));
    from.is_some_and(|from| from != to)
}

/// A primary key is NOT NULL whether the definition repeats it or not.
fn is_key(column: &Column, table: Option<&Table>) -> bool {
    let name = column.name.to_ascii_lowercase();
    table.is_some_and(|t| t.primary_key.iter().flatten().any(|c| *c == name))
}

/// Whether the old members of an ENUM or SET come first, in their order, and a value needs as
/// many bytes as before; `None` for other types.
pub(super) fn only_appended(old: &Column, new: &Column) -> Option<bool> {
    if old.ty.name != new.ty.name {
        return None;
    }
    let set = old.ty.name == "set";
    let size = |count: usize| match count {
        count if set => count.div_ceil(8).next_power_of_two(),
        count => usize::from(count > 255),
    };
    let (old, new) = (members(old)?, members(new)?);
    Some(new.starts_with(old) && size(old.len()) == size(new.len()))
}
