use anyhow::{Context as _, Result};
use ripcord_conninfo::Conninfo;

/// What a scratch server has to be like, read from the live one.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `150018` for 15.18.
    pub version_num: i32,
    /// The role that owns what the server itself made.
    pub bootstrap: String,
    /// The role that migrations run as.
    pub user: String,
    /// The database's name.
    pub database: String,
    /// Who owns the database.
    pub owner: String,
    /// The database's size on disk, in bytes.
    pub bytes: u64,
    /// `UTF8`.
    pub encoding: String,
    /// Collation and character types.
    pub collate: String,
    /// Character types.
    pub ctype: String,
    /// The ICU locale, where ICU compares texts.
    pub icu: Option<String>,
    /// Every role, with what it may.
    pub roles: Vec<Role>,
    /// (role, member), in an order in which they can be granted.
    pub members: Vec<(String, String)>,
    /// Names of tablespaces other than the server's own.
    pub tablespaces: Vec<String>,
    /// Settings that the migrations' sessions get: name and value, as `ALTER ROLE` takes it.
    pub session_settings: Vec<(String, String)>,
    /// Settings of the server that statements may need: name and value.
    pub server_settings: Vec<(String, String)>,
}

/// A role without its password.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// As `CREATE ROLE` takes them.
    pub attributes: String,
}

impl ServerFacts {
    /// The major version.
    #[must_use]
    pub const fn major(&self) -> i32 {
        self.version_num / 10_000
    }

    /// Reads them; changes nothing.
    ///
    /// # Errors
    /// When the database cannot be reached or asked.
    pub async fn read(conninfo: &Conninfo) -> Result<Self> {
        let client = conninfo
            .with_application_name("ripcord-rehearsal")
            .session()
            .await
            .context("cannot reach the live database")?;
        let row = client
            .query_one(DATABASE, &[])
            .await
            .context("cannot read what the live server is like")?;
        let version_num: i32 = row.get(0);
        let icu = match version_num {
            ..150_000 => None,
            150_000..170_000 => Some("daticulocale"),
            _ => Some("datlocale"),
        };
        let icu = match icu {
            None => None,
            Some(column) => {
                let sql = format!(
                    "SELECT {column}::text FROM pg_catalog.pg_database \
                     WHERE datname = current_database() AND datlocprovider = 'i'"
                );
                client
                    .query_opt(&sql, &[])
                    .await?
                    .and_then(|row| row.get(0))
            }
        };
        let pairs = |rows: Vec<tokio_postgres::Row>| -> Vec<(String, String)> {
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        };
        Ok(Self {
            version_num,
            bootstrap: row.get(1),
            user: row.get(2),
            database: row.get(3),
            owner: row.get(4),
            bytes: u64::try_from(row.get::<_, i64>(5)).unwrap_or_default(),
            encoding: row.get(6),
            collate: row.get(7),
            ctype: row.get(8),
            icu,
            roles: pairs(client.query(ROLES, &[]).await?)
                .into_iter()
                .map(|(name, attributes)| Role { name, attributes })
                .collect(),
            members: pairs(client.query(MEMBERS, &[]).await?),
            tablespaces: client
                .query(TABLESPACES, &[])
                .await?
                .iter()
                .map(|row| row.get(0))
                .collect(),
            session_settings: pairs(client.query(SESSION_SETTINGS, &[]).await?),
            server_settings: pairs(client.query(SERVER_SETTINGS, &[]).await?),
        })
    }
}

const DATABASE: &str = "
SELECT current_setting('server_version_num')::int,
       (SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = 10),
       current_user::text, datname::text, pg_get_userbyid(datdba)::text,
       pg_database_size(oid), pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text
FROM pg_catalog.pg_database WHERE datname = current_database()";

/// Roles that the server brings along are there already.
const ROLES: &str = "
SELECT rolname::text, concat_ws(' ',
    CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN NOT rolinherit THEN 'NOINHERIT' END,
    CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END)
FROM pg_catalog.pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY oid";

const MEMBERS: &str = "
SELECT roleid::regrole::text, member::regrole::text FROM pg_catalog.pg_auth_members ORDER BY roleid, member";

const TABLESPACES: &str = "
SELECT spcname::text FROM pg_catalog.pg_tablespace WHERE spcname NOT LIKE 'pg\\_%' ORDER BY oid";

/// What the most specific one says wins, as at a login.
const SESSION_SETTINGS: &str = "
SELECT DISTINCT ON (name) name, value FROM (
    SELECT split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value,
           (s.setrole <> 0)::int * 2 + (s.setdatabase <> 0)::int AS weight
    FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c
    WHERE (s.setrole = 0 OR s.setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
      AND (s.setdatabase = 0
           OR s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
) AS given ORDER BY name, weight DESC";

const SERVER_SETTINGS: &str = "
SELECT name, reset_val FROM pg_catalog.pg_settings
WHERE name IN ('max_locks_per_transaction', 'max_prepared_transactions', 'wal_level',
               'default_toast_compression', 'default_text_search_config', 'password_encryption',
               'TimeZone', 'DateStyle', 'IntervalStyle', 'bytea_output', 'standard_conforming_strings',
               'default_transaction_isolation', 'check_function_bodies', 'xmloption')
  AND source <> 'default'";
