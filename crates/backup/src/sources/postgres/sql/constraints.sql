SELECT format('constraint %I on %s', k.conname,
              CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text
                   ELSE format_type(k.contypid, NULL) END),
       'definition ' || pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
  -- The server makes up the names of foreign keys that partitions inherit.
  AND NOT (k.contype = 'f' AND k.conparentid <> 0)
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND n.nspname <> ALL ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.deptype = 'e' AND e.objsubid = 0
                    AND ((k.conrelid <> 0 AND e.classid = 'pg_class'::regclass AND e.objid = k.conrelid)
                      OR (k.contypid <> 0 AND e.classid = 'pg_type'::regclass AND e.objid = k.contypid)))
