-- Sequences from which columns of the table $1 take their values: because they own them (serial,
-- identity), or because their default asks them.
SELECT f.seq, quote_ident(a.attname), q.seqincrement
FROM (
    SELECT d.objid AS seq, d.refobjsubid::int4 AS col
    FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjid = $1 AND d.refobjsubid > 0
    UNION
    SELECT d.refobjid, ad.adnum::int4
    FROM pg_depend d JOIN pg_attrdef ad ON ad.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
      AND ad.adrelid = $1
) f
JOIN pg_sequence q ON q.seqrelid = f.seq
JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = f.col
WHERE a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
