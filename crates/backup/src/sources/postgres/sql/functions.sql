WITH fn AS (
    SELECT p.*, format('function %I.%I(%s)', n.nspname, p.proname,
                       pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL ($1::text[])
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                      AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT name, 'definition ' || pg_get_functiondef(oid) FROM fn WHERE prokind <> 'a'
UNION ALL
SELECT fn.name,
       format('aggregate of %s final %s combine %s state %s initial %s sort %s kind %s',
              g.aggtransfn, g.aggfinalfn, g.aggcombinefn, format_type(g.aggtranstype, NULL),
              coalesce(g.agginitval, '-'), g.aggsortop::regoperator, g.aggkind)
FROM fn JOIN pg_aggregate g ON g.aggfnoid = fn.oid
UNION ALL
SELECT name, format('owner %I', pg_get_userbyid(proowner)) FROM fn
UNION ALL
SELECT name,
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM fn, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
