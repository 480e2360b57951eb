/** Which open letters a request means. */
import type { LetterFilter } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { LETTER_INDEX } from './letter-index.ts'
import type { LetterRow } from './rows.ts'
import { LETTERS } from './stores.ts'

export interface OpenLetter {
  readonly letterId: string
  readonly row: LetterRow
}

const idSets = new WeakMap<LetterFilter, ReadonlySet<string>>()

export function matches(filter: LetterFilter, letterId: string, row: LetterRow): boolean {
  return (
    row.tenant === filter.tenant &&
    (filter.fingerprint === null || filter.fingerprint === row.fingerprint) &&
    (filter.flow === null || filter.flow === row.flow) &&
    (filter.code === null || filter.code === row.error.code) &&
    (filter.letterIds.length === 0 || idSetOf(filter).has(letterId))
  )
}

/** The matching letters in order of arrival. */
export function* openLetters(turn: Turn, filter: LetterFilter): IterableIterator<OpenLetter> {
  const { open } = turn.index(LETTER_INDEX)
  for (let next = open.after(-1); next !== undefined; next = open.after(next.order)) {
    const row = turn.get(LETTERS, next.key)!
    if (matches(filter, next.key, row)) yield { letterId: next.key, row }
  }
}

function idSetOf(filter: LetterFilter): ReadonlySet<string> {
  let ids = idSets.get(filter)
  if (ids === undefined) {
    ids = new Set(filter.letterIds)
    idSets.set(filter, ids)
  }
  return ids
}
