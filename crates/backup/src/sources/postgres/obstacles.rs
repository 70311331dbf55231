//! What stands in the way of a switch, found out before anything takes long or hurts.

use tokio_postgres::Client;

use super::session::{ident, refused};
use super::source::PostgresSource;
use super::switch::Switch;
use crate::{Error, ErrorKind, Vault};

const OWNER: &str = "
SELECT pg_has_role(d.datdba, 'USAGE'), r.rolcreatedb OR r.rolsuper, r.rolname::text,
       pg_get_userbyid(d.datdba)::text
FROM pg_database d, pg_roles r WHERE d.datname = $1 AND r.rolname = current_user";

/// They count as somebody who is connected, and nobody can end them but their owner.
const PREPARED: &str = "SELECT gid FROM pg_prepared_xacts WHERE database::text = $1 ORDER BY 1";

/// Who is connected and could not be ended by us.
const OUT_OF_REACH: &str = "
SELECT DISTINCT r.rolname::text
FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
JOIN pg_roles me ON me.rolname = current_user
WHERE a.datname::text = $1 AND a.pid <> pg_backend_pid() AND NOT me.rolsuper
  AND (r.rolsuper OR NOT (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))
ORDER BY 1";

const SLOTS: &str =
    "SELECT slot_name::text FROM pg_replication_slots WHERE database::text = $1 ORDER BY 1";

const SUBSCRIPTIONS: &str = "
SELECT s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname::text = $1 AND s.subenabled ORDER BY 1";

/// All that is in the way, with what to do about each.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    found: Vec<(ErrorKind, String, String)>,
}

impl Obstacles {
    fn add(&mut self, kind: ErrorKind, what: impl Into<String>, help: impl Into<String>) {
        self.found.push((kind, what.into(), help.into()));
    }

    /// # Errors
    /// All of them in one line, of the kind of the first.
    pub(super) fn none(self, operation: &'static str, subject: &str) -> Result<(), Error> {
        let Some((kind, ..)) = self.found.first() else {
            return Ok(());
        };
        let kind = *kind;
        let (what, help): (Vec<_>, Vec<_>) = self
            .found
            .into_iter()
            .map(|(_, what, help)| (what, help))
            .unzip();
        Err(Error::new(operation, subject, kind, what.join("; ")).with_help(help.join("; ")))
    }
}

impl PostgresSource {
    /// Looks for everything that would keep [`PostgresSource::switch`] from being done, or that
    /// would be lost by it without a word, so that nobody restores for hours in vain.
    ///
    /// `keep` names schemas whose present content has to survive. A switch cannot do that. One that
    /// was cut off between closing and renaming is undone first: what comes next may be a "no".
    ///
    /// # Errors
    /// `InvalidInput`, `NotFound`, `PermissionDenied` and `Conflict`: all obstacles in one
    /// message, each with its help. `Unreachable`, `Locked`, `Server`.
    pub async fn ready_to_switch(&self, switch: &Switch, keep: &[String]) -> Result<(), Error> {
        let (live, new) = (self.conninfo.database(), switch.restored.as_str());
        self.reopen_if_cut_off().await?;
        let client = self.alone_with(&[live, new]).await?;
        let mut obstacles = self.obstacles(&client).await?;
        let another = "choose another name for the restored database";
        if new.is_empty() || new.len() > 63 {
            let what = format!("{new:?} is no name for a database, which has 1 to 63 bytes");
            obstacles.add(ErrorKind::InvalidInput, what, another);
        } else if new == live {
            let what = "it cannot take its own place";
            obstacles.add(ErrorKind::InvalidInput, what, another);
        } else if let Some(known) = Self::known(&client, new).await?
            && !known.is_of(&switch.backup)
        {
            let what = format!("there is a database {new} that no restore of this backup made");
            obstacles.add(ErrorKind::AlreadyExists, what, another);
        }
        let name = [live];
        let asked = async |sql: &str| -> Result<Vec<String>, Error> {
            let rows = client
                .query(sql, &[&name[0]])
                .await
                .map_err(|source| refused("look for what is in the way of", live, source))?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        for slot in asked(SLOTS).await? {
            obstacles.add(
                ErrorKind::Conflict,
                format!("the replication slot {slot} would go on reading the old database"),
                format!("SELECT pg_drop_replication_slot('{slot}'), and make it anew afterwards"),
            );
        }
        for subscription in asked(SUBSCRIPTIONS).await? {
            let quoted = ident(&subscription);
            obstacles.add(
                ErrorKind::Conflict,
                format!("the subscription {quoted} would go on writing to the old database"),
                format!("ALTER SUBSCRIPTION {quoted} DISABLE"),
            );
        }
        for schema in self.filled(keep).await? {
            obstacles.add(
                ErrorKind::Conflict,
                format!("the schema {schema} is to be kept, and would stay with the old database"),
                "restore with --in-place",
            );
        }
        obstacles.none("prepare the switch of", live)
    }

    /// What would make the renames fail.
    pub(super) async fn obstacles(&self, client: &Client) -> Result<Obstacles, Error> {
        let live = self.conninfo.database();
        let failed = |source| refused("look for what is in the way of", live, source);
        let mut obstacles = Obstacles::default();
        if self.options.maintenance_database == live {
            obstacles.add(
                ErrorKind::InvalidInput,
                "nobody can rename the database that they are connected to",
                "name another maintenance database",
            );
        }
        let Some(row) = client.query_opt(OWNER, &[&live]).await.map_err(failed)? else {
            let detail = "there is no such database";
            return Err(Error::new("switch", live, ErrorKind::NotFound, detail));
        };
        let (owns, creates): (bool, bool) = (row.get(0), row.get(1));
        let (me, owner): (String, String) = (row.get(2), row.get(3));
        let (me, owner) = (ident(&me), ident(&owner));
        if !owns {
            obstacles.add(
                ErrorKind::PermissionDenied,
                format!("it belongs to {owner}, and {me} is not a member of that"),
                format!("as an administrator: GRANT {owner} TO {me}"),
            );
        }
        if !creates {
            obstacles.add(
                ErrorKind::PermissionDenied,
                format!("{me} may not create and rename databases"),
                format!("as an administrator: ALTER ROLE {me} CREATEDB"),
            );
        }
        for row in client.query(PREPARED, &[&live]).await.map_err(failed)? {
            let gid: &str = row.get(0);
            obstacles.add(
                ErrorKind::Conflict,
                format!("the prepared transaction {gid:?} is waiting in it"),
                format!(
                    "in it: COMMIT PREPARED '{0}' or ROLLBACK PREPARED '{0}'",
                    gid.replace('\'', "''")
                ),
            );
        }
        for row in client.query(OUT_OF_REACH, &[&live]).await.map_err(failed)? {
            let role = ident(row.get(0));
            obstacles.add(
                ErrorKind::PermissionDenied,
                format!("{role} is connected, and {me} may not end its sessions"),
                format!(
                    "disconnect {role}, or as an administrator: GRANT pg_signal_backend TO {me}"
                ),
            );
        }
        Ok(obstacles)
    }
}

impl super::scratch::Known {
    /// Whether a restore of this backup made it, for somebody to work with.
    fn is_of(&self, backup: &crate::BackupId) -> bool {
        self.is_marked(&Vault::verified_mark(backup))
            || self.is_marked(&Vault::unverified_mark(backup))
    }
}
