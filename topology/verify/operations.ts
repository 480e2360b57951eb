/** Bulk operations: each does an item once, and says of as many as it has done. */
import type { OperationProgressed } from '../../schemas/records/operations.ts'
import type { Findings } from './findings.ts'

interface Part {
  readonly where: string
  readonly matched: number
  readonly seen: number
  readonly state: OperationProgressed['state']
}

export class Operations {
  readonly #items = new Set<string>()
  /** By operation and partition. */
  readonly #parts = new Map<string, Part>()
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** What a task says, in the order of its partition of `events`. */
  progressed(event: OperationProgressed, partition: number, where: string): void {
    const { operationId, state, matched, done, skipped, failed, items } = event
    for (const { id } of items) {
      const key = `${operationId}/${id}`
      if (this.#items.has(key)) this.#findings.add('operation_item_twice', where, `${operationId} did ${id} before`)
      this.#items.add(key)
    }
    const key = `${operationId}/${partition}`
    const before = this.#parts.get(key)
    const seen = (before?.seen ?? 0) + items.length
    const told = done + skipped + failed
    // parts of a list that were forgotten count as failed at the end, without their items
    if (told < seen || told > matched || (state === 'running' && told !== seen)) {
      const message = `${operationId} says ${told} of ${matched} items are through; ${seen} were told`
      this.#findings.add('operation_miscounted', where, message)
    }
    if (before !== undefined && before.state !== 'running') {
      this.#findings.add('operation_miscounted', where, `${operationId} went on after it was ${before.state}`)
    }
    this.#parts.set(key, { where, matched, seen, state })
  }

  /** Nothing goes on any more. */
  finish(): void {
    for (const [key, { where, state }] of this.#parts) {
      if (state === 'running') this.#findings.add('operation_unfinished', where, `operation ${key} has no end`)
    }
  }
}
