import type { Json } from '../json.ts'
import { ERROR_CLASSES } from '../records/shared.ts'
import { aliased, checkNames, choiceAt, durationAt, integerAt, listAt, objectAt } from './fields.ts'
import type { RetryPolicy } from './model.ts'
import { didYouMean } from './nearest.ts'
import { type Path, type Problems, show } from './problems.ts'

const preset = (attempts: number, baseMs: number, maxMs: number): RetryPolicy => ({
  attempts,
  backoff: 'exponential',
  baseMs,
  maxMs,
  jitter: 0.1,
  on: null,
  notOn: [],
})

export const RETRY_PRESETS: { readonly [name: string]: RetryPolicy } = {
  aggressive: preset(5, 1_000, 15_000),
  conservative: preset(3, 2_000, 30_000),
  patient: preset(10, 5_000, 300_000),
  email: preset(5, 2_000, 60_000),
  api: preset(4, 500, 10_000),
  database: preset(3, 100, 2_000),
  payment: preset(3, 1_000, 10_000),
}

/** What a step has that says nothing about retries, and where single settings start from. */
export const DEFAULT_RETRY = RETRY_PRESETS.conservative!

const NAMES = { known: ['attempts', 'backoff', 'base', 'max', 'jitter', 'on', 'notOn', 'backoff_ms'] }
const BACKOFFS = ['fixed', 'linear', 'exponential'] as const
const ERROR_CODE = /^[A-Z0-9][A-Z0-9_]{0,63}$/

/** A preset's name or an object of settings. */
export function checkRetry(value: Json | undefined, at: Path, problems: Problems): RetryPolicy {
  if (value === undefined || value === null) return DEFAULT_RETRY
  if (typeof value === 'string') {
    if (Object.hasOwn(RETRY_PRESETS, value)) return RETRY_PRESETS[value]!
    const names = Object.keys(RETRY_PRESETS)
    const hint = didYouMean(value, names)
    problems.report(
      'INVALID_FIELD',
      at,
      `unknown retry preset ${show(value)}${hint}; expected one of ${names.join(', ')}`,
    )
    return DEFAULT_RETRY
  }
  const object = objectAt(value, at, 'a preset or an object such as { attempts: 3 }', problems)
  if (object === null) return DEFAULT_RETRY
  checkNames(object, NAMES, at, problems)
  const { attempts, backoff, max, jitter, on, notOn } = object
  const base = aliased(object, 'base', 'backoff_ms', at, problems)
  const baseMs = base === undefined ? null : delayAt(base, 'base' in object, at, problems)
  const maxMs = max === undefined ? null : durationAt(max, [...at, 'max'], problems)
  if (baseMs !== null && maxMs !== null && baseMs > maxMs) {
    problems.report(
      'INVALID_FIELD',
      [...at, 'base'],
      `base is ${baseMs} ms and max ${maxMs} ms; expected base to be at most max`,
    )
  }
  const jitterOk = jitter === undefined || (typeof jitter === 'number' && jitter >= 0 && jitter <= 1)
  if (!jitterOk) {
    problems.report('INVALID_FIELD', [...at, 'jitter'], `found ${show(jitter)}; expected a number from 0 to 1`)
  }
  const firstBase = baseMs ?? Math.min(DEFAULT_RETRY.baseMs, maxMs ?? Number.POSITIVE_INFINITY)
  return {
    attempts:
      (attempts !== undefined && integerAt(attempts, [...at, 'attempts'], 1, 100, problems)) || DEFAULT_RETRY.attempts,
    backoff:
      (backoff !== undefined && choiceAt(backoff, BACKOFFS, [...at, 'backoff'], problems)) || DEFAULT_RETRY.backoff,
    baseMs: firstBase,
    maxMs: maxMs ?? Math.max(DEFAULT_RETRY.maxMs, firstBase),
    jitter: typeof jitter === 'number' ? jitter : DEFAULT_RETRY.jitter,
    on: on === undefined ? null : selectors(on, [...at, 'on'], problems),
    notOn: notOn === undefined ? [] : selectors(notOn, [...at, 'notOn'], problems),
  }
}

const DAY_MS = 86_400_000

/** `base` is a length of time, its older name `backoff_ms` a number. */
function delayAt(value: Json, newer: boolean, at: Path, problems: Problems): number | null {
  if (newer) return durationAt(value, [...at, 'base'], problems)
  return integerAt(value, [...at, 'backoff_ms'], 0, DAY_MS, problems)
}

function selectors(value: Json, at: Path, problems: Problems): readonly string[] {
  const list = typeof value === 'string' ? [value] : listAt(value, at, 'a list of error codes or classes', problems)
  const found: string[] = []
  for (const [index, item] of list.entries()) {
    const text = typeof item === 'number' ? String(item) : item
    if (typeof text === 'string' && (isErrorClass(text) || ERROR_CODE.test(text))) found.push(text)
    else {
      const hint = typeof text === 'string' ? didYouMean(text, ERROR_CLASSES) : ''
      const expected = `an error code such as HTTP_ERROR or one of ${ERROR_CLASSES.join(', ')}`
      problems.report('INVALID_FIELD', [...at, index], `found ${show(item)}; expected ${expected}${hint}`)
    }
  }
  return found
}

function isErrorClass(text: string): boolean {
  return (ERROR_CLASSES as readonly string[]).includes(text)
}
