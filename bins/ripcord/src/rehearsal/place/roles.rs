use anyhow::{Context as _, Result};
use tokio_postgres::Client;

use super::ServerFacts;
use crate::rehearsal::sql::{ident, literal};

/// Settings whose value is a list already written as SQL.
const LISTS: [&str; 4] = [
    "search_path",
    "session_preload_libraries",
    "local_preload_libraries",
    "temp_tablespaces",
];

/// Makes every role of the live server, none of which may log in.
pub(crate) async fn make_roles(client: &Client, facts: &ServerFacts) -> Result<()> {
    for role in facts
        .roles
        .iter()
        .filter(|role| role.name != facts.bootstrap)
    {
        let sql = format!(
            "CREATE ROLE {} NOLOGIN {}",
            ident(&role.name),
            role.attributes
        );
        client
            .batch_execute(&sql)
            .await
            .with_context(|| format!("cannot make role {} on the scratch server", role.name))?;
    }
    for (role, member) in &facts.members {
        // Both were read as the server quotes them.
        let sql = format!("GRANT {role} TO {member}");
        client
            .batch_execute(&sql)
            .await
            .with_context(|| format!("cannot make {member} a member of {role}"))?;
    }
    Ok(())
}

/// Makes a role with a random name that logs in, and works as `facts.user` from then on, with that one's settings.
pub(crate) async fn grant_in(
    client: &Client,
    facts: &ServerFacts,
    database: &str,
    role: &str,
    password: &str,
) -> Result<()> {
    let (role, user, database) = (ident(role), ident(&facts.user), ident(database));
    let mut sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD {password} CONNECTION LIMIT 40;
         GRANT {user} TO {role};
         ALTER DATABASE {database} OWNER TO {owner};
         GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}, {user};",
        password = literal(password),
        owner = ident(&facts.owner),
    );
    for (name, value) in &facts.session_settings {
        let value = match LISTS.contains(&name.as_str()) {
            true if !value.is_empty() => value.clone(),
            _ => literal(value),
        };
        sql.push_str(&format!("ALTER ROLE {role} SET {name} = {value};"));
    }
    // Last, so that a setting of the same name does not stand in its way.
    sql.push_str(&format!(
        "ALTER ROLE {role} SET role = {};",
        literal(&facts.user)
    ));
    client
        .batch_execute(&sql)
        .await
        .context("cannot make the role that the rehearsal works as")
}
