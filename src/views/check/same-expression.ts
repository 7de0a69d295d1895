import type { ExpressionIr, OrderIr } from '../view-ir.ts'

/** Whether two expressions over the same sources are written the same, and so have the same value. */
export function sameExpression(a: ExpressionIr, b: ExpressionIr): boolean {
  switch (a.kind) {
    case 'column':
      return b.kind === 'column' && a.source === b.source && a.field === b.field
    case 'literal':
      return b.kind === 'literal' && a.text === b.text && a.type.pgType === b.type.pgType
    case 'call':
      return (
        b.kind === 'call' &&
        a.name === b.name &&
        a.type.pgType === b.type.pgType &&
        sameList(a.args, b.args, sameExpression)
      )
    case 'aggregate':
      return (
        b.kind === 'aggregate' &&
        a.name === b.name &&
        a.separator === b.separator &&
        sameOrNone(a.argument, b.argument) &&
        sameOrNone(a.filter, b.filter) &&
        sameList(a.order ?? [], b.order ?? [], sameOrder)
      )
    default:
      return a === b
  }
}

function sameOrder(a: OrderIr, b: OrderIr): boolean {
  return (
    a.descending === b.descending &&
    a.nullsFirst === b.nullsFirst &&
    sameExpression(a.expression, b.expression)
  )
}

function sameOrNone(a: ExpressionIr | null | undefined, b: ExpressionIr | null | undefined): boolean {
  if (a === null || a === undefined) return b === null || b === undefined
  return b !== null && b !== undefined && sameExpression(a, b)
}

function sameList<Item>(
  a: readonly Item[],
  b: readonly Item[],
  same: (a: Item, b: Item) => boolean,
): boolean {
  return (
    a.length === b.length &&
    a.every((item, index) => {
      const other = b[index]
      return other !== undefined && same(item, other)
    })
  )
}
