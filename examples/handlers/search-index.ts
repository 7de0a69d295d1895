import { EventEmitter, once } from 'node:events'

/** Which documents have a word: a stand-in for Meilisearch, Elasticsearch or the like. */
export class SearchIndex {
  readonly #documents = new Map<string, Readonly<Record<string, string>>>()
  readonly #events = new EventEmitter()

  /** Writes a document over what is there; a field that is undefined keeps its text. */
  put(id: string, fields: Readonly<Record<string, string | undefined>>): void {
    const document = { ...this.#documents.get(id) }
    for (const [name, text] of Object.entries(fields)) if (text !== undefined) document[name] = text
    this.#documents.set(id, document)
    this.#events.emit('change')
  }

  remove(id: string): void {
    this.#documents.delete(id)
    this.#events.emit('change')
  }

  clear(): void {
    this.#documents.clear()
    this.#events.emit('change')
  }

  /** Ids of the documents with that word, in order. */
  search(word: string): readonly string[] {
    return [...this.#documents]
      .filter(([, fields]) => Object.values(fields).join(' ').toLowerCase().split(/\W+/).includes(word))
      .map(([id]) => id)
      .toSorted()
  }

  /** Resolves once the condition holds; it is looked at after each change. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#events, 'change')
  }
}
