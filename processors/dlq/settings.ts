import type { Turn } from '../turn.ts'

export interface DlqOptions {
  /** How long a letter is kept; default 14 days. */
  readonly retentionMs?: number
  /** Letters kept per partition; above it the oldest go. Default 100,000. */
  readonly maxLetters?: number
  /** Size of what the open letters of a partition carry, in bytes; above it the oldest go. Default 256 MiB. */
  readonly maxBytes?: number
  /** Letters replayed or discarded in one turn at most; default 200. */
  readonly chunk?: number
  /** Whether the task may begin more runs now; a replay waits while it may not. Default: always. */
  readonly mayBegin?: (turn: Turn) => boolean
}

export type DlqSettings = Required<DlqOptions>

const DAY_MS = 86_400_000

/** @throws {RangeError} */
export function dlqSettings(options: DlqOptions): DlqSettings {
  const { mayBegin = () => true, ...given } = options
  const numbers = { retentionMs: 14 * DAY_MS, maxLetters: 100_000, maxBytes: 256 << 20, chunk: 200, ...given }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`dlq option '${name}' is ${value}; expected a whole number of at least 1`)
    }
  }
  return { ...numbers, mayBegin }
}
