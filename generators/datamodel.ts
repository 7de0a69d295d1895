import * as z from 'zod'

/**
 * What the generator reads of Prisma's options and of its data model (DMMF). Prisma hands over more; only
 * `dmmf.datamodel` is touched, because the rest is large and not meant for generators.
 */

const fieldForm = z.object({
  name: z.string(),
  dbName: z.string().nullish(),
  kind: z.string(),
  type: z.string(),
  isList: z.boolean(),
  isRequired: z.boolean(),
  isUnique: z.boolean(),
  isId: z.boolean(),
  /** `["VarChar", ["191"]]` for `@db.VarChar(191)`. */
  nativeType: z.tuple([z.string(), z.array(z.string())]).nullish(),
  relationName: z.string().optional(),
  relationFromFields: z.array(z.string()).optional(),
  relationToFields: z.array(z.string()).optional(),
  documentation: z.string().optional(),
})

const modelForm = z.object({
  name: z.string(),
  dbName: z.string().nullish(),
  schema: z.string().nullish(),
  fields: z.array(fieldForm),
  primaryKey: z.object({ fields: z.array(z.string()) }).nullable(),
  uniqueFields: z.array(z.array(z.string())),
  documentation: z.string().optional(),
})

const enumForm = z.object({
  name: z.string(),
  dbName: z.string().nullish(),
  values: z.array(
    z.object({ name: z.string(), dbName: z.string().nullish(), documentation: z.string().optional() }),
  ),
  documentation: z.string().optional(),
})

const blockForm = z.object({
  name: z.string(),
  output: z.object({ value: z.string().nullable() }).nullable(),
  config: z.record(z.string(), z.unknown()),
  sourceFilePath: z.string().optional(),
})

const inputForm = z.object({
  generator: blockForm,
  otherGenerators: z.array(blockForm),
  datamodel: z.string(),
  datasources: z.array(z.object({ activeProvider: z.string() })),
  dmmf: z.object({ datamodel: z.object({ models: z.array(modelForm), enums: z.array(enumForm) }) }),
  schemaPath: z.string(),
})

/** One field of a model: a column, or a relation where `kind` is `object`. */
export type DatamodelField = Readonly<z.infer<typeof fieldForm>>

/** One model, or a view: Prisma's data model does not tell them apart. */
export type DatamodelModel = Readonly<z.infer<typeof modelForm>>

/** One enum. Its Postgres schema is not in it; `readSchemaText` finds that. */
export type DatamodelEnum = Readonly<z.infer<typeof enumForm>>

/** Prisma's data model. */
export interface Datamodel {
  readonly models: readonly DatamodelModel[]
  readonly enums: readonly DatamodelEnum[]
}

/** A generator block as Prisma hands it over; `output.value` is absolute. */
export type GeneratorBlock = Readonly<z.infer<typeof blockForm>>

/** The parameters of `generate`. `datamodel` is the text of all schema files, merged and reprinted by Prisma. */
export type GeneratorInput = Readonly<z.infer<typeof inputForm>>

/** Reads what Prisma sends. A ZodError means a version of Prisma that speaks otherwise. */
export function parseGeneratorInput(params: unknown): GeneratorInput {
  return inputForm.parse(params)
}
