import { quoteLiteral } from '../core/quote.ts'

/** A table whose state is asked for, by the name in the contract. */
export interface FingerprintTarget {
  readonly model: string
  readonly schema: string
  readonly table: string
  /** The columns that are used, by their names in the database. */
  readonly columns: readonly string[]
  /** The oid that was known under the name, to find a table again that was renamed. */
  readonly oid: number | null
}

/** One used column. */
export interface ColumnFingerprint {
  /** Its number, which no other column of the table ever gets. */
  readonly number: number
  /** Type, modifier, collation and whether it is generated. */
  readonly type: string
  /** The transaction that wrote its catalog row. */
  readonly version: string
  /** The labels of its enum, in order; null for other types. */
  readonly labels: readonly string[] | null
}

/** How the publication carries one table. */
export interface MembershipFingerprint {
  /** The membership's own oid: taken out and put back, it is another. Null where the table is not named. */
  readonly row: number | null
  /** Whether its changes are carried under its name. */
  readonly isListed: boolean
  readonly isFiltered: boolean
  /** The columns that it is narrowed to; null for all. */
  readonly columns: readonly string[] | null
}

/** What is compared of one table. */
export interface TableFingerprint {
  /** The table that bears the name; null if there is none. */
  readonly oid: number | null
  /** The present name of the table that is asked for by oid, if it is not under the name any more. */
  readonly movedTo: string | null
  /** By name; lacks those that are gone. */
  readonly columns: Readonly<Record<string, ColumnFingerprint>>
  /** Kind, persistence, replica identity, unique indexes, inheritance: what preflight looks at beside columns. */
  readonly shape: string
  /** The file of its rows: another one after TRUNCATE and whatever rewrites the table. */
  readonly file: number
  /** Each partition with its file, its replica identity and when it was attached; null for an ordinary table. */
  readonly partitions: string | null
  readonly membership: MembershipFingerprint
}

/** What is compared of the publication. */
export interface PublicationFingerprint {
  readonly oid: number
  /** The transaction that wrote its catalog row: another one after any ALTER but of its tables. */
  readonly version: string
  readonly isOwner: boolean
  /** Whether it publishes every operation. */
  readonly publishesAll: boolean
  readonly isViaRoot: boolean
}

/** The state of the catalog that a stream depends on, at one moment. */
export interface Fingerprints {
  /** Null: there is none of the name. */
  readonly publication: PublicationFingerprint | null
  /** By model. */
  readonly tables: ReadonlyMap<string, TableFingerprint>
}

/**
 * One statement that reads the fingerprints; it may stand behind others in one message.
 *
 * It opens no table, so no lock of anybody holds it up.
 * Rights: none. Version: 14, with what 15 added where `serverVersion` has it.
 */
export function fingerprintSql(
  targets: readonly FingerprintTarget[],
  publication: string,
  serverVersion: number,
): string {
  const rows = targets.map(
    ({ model, schema, table, columns, oid }) =>
      `(${[model, schema, table].map(quoteLiteral).join(', ')}, ARRAY[${columns.map(quoteLiteral).join(', ')}]::text[], ` +
      `${oid === null ? 'NULL' : String(oid)}::oid)`,
  )
  // A sync of messages alone has no tables, and a publication all the same.
  if (rows.length === 0) rows.push('(NULL, NULL, NULL, NULL::text[], NULL::oid)')
  // Row filters, column lists and whole schemas came with 15.
  const since15 = serverVersion >= 150_000
  const ofSchema = since15
    ? 'EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = c.relnamespace)'
    : 'false'
  const filter = since15 ? 'r.prqual IS NOT NULL' : 'false'
  const narrowed = since15
    ? `(SELECT jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs) AND NOT a.attisdropped)`
    : 'NULL::jsonb'
  return `
    SELECT w.model, jsonb_build_object(
      'publication', CASE WHEN p.oid IS NOT NULL THEN jsonb_build_object(
        'oid', p.oid::int8, 'version', p.xmin::text, 'isOwner', pg_has_role(p.pubowner, 'USAGE'),
        'publishesAll', p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, 'isViaRoot', p.pubviaroot) END,
      'oid', c.oid::int8,
      'movedTo', (SELECT format('%I.%I', m.nspname, o.relname)
                  FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace m ON m.oid = o.relnamespace
                  WHERE o.oid = w.oid AND o.oid IS DISTINCT FROM c.oid),
      'columns', coalesce((
        SELECT jsonb_object_agg(a.attname, jsonb_build_object(
          'number', a.attnum, 'version', a.xmin::text,
          'type', concat_ws(':', a.atttypid, a.atttypmod, a.attcollation, a.attgenerated),
          'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
                     WHERE e.enumtypid IN (t.oid, t.typelem))))
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname::text = ANY (w.columns)), '{}'),
      'shape', concat_ws('|', c.relkind, c.relpersistence, c.relreplident,
        c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid),
        (SELECT string_agg(concat_ws(',', i.indexrelid, i.indkey::text, i.indnkeyatts, i.indisprimary, i.indisreplident,
                                     i.indimmediate, i.indisvalid, i.indpred IS NULL, i.indexprs IS NULL), ';'
                           ORDER BY i.indexrelid)
         FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique)),
      'file', c.relfilenode::int8,
      'partitions', (
        WITH RECURSIVE tree AS (
          SELECT h.inhrelid, h.xmin::text AS version FROM pg_catalog.pg_inherits h
          WHERE c.relkind = 'p' AND h.inhparent = c.oid
          UNION ALL
          SELECT h.inhrelid, h.xmin::text FROM tree JOIN pg_catalog.pg_inherits h ON h.inhparent = tree.inhrelid)
        SELECT string_agg(concat_ws(':', tree.inhrelid, tree.version, l.relfilenode, l.relreplident), ',' ORDER BY tree.inhrelid)
        FROM tree JOIN pg_catalog.pg_class l ON l.oid = tree.inhrelid),
      'membership', jsonb_build_object(
        'row', r.oid::int8,
        'isListed', coalesce((p.puballtables OR r.oid IS NOT NULL OR ${ofSchema})
                             AND (c.relkind <> 'p' OR p.pubviaroot), false),
        'isFiltered', ${filter}, 'columns', ${narrowed}))::text
    FROM (VALUES ${rows.join(', ')}) AS w (model, schema, name, columns, oid)
    LEFT JOIN pg_catalog.pg_publication p ON p.pubname = ${quoteLiteral(publication)}
    LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
      ON n.nspname = w.schema AND c.relname = w.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid`
}

/** Reads what {@link fingerprintSql} answers, its columns as texts. */
export function readFingerprints(rows: readonly (readonly (string | null)[])[]): Fingerprints {
  let publication: PublicationFingerprint | null = null
  const tables = new Map<string, TableFingerprint>()
  for (const [model, json] of rows) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement above builds it
    const read = JSON.parse(json ?? '') as TableFingerprint & { publication: PublicationFingerprint | null }
    const { publication: of, ...table } = read
    publication = of
    if (model != null) tables.set(model, table)
  }
  return { publication, tables }
}
