import type { RelationContract } from '../contract/schema-contract.ts'
import { uniqueTexts, type ModelForm, type TextRow } from './model-form.ts'

/** A row that refers to another one. */
export interface Referrer {
  readonly form: ModelForm
  readonly row: TextRow
  readonly relation: RelationContract
}

/** What the tables hold if the server does what is expected; a statement is made by what is there. Rows are never changed, but replaced. */
export class SimulatedTables {
  readonly forms: readonly ModelForm[]
  #rows: ReadonlyMap<string, readonly TextRow[]> = new Map()

  constructor(forms: readonly ModelForm[]) {
    this.forms = forms
  }

  rowsOf(model: string): readonly TextRow[] {
    return this.#rows.get(model) ?? []
  }

  setRows(model: string, rows: readonly TextRow[]): void {
    this.#rows = new Map(this.#rows).set(model, rows)
  }

  /** The state as it is now, to be put back. */
  save(): () => void {
    const rows = this.#rows
    return () => {
      this.#rows = rows
    }
  }

  /** The other rows that a unique index does not let stand beside this one. */
  conflicts(form: ModelForm, row: TextRow, except?: TextRow): readonly TextRow[] {
    const texts = new Set(uniqueTexts(form, row))
    return this.rowsOf(form.model.model).filter(
      (other) => other !== except && uniqueTexts(form, other).some((text) => texts.has(text)),
    )
  }

  /** The rows that refer to one, itself left out. */
  referrers({ model }: ModelForm, row: TextRow): readonly Referrer[] {
    return this.forms.flatMap((form) =>
      form.model.relations
        .filter((relation) => relation.model === model.model)
        .flatMap((relation) =>
          this.rowsOf(form.model.model)
            .filter((other) => other !== row && refersTo(relation, other, row))
            .map((other) => ({ form, row: other, relation })),
        ),
    )
  }

  /** One row for another, or for none. */
  replace({ model }: ModelForm, row: TextRow, by: TextRow | null): void {
    const rows = this.rowsOf(model.model)
    this.setRows(
      model.model,
      rows.flatMap((other) => (other !== row ? [other] : by === null ? [] : [by])),
    )
  }

  /** The models whose rows refer to those of some, and so on; those themselves included. */
  referringModels(model: string): readonly ModelForm[] {
    const names = new Set([model])
    for (const name of names) {
      for (const form of this.forms) {
        if (form.model.relations.some((relation) => relation.model === name)) names.add(form.model.model)
      }
    }
    return this.forms.filter((form) => names.has(form.model.model))
  }
}

/** Whether the foreign key of one row points to another row. */
export function refersTo({ fields, references }: RelationContract, row: TextRow, to: TextRow): boolean {
  return fields.every((field, index) => {
    const text = row.get(field) ?? null
    return text !== null && text === to.get(references[index] ?? '')
  })
}
