/** Prisma's scalar types; an enum column has `enum` beside it. */
export type ScalarType =
  | 'String'
  | 'Int'
  | 'BigInt'
  | 'Float'
  | 'Decimal'
  | 'Boolean'
  | 'DateTime'
  | 'Json'
  | 'Bytes'
  | 'Enum'

/** One column of a table: its name on both sides, its type on both sides. */
export interface ColumnContract {
  /** Prisma's field name, the property of a row. */
  readonly field: string
  /** The name in the database. */
  readonly column: string
  readonly type: ScalarType
  /** Present exactly if `type` is `Enum`: the enum's Prisma name. */
  readonly enum?: string
  /**
   * Postgres' own name of the element type as `format_type` prints it, for example `integer`,
   * `numeric(10,2)`, `character varying(255)`, `timestamp(3) without time zone`, `"Role"`.
   * A list column carries the element's type here.
   */
  readonly pgType: string
  readonly list: boolean
  /** Whether a row may hold `null`. Lists are never null: Prisma reads a null list as empty. */
  readonly nullable: boolean
  /** Never in a contract: a list that a view aggregated, which may be NULL and hold NULLs. */
  readonly nulls?: true
}

/** A foreign key, as the model that holds it declares it. */
export interface RelationContract {
  /** Prisma's name of the relation field. */
  readonly field: string
  readonly model: string
  /** Fields of this model, in the order of `references`. */
  readonly fields: readonly string[]
  readonly references: readonly string[]
}

/** One table and the Prisma model that stands for it. */
export interface ModelContract {
  readonly model: string
  readonly schema: string
  readonly table: string
  readonly columns: readonly ColumnContract[]
  /** Field names of the primary key, in its order; of a non-null unique index where there is no primary key. */
  readonly key: readonly string[]
  /** Whether `key` is the table's primary key. */
  readonly keyIsPrimary: boolean
  /** Field names of each further unique index without a predicate; absent where there is none. NULLs are distinct in it. */
  readonly uniques?: readonly (readonly string[])[]
  readonly relations: readonly RelationContract[]
}

/** An enum: Prisma's names and the labels that Postgres stores. */
export interface EnumContract {
  readonly name: string
  /** The Postgres schema of the type: enums of two schemas may share `pgName`. */
  readonly schema: string
  /** The type's name in the database. */
  readonly pgName: string
  readonly values: readonly { readonly name: string; readonly label: string }[]
}

/**
 * What build time and run time agree on: every table that can be captured, with its key and its columns.
 * Plain data, the same for every front end; nothing in it is Prisma's own.
 */
export interface SchemaContract {
  readonly version: 1
  /** SHA-256 of everything else in it, lower-case hex. */
  readonly hash: string
  readonly enums: readonly EnumContract[]
  readonly models: readonly ModelContract[]
}

/** What the runtime needs of decimal.js; `Prisma.Decimal` satisfies it. */
export interface DecimalLike {
  /** All digits, without an exponent. */
  toFixed(): string
  /** The shortest text; it may have an exponent. */
  toString(): string
}

/** Makes a decimal from its text. The generated code passes Prisma's own class. */
export type DecimalConstructor = new (text: string) => DecimalLike

/**
 * The generated `schema`: the contract and the Decimal class of the Prisma Client beside it. Its type
 * parameters carry the handlers that fit its models, and the union of all their changes.
 */
export interface Schema<Handlers = unknown, Changes = unknown> {
  readonly contract: SchemaContract
  readonly Decimal: DecimalConstructor
  /** Types only; never present at run time. */
  readonly $types?: { readonly handlers: Handlers; readonly changes: Changes }
}

/**
 * The generated handle of a table, `Visit`. Its type parameters carry the model's name, its row, the fields of its key and, where large
 * values may be absent after an update, what then is known of a row; at run time it is a name and the schema.
 */
export interface Table<
  Model extends string = string,
  Row = unknown,
  KeyField extends string = string,
  After = unknown,
> {
  readonly kind: 'table'
  readonly model: Model
  readonly schema: Schema
  /** Types only; never present at run time. */
  readonly $types?: { readonly row: Row; readonly key: KeyField; readonly after: After }
}
