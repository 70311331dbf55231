WITH rel AS (
    SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name,
           CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                          WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
                          ELSE 'table' END AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL ($1::text[])
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
)
SELECT kind || ' ' || name, fact
FROM rel, LATERAL (VALUES
    (format('owner %I', pg_get_userbyid(relowner))),
    (CASE WHEN relpersistence = 'u' THEN 'unlogged' END),
    (CASE WHEN relrowsecurity THEN 'row security' END),
    (CASE WHEN relforcerowsecurity THEN 'row security forced' END),
    (CASE WHEN relkind IN ('r', 'p', 'm') AND relreplident NOT IN ('d', 'n')
          THEN 'replica identity ' || relreplident::text END),
    (CASE WHEN relkind IN ('r', 'p', 'm') AND relreplident = 'n' THEN 'replica identity nothing' END),
    ('options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o)),
    (CASE WHEN relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(oid) END),
    (CASE WHEN relispartition THEN 'partition ' || pg_get_expr(relpartbound, oid) END),
    ('access method ' || (SELECT amname FROM pg_am WHERE pg_am.oid = relam AND amname <> 'heap')),
    (CASE WHEN relkind IN ('v', 'm') THEN 'definition ' || pg_get_viewdef(oid) END),
    (CASE WHEN relkind = 'm' AND NOT relispopulated THEN 'not populated' END),
    (CASE WHEN reloftype <> 0 THEN 'of type ' || format_type(reloftype, NULL) END)
) AS facts(fact)
WHERE fact IS NOT NULL
UNION ALL
SELECT rel.kind || ' ' || rel.name, 'child of ' || i.inhparent::regclass::text
FROM rel JOIN pg_inherits i ON i.inhrelid = rel.oid
UNION ALL
SELECT rel.kind || ' ' || rel.name,
       format('%s start %s increment %s minimum %s maximum %s cache %s%s',
              format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
              s.seqcache, CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END)
FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid
UNION ALL
SELECT rel.kind || ' ' || rel.name,
       format('owned by %s.%I', d.refobjid::regclass, a.attname)
FROM rel
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = rel.oid
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE rel.relkind = 'S'
UNION ALL
SELECT rel.kind || ' ' || rel.name,
       format('grant %s to %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM rel, aclexplode(coalesce(relacl, acldefault(
    CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))) a
UNION ALL
SELECT format('trigger %I on %s', t.tgname, rel.name), fact
FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal,
LATERAL (VALUES
    ('definition ' || pg_get_triggerdef(t.oid)),
    (CASE WHEN t.tgenabled <> 'O' THEN 'enabled ' || t.tgenabled::text END)
) AS facts(fact)
WHERE fact IS NOT NULL AND coalesce(:trigger_parent, 0) = 0
UNION ALL
SELECT format('rule %I on %s', r.rulename, rel.name), fact
FROM rel JOIN pg_rewrite r ON r.ev_class = rel.oid AND r.rulename <> '_RETURN',
LATERAL (VALUES
    ('definition ' || pg_get_ruledef(r.oid)),
    (CASE WHEN r.ev_enabled <> 'O' THEN 'enabled ' || r.ev_enabled::text END)
) AS facts(fact)
WHERE fact IS NOT NULL
UNION ALL
SELECT format('policy %I on %s', p.polname, rel.name),
       format('%s for %s to %s using %s with check %s',
              CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
              (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', '
                                 ORDER BY pg_get_userbyid(r))
               FROM unnest(p.polroles) r),
              coalesce(pg_get_expr(p.polqual, p.polrelid), '-'),
              coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-'))
FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
UNION ALL
-- An index that is not valid is not part of a dump.
SELECT format('index %I.%I', n.nspname, ic.relname), fact
FROM rel JOIN pg_index i ON i.indrelid = rel.oid
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = ic.relnamespace
LEFT JOIN pg_inherits h ON h.inhrelid = ic.oid,
LATERAL (VALUES
    ('definition ' || pg_get_indexdef(ic.oid)),
    (CASE WHEN i.indisclustered THEN 'clustered' END),
    (CASE WHEN i.indisreplident THEN 'replica identity' END),
    ('child of ' || h.inhparent::regclass::text)
) AS facts(fact)
WHERE fact IS NOT NULL AND (i.indisvalid OR rel.relkind = 'p')
