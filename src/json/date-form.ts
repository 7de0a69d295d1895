import { parsePgTypeName } from '../values/pg-type.ts'
import { textForm, type Form } from './form.ts'

/** An instant: its ISO form in UTC with milliseconds, exactly as `toISOString` writes it. */
export const instantForm: Form = textForm({
  kind: 'date',
  write: isoOf,
  read: dateOf,
  need: 'a time as Date.toISOString writes it',
})

/** A date, a time or an instant of a column; a time of day is one of 1970-01-01, as Prisma Client shows it. */
export function dateForm(pgType: string): Form {
  const { base, modifiers } = parsePgTypeName(pgType)
  const unit = 10 ** Math.max(3 - (modifiers[0] ?? 3), 0)
  const isDay = (text: string): boolean => /^(?!0000)\d{4}-/.test(text)
  const isFit = (text: string): boolean => {
    if (base === 'date') return isDay(text) && text.endsWith('T00:00:00.000Z')
    if (base.startsWith('time ')) {
      return text.startsWith('1970-01-01T') || text === '1970-01-02T00:00:00.000Z'
    }
    return isDay(text)
  }
  return textForm({
    kind: 'date',
    write: isoOf,
    read(text) {
      const date = dateOf(text)
      return date !== undefined && isFit(text) && date.getTime() % unit === 0 ? date : undefined
    },
    need: `a ${pgType} of the years 1 to 9999 as Date.toISOString writes it`,
  })
}

function isoOf(value: unknown): string | undefined {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : undefined
}

function dateOf(text: string): Date | undefined {
  const date = new Date(text)
  return isoOf(date) === text ? date : undefined
}
