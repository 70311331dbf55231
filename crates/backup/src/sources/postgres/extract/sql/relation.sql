-- $1 schema, $2 table.
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind::text,
       n.nspname LIKE 'pg\_%' OR n.nspname = 'information_schema'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
