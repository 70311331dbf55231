-- Tables that hold rows, with their columns in physical order. Generated columns follow from the
-- others. Tables of extensions are the extension's business, and pg_dump leaves their rows out.
SELECT format('%I.%I', n.nspname, c.relname), n.nspname::text, c.relname::text,
       coalesce(array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum > 0), '{}'),
       -- An estimate: to measure it would take a lock.
       c.relpages::int8
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND n.nspname <> ALL ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
GROUP BY c.oid, n.nspname, c.relname, c.relpages
ORDER BY 1
