/** How many sticky keys are remembered. */
import type { Index, IndexDef } from '../turn.ts'
import type { StickyRow } from './rows.ts'

export interface StickySize extends Index<StickyRow> {
  readonly size: number
}

export const STICKY_SIZE: IndexDef<StickyRow, StickySize> = { name: 'sticky-size', create: createStickySize }

function createStickySize(): StickySize {
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
