import { capabilityOf } from './capabilities.ts'
import { checkColumnOperand, label, refuse, type Checked, type CheckScope } from './check-column.ts'
import type { RawExpression } from './expression.ts'
import type { AggregateIr, TypeIr } from './view-ir.ts'

const COUNT: TypeIr = { scalar: 'Int', pgType: 'bigint', list: false, nullable: false }

/** Checks an aggregate and gives it its type. */
export function checkAggregate(
  scope: CheckScope,
  raw: Extract<RawExpression, { kind: 'aggregate' }>,
  place: string,
): Checked<AggregateIr> {
  if (raw.argument === null && raw.name === 'count') {
    return { kind: 'aggregate', name: 'count', argument: null, type: COUNT }
  }
  const argument = checkColumnOperand(scope, raw.argument, raw.name, place)
  if (argument === null) return null
  const capability = capabilityOf(argument.type)
  switch (raw.name) {
    case 'count':
      // Postgres may hold NULL in a list where Prisma shows [], and the contract cannot tell.
      if (argument.type.list) return refuse(scope, argument, capability, 'counted', place)
      return { kind: 'aggregate', name: 'count', argument, type: COUNT }
    case 'sum':
    case 'avg': {
      const pgType = capability[raw.name]
      if (pgType === null && argument.type.scalar !== 'Float' && capability.family !== 'number') {
        return scope.problems.add(
          'VIEW.INVALID_DEFINITION',
          place,
          `${raw.name} needs numbers, and ${label(argument)} is not one`,
        )
      }
      if (pgType === null) return refuse(scope, argument, capability, `used in ${raw.name}`, place)
      const float = raw.name === 'avg' && pgType === 'double precision'
      const scalar = float ? 'Float' : argument.type.scalar
      return {
        kind: 'aggregate',
        name: raw.name,
        argument,
        type: { scalar, pgType, list: false, nullable: true },
      }
    }
    default: {
      const pgType = capability.minMax
      if (pgType === null) return refuse(scope, argument, capability, `used in ${raw.name}`, place)
      return {
        kind: 'aggregate',
        name: raw.name,
        argument,
        type: { ...argument.type, pgType, nullable: true },
      }
    }
  }
}
