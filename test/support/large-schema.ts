/** Scalar fields of a model, beside its key and its relation: what applications have, in their usual proportions. */
const FIELDS = [
  '/// What it is called where people see it.\n  name String @db.VarChar(120)',
  'email String? @db.VarChar(320)',
  '/// Free text, as it was typed.\n  notes String?',
  'status Status{e} @default(OPEN)',
  'createdAt DateTime @default(now()) @map("created_at") @db.Timestamptz(6)',
  'updatedAt DateTime @updatedAt @map("updated_at") @db.Timestamptz(6)',
  'dueOn DateTime? @map("due_on") @db.Date',
  '/// Net, in the currency of the account.\n  amount Decimal @db.Decimal(12, 2)',
  'quantity Int @default(0)',
  'weight Float?',
  'serial BigInt',
  'isActive Boolean @default(true) @map("is_active")',
  'settings Json @default("{}")',
  'tags String[]',
] as const

/**
 * A schema of so many models with 16 columns each: a key, a foreign key to an earlier model, and the fields above; an enum for
 * each tenth model, and comments. `blocks` are its datasource and generators.
 */
export function largeSchema(models: number, blocks: string): string {
  const enums = Array.from(
    { length: Math.ceil(models / 10) },
    (_, index) =>
      `/// Where it stands.\nenum Status${index} {\n  OPEN\n  /// Nothing is to be done.\n  DONE\n  LATE @map("too-late")\n}\n`,
  )
  const tables = Array.from({ length: models }, (_, index) => {
    const parent = `Model${Math.floor(index / 3)}`
    const own = FIELDS.map((field) => `  ${field.replace('{e}', String(index % enums.length))}\n`).join('')
    const children = Array.from({ length: 3 }, (__, child) => index * 3 + child)
      .filter((child) => child < models)
      .map((child) => `  children${child} Model${child}[] @relation("r${child}")\n`)
    return (
      `/// A table of an application.\nmodel Model${index} {\n  id String @id @default(uuid()) @db.Uuid\n` +
      `  parentId String? @map("parent_id") @db.Uuid\n` +
      `  parent ${parent}? @relation("r${index}", fields: [parentId], references: [id])\n${own}${children.join('')}\n` +
      `  @@index([status, createdAt])\n  @@map("model_${index}")\n}\n`
    )
  })
  return [blocks, ...enums, ...tables].join('\n')
}
