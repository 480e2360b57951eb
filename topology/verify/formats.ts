/**
 * What the checker is given besides the log. Both are JSON, one object a line, append-only, written by somebody else than Beamline.
 *
 * Effect ledger, one line per effect that a step had on the outside:
 *
 *     {"key": "tenant/run/step/attempt", "at_ms": 1750000000000}
 *
 * Client history, one line per answer a client got:
 *
 *     {"op": "submit", "run_id": "...", "accepted": true, "at_ms": 1750000000000, "tenant": "default", "idempotency_key": "..."}
 *
 * `op` is `submit` or `cancel`; `accepted` is what the answer said; `tenant` (default `default`) and `idempotency_key` are optional. Other fields are
 * left alone.
 */

export interface LedgerLine {
  readonly key: string
  readonly at_ms: number
}

export interface ClientLine {
  readonly op: 'submit' | 'cancel'
  readonly run_id: string
  readonly accepted: boolean
  readonly at_ms: number
  readonly tenant?: string
  readonly idempotency_key?: string
}

/** A line that is not of its format. The message says which line, what was found and what was expected. */
export class LineError extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`)
    this.name = 'LineError'
    this.line = line
  }
}

/** @throws {LineError} */
export function parseLedgerLine(text: string, line: number): LedgerLine {
  const value = parseObject(text, line)
  if (typeof value.key !== 'string') throw expected(line, 'key', 'a string', value.key)
  if (typeof value.at_ms !== 'number') throw expected(line, 'at_ms', 'a number', value.at_ms)
  return { key: value.key, at_ms: value.at_ms }
}

/** @throws {LineError} */
export function parseClientLine(text: string, line: number): ClientLine {
  const value = parseObject(text, line)
  const { op, run_id, accepted, at_ms, tenant, idempotency_key } = value
  if (op !== 'submit' && op !== 'cancel') throw expected(line, 'op', "'submit' or 'cancel'", op)
  if (typeof run_id !== 'string') throw expected(line, 'run_id', 'a string', run_id)
  if (typeof accepted !== 'boolean') throw expected(line, 'accepted', 'true or false', accepted)
  if (typeof at_ms !== 'number') throw expected(line, 'at_ms', 'a number', at_ms)
  return {
    op,
    run_id,
    accepted,
    at_ms,
    ...(typeof tenant === 'string' ? { tenant } : {}),
    ...(typeof idempotency_key === 'string' ? { idempotency_key } : {}),
  }
}

/**
 * The lines of a file that may have been cut off in the middle of its last line, as a killed writer leaves it: a last line without line end that is not
 * JSON is left out.
 * @throws {LineError} for any other line that is not of the format
 */
export function parseLines<T>(text: string, parse: (text: string, line: number) => T): T[] {
  const lines = text.split('\n')
  const unfinished = lines.pop() ?? ''
  const parsed = lines.flatMap((line, index) => (line.trim() === '' ? [] : [parse(line, index + 1)]))
  if (unfinished.trim() === '') return parsed
  try {
    parsed.push(parse(unfinished, lines.length + 1))
  } catch {
    // cut off while it was written, so nobody was told of it
  }
  return parsed
}

function parseObject(text: string, line: number): { readonly [name: string]: unknown } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new LineError(
      line,
      `expected a JSON object, found ${JSON.stringify(text.slice(0, 60))}: ${(error as Error).message}`,
    )
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as { [name: string]: unknown }
  throw new LineError(line, `expected a JSON object, found ${JSON.stringify(text.slice(0, 60))}`)
}

function expected(line: number, field: string, what: string, found: unknown): LineError {
  return new LineError(line, `'${field}' must be ${what}; found ${JSON.stringify(found) ?? 'nothing'}`)
}
