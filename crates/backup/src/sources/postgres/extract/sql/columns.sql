-- Columns of the table $1 in physical order.
SELECT a.attname::text,
       format_type(a.atttypid, a.atttypmod),
       a.attgenerated <> '',
       -- Whether a row can be inserted without it.
       NOT a.attnotnull OR a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       -- Its default, if that is the same each time it is asked for.
       CASE WHEN a.attgenerated = ''
             AND d.adbin::text !~ '\{(NEXTVALEXPR|SQLVALUEFUNCTION|COERCEVIAIO|SUBLINK)'
             AND NOT EXISTS (
                 SELECT FROM regexp_matches(d.adbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') AS m
                 JOIN pg_proc p ON p.oid = m[1]::oid
                 WHERE p.provolatile <> 'i')
            THEN pg_get_expr(d.adbin, d.adrelid) END,
       -- What it is in rows that are older than the column, as an array of one.
       CASE WHEN a.atthasmissing THEN a.attmissingval::text END,
       -- Whether the type is in every database, and its values mean the same there.
       a.atttypid < 16384 AND t.typtype IN ('b', 'r', 'm')
           AND coalesce(e.typname, t.typname) !~ '^(reg|aclitem$)'
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
