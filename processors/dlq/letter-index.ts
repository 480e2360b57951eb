/** Views over letters: all of them and the open ones in order of arrival, and the size of what they carry. */
import type { Index, IndexDef } from '../turn.ts'
import { createOrderedKeys, type OrderedKeys } from './ordered-keys.ts'
import type { ContentRow, LetterRow } from './rows.ts'

export interface LetterIndex extends Index<LetterRow> {
  readonly all: OrderedKeys
  readonly open: OrderedKeys
}

export const LETTER_INDEX: IndexDef<LetterRow, LetterIndex> = { name: 'letter-index', create: createLetterIndex }

function createLetterIndex(): LetterIndex {
  const all = createOrderedKeys()
  const open = createOrderedKeys()
  return {
    all,
    open,
    change(key, before, after) {
      if (before?.order !== after?.order) {
        if (before !== undefined) all.remove(before.order)
        if (after !== undefined) all.add(after.order, key)
      }
      if (before?.state === 'open') open.remove(before.order)
      if (after?.state === 'open') open.add(after.order, key)
    },
  }
}

export interface ContentSize extends Index<ContentRow> {
  readonly bytes: number
}

export const CONTENT_SIZE: IndexDef<ContentRow, ContentSize> = { name: 'content-size', create: createContentSize }

function createContentSize(): ContentSize {
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    change(_key, before, after) {
      bytes += sizeOf(after) - sizeOf(before)
    },
  }
}

function sizeOf(row: ContentRow | undefined): number {
  if (row === undefined) return 0
  const outputs = row.run?.completed.reduce((sum, step) => sum + step.output.length, 0) ?? 0
  return (row.run?.input.length ?? 0) + (row.run?.metadata?.length ?? 0) + outputs + (row.record?.value.length ?? 0)
}
