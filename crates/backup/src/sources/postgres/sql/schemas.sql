WITH ns AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl
    FROM pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL ($1::text[])
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
                      AND d.objid = n.oid AND d.deptype = 'e')
      -- A new database has an empty public schema even where the old one had dropped it; as long
      -- as it is empty and as it was made, it counts as not there.
      AND NOT (n.nspname = 'public'
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                               AND d.refobjid = n.oid)
               AND n.nspacl IS NOT DISTINCT FROM (
                   SELECT i.initprivs FROM pg_init_privs i
                   WHERE i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid AND i.objsubid = 0))
)
SELECT format('schema %I', nspname), format('owner %I', pg_get_userbyid(nspowner)) FROM ns
UNION ALL
SELECT format('schema %I', nspname),
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM ns, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
UNION ALL
SELECT format('default privileges of %I on %s%s', pg_get_userbyid(d.defaclrole), d.defaclobjtype,
              coalesce(' in ' || quote_ident(n.nspname), '')),
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,
     aclexplode(d.defaclacl) a
WHERE n.nspname IS NULL OR n.nspname <> ALL ($1::text[])
