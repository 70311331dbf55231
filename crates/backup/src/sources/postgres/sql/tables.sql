-- Tables that hold rows, with their columns sorted by name. Tables of extensions are the
-- extension's business, and pg_dump leaves their rows out.
SELECT format('%I.%I', n.nspname, c.relname),
       coalesce(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C"), '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND n.nspname <> ALL ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
GROUP BY c.oid, n.nspname, c.relname
ORDER BY 1
