-- Which columns take their values from which sequences: because they own them (serial, identity),
-- or because their default asks them.
SELECT DISTINCT format('%I.%I', sn.nspname, s.relname), format('%I.%I', tn.nspname, t.relname),
       quote_ident(a.attname), q.seqincrement
FROM (
    SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid AS col
    FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT d.refobjid, ad.adrelid, ad.adnum
    FROM pg_depend d JOIN pg_attrdef ad ON ad.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
) f
JOIN pg_sequence q ON q.seqrelid = f.seq
JOIN pg_class s ON s.oid = f.seq
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class t ON t.oid = f.tab AND t.relkind IN ('r', 'p') AND t.relpersistence <> 't'
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = f.tab AND a.attnum = f.col
WHERE a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  AND sn.nspname <> ALL ($1::text[])
