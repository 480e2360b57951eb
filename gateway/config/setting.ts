/** The kinds of settings: how a value is read, from a document or from text, and how it is described. */
import { parseDuration } from '../../schemas/flow/duration.ts'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import type { Json } from '../../schemas/json.ts'
import { parseSize } from './size.ts'

/** What was wrong with a value; the message says what was expected. */
export interface Refused {
  readonly expected: string
}

export interface Setting<T> {
  /** One sentence or two for the person who sets it. */
  readonly meaning: string
  /** `null`: nothing is set, see the meaning. */
  readonly default: T | null
  /** The type in words, for the reference. */
  readonly type: string
  /** Its value is never printed. */
  readonly secret: boolean
  /** Reads a value of the document. */
  readonly read: (found: Json) => { readonly value: T } | Refused
  /** Turns text (of the environment or a flag) into what a document would hold. */
  readonly fromText: (text: string) => Json
  /** The value as a person would write it. */
  readonly show: (value: T) => Json
}

/** The type of a setting's value, without `null` where there is a default. */
export type SettingValue<S> = S extends Setting<infer T> & { readonly default: infer D }
  ? null extends D
    ? T | null
    : T
  : never

type Kind<T> = Omit<Setting<T>, 'meaning' | 'default'>
type Make<T> = {
  (fallback: T, meaning: string): Setting<T> & { readonly default: T }
  (fallback: null, meaning: string): Setting<T> & { readonly default: null }
}

export function settingKind<T>(kind: Kind<T>): Make<T> {
  return ((fallback: T | null, meaning: string) => ({ ...kind, meaning, default: fallback })) as Make<T>
}

const same = (text: string): Json => text

const numberOf = (text: string): Json => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text)

export const text = settingKind<string>({
  type: 'text',
  secret: false,
  read: (found) => (typeof found === 'string' && found !== '' ? { value: found } : { expected: 'a text' }),
  fromText: same,
  show: (value) => value,
})

/** An address without credentials. */
export function url(protocols: readonly string[]): Make<string> {
  const expected = `an address such as ${protocols[0]}//host:port, without user and password`
  return settingKind<string>({
    type: 'address',
    secret: false,
    read: (found) => {
      if (typeof found !== 'string' || !URL.canParse(found)) return { expected }
      const { protocol, username, password } = new URL(found)
      return protocols.includes(protocol) && username === '' && password === '' ? { value: found } : { expected }
    },
    fromText: same,
    show: (value) => value,
  })
}

export const flag = settingKind<boolean>({
  type: '`true` or `false`',
  secret: false,
  read: (found) => (typeof found === 'boolean' ? { value: found } : { expected: 'true or false' }),
  fromText: (given) => (given === 'true' ? true : given === 'false' ? false : given),
  show: (value) => value,
})

export function integer(min: number, max: number): Make<number> {
  const expected = `a whole number from ${min} to ${max}`
  return settingKind<number>({
    type: `${min} to ${max}`,
    secret: false,
    read: (found) =>
      Number.isInteger(found) && (found as number) >= min && (found as number) <= max
        ? { value: found as number }
        : { expected },
    fromText: numberOf,
    show: (value) => value,
  })
}

export function choice<const C extends readonly string[]>(choices: C): Make<C[number]> {
  return settingKind<C[number]>({
    type: choices.map((name) => `\`${name}\``).join(', '),
    secret: false,
    read: (found) =>
      choices.includes(found as string)
        ? { value: found as C[number] }
        : { expected: `${choices.join(' or ')}${typeof found === 'string' ? didYouMean(found, choices) : ''}` },
    fromText: same,
    show: (value) => value,
  })
}

const listFrom = (given: string): Json =>
  given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** One or more texts; in the environment and in flags divided by commas. */
export function list(what: string, isOne: (found: string) => boolean = () => true): Make<readonly string[]> {
  return settingKind<readonly string[]>({
    type: `list of ${what}`,
    secret: false,
    read: (found) => {
      const items = Array.isArray(found) ? (found as readonly Json[]) : [found]
      const wrong = items.find((item) => typeof item !== 'string' || item === '' || !isOne(item))
      return items.length > 0 && wrong === undefined
        ? { value: items as readonly string[] }
        : { expected: `a list of ${what}${wrong === undefined ? '' : `; ${JSON.stringify(wrong)} is none`}` }
    },
    fromText: listFrom,
    show: (value) => value,
  })
}

/** One or more of a closed set, each once. */
export function choices<const C extends readonly string[]>(known: C): Make<readonly C[number][]> {
  return settingKind<readonly C[number][]>({
    type: `list of ${known.map((name) => `\`${name}\``).join(', ')}`,
    secret: false,
    read: (found) => {
      const items = Array.isArray(found) ? (found as readonly Json[]) : [found]
      const wrong = items.find((item) => !known.includes(item as string))
      if (wrong !== undefined) {
        const hint = typeof wrong === 'string' ? didYouMean(wrong, known) : ''
        return { expected: `a list of ${known.join(', ')}; ${JSON.stringify(wrong)} is none${hint}` }
      }
      if (items.length === 0) return { expected: `at least one of ${known.join(', ')}` }
      return { value: known.filter((name) => items.includes(name)) }
    },
    fromText: listFrom,
    show: (value) => value,
  })
}

/** Milliseconds, written as a length of time. */
export function duration(minMs: number, maxMs: number): Make<number> {
  const expected = `a length of time from ${durationText(minMs)} to ${durationText(maxMs)}, such as 500ms, 10s, 5m, 24h or 7d`
  return settingKind<number>({
    type: `length of time, ${durationText(minMs)} to ${durationText(maxMs)}`,
    secret: false,
    read: (found) => {
      const ms = typeof found === 'string' ? parseDuration(found) : null
      return ms !== null && ms >= minMs && ms <= maxMs ? { value: ms } : { expected }
    },
    fromText: same,
    show: durationText,
  })
}

/** Bytes, written as a size. */
export function size(minBytes: number, maxBytes: number): Make<number> {
  const expected = `a size from ${sizeText(minBytes)} to ${sizeText(maxBytes)}, such as 64KiB, 16MiB or 1GiB`
  return settingKind<number>({
    type: `size, ${sizeText(minBytes)} to ${sizeText(maxBytes)}`,
    secret: false,
    read: (found) => {
      const bytes = typeof found === 'string' ? parseSize(found) : null
      return bytes !== null && bytes >= minBytes && bytes <= maxBytes ? { value: bytes } : { expected }
    },
    fromText: same,
    show: sizeText,
  })
}

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

export function durationText(ms: number): string {
  const unit = DURATION_UNITS.find(([, length]) => ms >= length && ms % length === 0)
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`
}

const SIZE_UNITS = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const

export function sizeText(bytes: number): string {
  const unit = SIZE_UNITS.find(([, length]) => bytes >= length && bytes % length === 0)
  return unit === undefined ? `${bytes}B` : `${bytes / unit[1]}${unit[0]}`
}
