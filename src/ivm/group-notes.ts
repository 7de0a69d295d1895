/** Groups that were touched since a reader last looked, each once. */
export class GroupNotes {
  #marks: Uint8Array = new Uint8Array(16)
  #groups: number[] = []

  /** In the order in which they were first touched. */
  get groups(): readonly number[] {
    return this.#groups
  }

  get byteLength(): number {
    return this.#marks.byteLength + this.#groups.length * 8
  }

  has(group: number): boolean {
    return group < this.#marks.length && this.#marks[group] === 1
  }

  add(group: number): void {
    if (group >= this.#marks.length) this.#grow(group)
    if (this.#marks[group] === 1) return
    this.#marks[group] = 1
    this.#groups.push(group)
  }

  clear(): void {
    for (const group of this.#groups) this.#marks[group] = 0
    this.#groups = []
  }

  #grow(group: number): void {
    let length = this.#marks.length
    while (length <= group) length *= 2
    const marks = new Uint8Array(length)
    marks.set(this.#marks)
    this.#marks = marks
  }
}
