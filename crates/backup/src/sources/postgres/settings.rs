//! What belongs to a database and not to its content: it is in no dump, and a restored database
//! takes it over when it takes the place of the old one.

use tokio_postgres::Client;

use super::session::{ident, literal, refused};
use crate::Error;

/// Settings whose value is a list; as one string they would become a list of one.
const LISTS: &[&str] = &[
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

const DATABASE: &str = "
SELECT pg_get_userbyid(datdba)::text, datconnlimit, shobj_description(oid, 'pg_database')
FROM pg_database WHERE datname = $1";

const GRANTS: &str = "
SELECT a.privilege_type, a.is_grantable,
       CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datname = $1";

const SETTINGS: &str = "
SELECT CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole)::text END, c
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
WHERE d.datname = $1";

/// Who gets the settings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// A database.
    Database(&'a str),
    /// The one that a variable of psql names.
    Variable(&'a str),
}

/// The statements that give `to` what `from` has, except the name; to be run where `from` still
/// has its name and `to` has its own.
pub(super) async fn carry_over(
    client: &Client,
    from: &str,
    to: Target<'_>,
) -> Result<Vec<String>, Error> {
    let failed = |source| refused("read the settings of", from, source);
    let row = client.query_one(DATABASE, &[&from]).await.map_err(failed)?;
    let (owner, limit, comment): (String, i32, Option<String>) =
        (row.get(0), row.get(1), row.get(2));
    let target = match to {
        Target::Database(name) => ident(name),
        Target::Variable(name) => format!(":\"{name}\""),
    };
    let mut statements = vec![
        format!("ALTER DATABASE {target} OWNER TO {}", ident(&owner)),
        format!("ALTER DATABASE {target} CONNECTION LIMIT {limit}"),
        format!(
            "COMMENT ON DATABASE {target} IS {}",
            comment.map_or("NULL".to_owned(), |comment| literal(&comment))
        ),
        format!(
            "REVOKE ALL ON DATABASE {target} FROM PUBLIC, {}",
            ident(&owner)
        ),
    ];
    for row in client.query(GRANTS, &[&from]).await.map_err(failed)? {
        let (privilege, grantable, grantee): (String, bool, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        let grantee = grantee.map_or("PUBLIC".to_owned(), |grantee| ident(&grantee));
        let option = if grantable { " WITH GRANT OPTION" } else { "" };
        statements.push(format!(
            "GRANT {privilege} ON DATABASE {target} TO {grantee}{option}"
        ));
    }
    for row in client.query(SETTINGS, &[&from]).await.map_err(failed)? {
        let (role, setting): (Option<String>, String) = (row.get(0), row.get(1));
        let Some((name, value)) = setting.split_once('=') else {
            continue;
        };
        let subject = match role {
            Some(role) => format!("ROLE {} IN DATABASE {target}", ident(&role)),
            None => format!("DATABASE {target}"),
        };
        // The name of an extension's setting is two names.
        let quoted: Vec<String> = name.split('.').map(ident).collect();
        statements.push(format!(
            "ALTER {subject} SET {} TO {}",
            quoted.join("."),
            setting_value(name, value)
        ));
    }
    Ok(statements)
}

fn setting_value(name: &str, value: &str) -> String {
    if !LISTS.contains(&name) {
        return literal(value);
    }
    let elements: Vec<String> = split_list(value)
        .iter()
        .map(|element| literal(element))
        .collect();
    if elements.is_empty() {
        return "''".to_owned();
    }
    elements.join(", ")
}

/// Elements are separated by commas and may be in double quotes.
fn split_list(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = value.chars().peekable();
    let mut element = String::new();
    let mut quoted = Quoted::No;
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', Quoted::Inside) if chars.peek() == Some(&'"') => {
                chars.next();
                element.push('"');
            }
            ('"', Quoted::Inside) => quoted = Quoted::Was,
            ('"', _) => quoted = Quoted::Inside,
            (',', Quoted::No | Quoted::Was) => {
                found.push(std::mem::take(&mut element));
                quoted = Quoted::No;
            }
            (c, Quoted::No | Quoted::Was) if c.is_whitespace() => {}
            (c, _) => element.push(c),
        }
    }
    if !element.is_empty() || quoted == Quoted::Was || !found.is_empty() {
        found.push(element);
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Inside,
    Was,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stay_lists() {
        assert_eq!(
            setting_value("search_path", "\"$user\", public"),
            "'$user', 'public'"
        );
        assert_eq!(
            setting_value("search_path", "\"a,\"\"b\", c"),
            "'a,\"b', 'c'"
        );
        assert_eq!(setting_value("search_path", "\"\""), "''");
        assert_eq!(setting_value("search_path", ""), "''");
        assert_eq!(setting_value("work_mem", "64MB"), "'64MB'");
        assert_eq!(setting_value("application_name", "a, b"), "'a, b'");
    }
}
