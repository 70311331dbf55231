WITH col AS (
    SELECT format('column %I.%I.%I', n.nspname, c.relname, a.attname) AS name, a.*, c.relkind,
           t.typcollation, t.typstorage, :compression AS compression,
           to_jsonb(a.attstattarget)::text AS stattarget,
           pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL ($1::text[])
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                      AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE c.relkind = 'c'
                      AND e.classid = 'pg_type'::regclass
                      AND e.objid = c.reltype AND e.deptype = 'e')
)
SELECT name, fact
FROM col, LATERAL (VALUES
    ('type ' || format_type(atttypid, atttypmod)),
    (CASE WHEN attnotnull THEN 'not null' END),
    (CASE WHEN attgenerated = '' THEN 'default ' || expression
          WHEN attgenerated = 's' THEN 'generated stored ' || expression
          ELSE 'generated ' || expression END),
    (CASE attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END),
    (CASE WHEN attcollation <> typcollation AND attcollation <> 0
          THEN 'collation ' || attcollation::regcollation::text END),
    (CASE WHEN relkind IN ('r', 'p', 'm', 'f') AND attstorage <> typstorage
          THEN 'storage ' || attstorage::text END),
    ('compression ' || compression),
    ('statistics ' || nullif(stattarget, '-1')),
    ('options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(attoptions) o)),
    ('wrapper options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(attfdwoptions) o))
) AS facts(fact)
WHERE fact IS NOT NULL
UNION ALL
SELECT name,
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM col, aclexplode(attacl) a
