/**
 * What one owner of references (a task, a read model) refers to, as a note beside the blobs: a line of JSON, then a hash a line, of the last round and, behind a line `-`, of the one before.
 */
import { isBlobHash } from '../../schemas/blob.ts'
import type { EpochMs } from '../../schemas/ids.ts'

export interface Round {
  /** Whose references they are: of another log's owners nothing is known here. */
  readonly logId: string
  /** Everything that was appended before was looked at, if it still counts. */
  readonly startedAtMs: EpochMs
  readonly hashes: ReadonlySet<string>
}

/** The last two rounds of an owner; a reference may have been on its way from one owner to the other during one of them. */
export interface RoundNote {
  readonly last: Round
  readonly before: Round | null
}

export function encodeNote({ last, before }: RoundNote): string {
  const head = { log: last.logId, startedAtMs: last.startedAtMs, beforeAtMs: before?.startedAtMs ?? null }
  return [JSON.stringify(head), ...last.hashes, '-', ...(before?.hashes ?? [])].join('\n')
}

/** `null` for what is no such note. */
export function decodeNote(text: string): RoundNote | null {
  const [first = '', ...lines] = text.split('\n')
  const parts = lines.indexOf('-')
  if (parts < 0) return null
  const hashes = (from: number, to: number): ReadonlySet<string> => new Set(lines.slice(from, to).filter(isBlobHash))
  try {
    const { log, startedAtMs, beforeAtMs } = JSON.parse(first) as {
      log: string
      startedAtMs: number
      beforeAtMs: number | null
    }
    if (typeof log !== 'string' || !Number.isFinite(startedAtMs)) return null
    const last = { logId: log, startedAtMs, hashes: hashes(0, parts) }
    if (beforeAtMs === null) return { last, before: null }
    return { last, before: { logId: log, startedAtMs: beforeAtMs, hashes: hashes(parts + 1, lines.length) } }
  } catch {
    return null
  }
}
