//! What the releases say to the database. This is where a deployment goes right or wrong.

/// A release's statements.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) insert: String,
    pub(crate) select: String,
}

pub(crate) fn of(release: &str) -> Sql {
    let (insert, select) = match release {
        "v2" | "v4" => (
            "INSERT INTO orders (item, note, priority) VALUES ($1, $2, 1) RETURNING id",
            "SELECT item, note FROM orders WHERE id = $1",
        ),
        // The migration of v3 renames the column, and the code of v3 misspells its new name when it reads.
        "v3" => (
            "INSERT INTO orders (item, remark, priority) VALUES ($1, $2, 1) RETURNING id",
            "SELECT item, remarks FROM orders WHERE id = $1",
        ),
        "v5" => (
            "WITH o AS (INSERT INTO orders (item, note, priority) VALUES ($1, $2, 1) RETURNING id),
                     e AS (INSERT INTO order_event (order_id, what) SELECT id, 'created' FROM o)
                     SELECT id FROM o",
            "SELECT item, note FROM orders WHERE id = $1",
        ),
        _ => (
            "INSERT INTO orders (item, note) VALUES ($1, $2) RETURNING id",
            "SELECT item, note FROM orders WHERE id = $1",
        ),
    };
    Sql {
        insert: insert.to_owned(),
        select: select.to_owned(),
    }
}
