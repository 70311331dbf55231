-- What tells rows of the table $1 apart: sets of columns that are unique and never null, the primary
-- key first, each with the operators by which its index finds values equal.
SELECT array_agg(a.attname::text ORDER BY k.place), array_agg(k.equals ORDER BY k.place)
FROM pg_index i
CROSS JOIN LATERAL (
    SELECT c.place, c.attnum, format('OPERATOR(%I.%s)', n.nspname, o.oprname) AS equals
    FROM unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS c (attnum, opclass, place)
    JOIN pg_opclass oc ON oc.oid = c.opclass
    JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
        AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
    JOIN pg_operator o ON o.oid = ao.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE c.place <= i.indnkeyatts
) k
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid, i.indisprimary, i.indnkeyatts
HAVING count(*) = i.indnkeyatts AND bool_and(a.attnotnull AND a.attgenerated = '')
ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
