import type { Index, IndexDef, Processor, StoreDef } from '../../../processors/turn.ts'
import { defineValue, long, nullable, string } from '../../../schemas/define.ts'

export interface Item {
  readonly name: string
  readonly dueAtMs: number | null
}

/** Counts rows per name. */
export class NameCounts implements Index<Item> {
  readonly counts = new Map<string, number>()

  change(_key: string, before: Item | undefined, after: Item | undefined): void {
    if (before !== undefined) this.#add(before.name, -1)
    if (after !== undefined) this.#add(after.name, 1)
  }

  #add(name: string, by: number): void {
    const count = (this.counts.get(name) ?? 0) + by
    if (count === 0) this.counts.delete(name)
    else this.counts.set(name, count)
  }
}

export const NAME_COUNTS: IndexDef<Item, NameCounts> = { name: 'name-counts', create: () => new NameCounts() }

export const ITEMS: StoreDef<Item> = {
  name: 'items',
  id: 200,
  type: defineValue('TestItem', { name: string, dueAtMs: nullable(long) }),
  dueAt: (item) => item.dueAtMs,
  indexes: [NAME_COUNTS],
}

/** A processor of `result` that keeps items; tests give the handlers. */
export function itemProcessor(parts: Partial<Processor>): Processor {
  return { topic: 'result', stores: [ITEMS], handlers: {}, due: [], ...parts }
}
