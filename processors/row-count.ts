/** How many rows a store has. */
import type { Index, IndexDef } from './turn.ts'

export interface RowCount<V> extends Index<V> {
  readonly size: number
}

export function rowCount<V>(name: string): IndexDef<V, RowCount<V>> {
  return { name, create: createRowCount }
}

function createRowCount<V>(): RowCount<V> {
  let size = 0
  return {
    get size() {
      return size
    },
    change(_key, before, after) {
      size += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    },
  }
}
