/** Letters that failed alike have one fingerprint: same category, code, flow and step, and the same message but for names and numbers in it. */
import { createHash } from 'node:crypto'
import type { DeadLetter } from '../../schemas/records/dlq.ts'

const MESSAGE_CHARS = 1_000

/** What varies between failures of one kind, in the order of replacement. */
const VARYING: readonly (readonly [pattern: RegExp, placeholder: string])[] = [
  [/"[^"]*"|`[^`]*`|“[^”]*”|(?<!\w)'[^']*'/g, '<text>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  // hex without a digit may well be a word
  [/\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b/gi, '<hex>'],
  [/[0-9]+(?:[.,:][0-9]+)*/g, '<n>'],
  [/\s+/g, ' '],
]

export function normaliseMessage(message: string): string {
  let text = message.slice(0, MESSAGE_CHARS)
  for (const [pattern, placeholder] of VARYING) text = text.replace(pattern, placeholder)
  return text.trim()
}

/** 16 hex digits. */
export function fingerprintOf(letter: Pick<DeadLetter, 'category' | 'error' | 'run'>): string {
  const { category, error, run } = letter
  const parts = [category, error.code, run?.flow ?? '', run?.failedStep ?? '', normaliseMessage(error.message)]
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16)
}
