//! Taking away all that is in a database but the schemas to be kept.

use std::collections::HashSet;

use tokio_postgres::Client;

use super::super::session::refused;
use super::super::source::PostgresSource;
use crate::{Error, ErrorKind};

/// Statements that drop what is in no schema. Event triggers first: they would run for the others.
const OUTSIDE: &str = "
SELECT 1, format('DROP EVENT TRIGGER %I', evtname) FROM pg_event_trigger t
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass
                  AND d.objid = t.oid AND d.deptype = 'e')
UNION ALL SELECT 2, format('DROP PUBLICATION %I', pubname) FROM pg_publication
UNION ALL SELECT 3, format('DROP SERVER %I CASCADE', srvname) FROM pg_foreign_server
UNION ALL SELECT 4, format('DROP FOREIGN DATA WRAPPER %I CASCADE', fdwname) FROM pg_foreign_data_wrapper w
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_foreign_data_wrapper'::regclass
                  AND d.objid = w.oid AND d.deptype = 'e')
UNION ALL SELECT 5, format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace n
WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')
  AND nspname <> ALL ($1)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
                  AND d.objid = n.oid AND d.deptype = 'e')
UNION ALL SELECT 6, format('SELECT pg_catalog.lo_unlink(%s)', oid) FROM pg_largeobject_metadata
ORDER BY 1";

/// The schema itself stays: a server tells one that was made with the database from another.
/// One object at a time, because each may take others along.
const PUBLIC: &str = "
DO $ripcord$
DECLARE
    thing record;
BEGIN
    LOOP
        SELECT o.type, o.identity INTO thing
        FROM pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) AS o
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('public')
          AND d.classid <> 'pg_default_acl'::regclass
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
                          AND e.deptype IN ('e', 'i', 'P', 'S')
                          -- A partitioned table depends on the columns of its key.
                          AND (e.refclassid, e.refobjid) <> (e.classid, e.objid))
        ORDER BY d.classid <> 'pg_extension'::regclass LIMIT 1;
        EXIT WHEN NOT FOUND;
        -- Not every type is called so by DROP, and only ROUTINE takes an aggregate without arguments.
        EXECUTE format('DROP %s %s CASCADE',
                       CASE WHEN thing.type = 'statistics object' THEN 'STATISTICS'
                            WHEN thing.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE'
                            ELSE thing.type END,
                       thing.identity);
    END LOOP;
END
$ripcord$";

/// Statements that make default privileges what they are in a new database; otherwise what is made
/// anew would get them on top of its own.
const PRIVILEGES: &str = "
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s',
              pg_get_userbyid(d.defaclrole), place.sql, kind.sql,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), 1
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL (SELECT coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '')) AS place(sql)
JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES'), ('n', 'SCHEMAS'))
     AS kind(code, sql) ON kind.code = d.defaclobjtype::text
CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
WHERE n.nspname IS NULL OR n.nspname <> ALL ($1)
UNION
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s TO %s', pg_get_userbyid(d.defaclrole), given.sql,
              CASE given.whom WHEN 'owner' THEN quote_ident(pg_get_userbyid(d.defaclrole)) ELSE 'PUBLIC' END), 2
FROM pg_default_acl d
JOIN (VALUES ('r', 'ALL ON TABLES', 'owner'), ('S', 'ALL ON SEQUENCES', 'owner'), ('f', 'ALL ON FUNCTIONS', 'owner'),
             ('f', 'EXECUTE ON FUNCTIONS', 'all'), ('T', 'ALL ON TYPES', 'owner'), ('T', 'USAGE ON TYPES', 'all'),
             ('n', 'ALL ON SCHEMAS', 'owner'))
     AS given(code, sql, whom) ON given.code = d.defaclobjtype::text
WHERE d.defaclnamespace = 0
ORDER BY 2";

/// Whatever can be lost because it depends on something outside of its schema.
const KEPT: &str = "
WITH schemas AS (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1)),
relations AS (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM schemas)),
objects(classid, objid, objsubid) AS (
    SELECT 'pg_namespace'::regclass, oid, 0 FROM schemas
    UNION ALL SELECT 'pg_class'::regclass, oid, 0 FROM relations
    UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum::int4 FROM pg_attribute
              WHERE attrelid IN (SELECT oid FROM relations) AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'pg_attrdef'::regclass, oid, 0 FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM relations)
    UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0 FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM relations)
    UNION ALL SELECT 'pg_policy'::regclass, oid, 0 FROM pg_policy WHERE polrelid IN (SELECT oid FROM relations)
    -- The internal ones on this side belong to foreign keys on the other.
    UNION ALL SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger
              WHERE tgrelid IN (SELECT oid FROM relations) AND NOT tgisinternal
    UNION ALL SELECT 'pg_constraint'::regclass, oid, 0 FROM pg_constraint
              WHERE connamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc WHERE pronamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type WHERE typnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_operator'::regclass, oid, 0 FROM pg_operator WHERE oprnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_opclass'::regclass, oid, 0 FROM pg_opclass WHERE opcnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_collation'::regclass, oid, 0 FROM pg_collation WHERE collnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, 0 FROM pg_ts_config WHERE cfgnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 0 FROM pg_ts_dict WHERE dictnamespace IN (SELECT oid FROM schemas)
    UNION ALL SELECT 'pg_extension'::regclass, oid, 0 FROM pg_extension WHERE extnamespace IN (SELECT oid FROM schemas)
)
SELECT classid::oid, objid, objsubid, pg_describe_object(classid, objid, objsubid) FROM objects";

/// An object by its address in the catalogue, and as a person calls it.
pub(super) struct Object {
    address: (u32, u32, i32),
    name: String,
}

impl PostgresSource {
    /// What is in the schemas to be kept.
    pub(super) async fn kept_objects(
        &self,
        client: &Client,
        keep: &[String],
    ) -> Result<Vec<Object>, Error> {
        let rows = client
            .query(KEPT, &[&keep])
            .await
            .map_err(|source| refused("read the kept schemas of", self.database(), source))?;
        Ok(rows
            .iter()
            .map(|row| Object {
                address: (row.get(0), row.get(1), row.get(2)),
                name: row.get::<_, Option<String>>(3).unwrap_or_default(),
            })
            .collect())
    }

    /// # Errors
    /// `Conflict` when something of `kept` went along with what was dropped.
    pub(super) async fn all_there(
        &self,
        client: &Client,
        keep: &[String],
        kept: &[Object],
    ) -> Result<(), Error> {
        let now: HashSet<_> = self
            .kept_objects(client, keep)
            .await?
            .iter()
            .map(|object| object.address)
            .collect();
        let gone: Vec<&str> = kept
            .iter()
            .filter(|object| !now.contains(&object.address))
            .map(|object| object.name.as_str())
            .take(5)
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "what is to be kept depends on what is replaced: {}",
            gone.join(", ")
        );
        let error = Error::new(
            "replace the contents of",
            self.database(),
            ErrorKind::Conflict,
            detail,
        );
        Err(error.with_help("drop that by hand and make it again afterwards, or do not keep its schema; nothing was changed"))
    }

    pub(super) async fn clear(&self, client: &Client, keep: &[String]) -> Result<(), Error> {
        let failed = |source| refused("clear", self.database(), source);
        for sql in [OUTSIDE, PRIVILEGES] {
            let at = usize::from(sql == OUTSIDE);
            for row in client.query(sql, &[&keep]).await.map_err(failed)? {
                client.batch_execute(row.get(at)).await.map_err(failed)?;
            }
        }
        if keep.iter().all(|name| name != "public") {
            client.batch_execute(PUBLIC).await.map_err(failed)?;
        }
        Ok(())
    }
}
