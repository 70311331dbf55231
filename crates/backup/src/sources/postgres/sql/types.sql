WITH ty AS (
    SELECT t.*, format('type %I.%I', n.nspname, t.typname) AS name
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    -- Arrays, multiranges and the row types of tables come and go with what they belong to.
    WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'b' AND t.typcategory <> 'A')
           OR (t.typtype = 'c' AND c.relkind = 'c'))
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL ($1::text[])
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass
                      AND d.objid = t.oid AND d.deptype = 'e')
)
SELECT name, fact
FROM ty, LATERAL (VALUES
    ('kind ' || CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range'
                             WHEN 'c' THEN 'composite' ELSE 'base' END),
    (format('owner %I', pg_get_userbyid(typowner))),
    (CASE WHEN typtype = 'd' THEN 'of ' || format_type(typbasetype, typtypmod) END),
    (CASE WHEN typnotnull THEN 'not null' END),
    ('default ' || typdefault),
    (CASE WHEN typtype = 'd' AND typcollation NOT IN (0, 100)
          THEN 'collation ' || typcollation::regcollation::text END),
    (CASE WHEN typtype = 'e' THEN 'values ' ||
        (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
         FROM pg_enum e WHERE e.enumtypid = ty.oid) END),
    (CASE WHEN typtype = 'r' THEN 'range of ' ||
        (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = ty.oid) END)
) AS facts(fact)
WHERE fact IS NOT NULL
UNION ALL
SELECT name,
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM ty, aclexplode(coalesce(typacl, acldefault('T', typowner))) a
