/**
 * A small language for record types: one definition gives the Avro schema and the TypeScript type.
 * Absent values are `null` (never `undefined`); longs are whole numbers within ±2^52, beyond which avsc loses their last bit.
 */
import avsc from 'avsc'
import type { JsonText } from './json.ts'

export interface Field<T> {
  /** The Avro schema; nested named types take their name from `path`, so that names are unique and stable. */
  readonly avro: (path: string) => unknown
  readonly default?: unknown
  /** Phantom: the TypeScript type of the field. Never set. */
  readonly of?: T
}

function field<T>(avro: unknown, fallback?: unknown): Field<T> {
  const schema = typeof avro === 'function' ? (avro as (path: string) => unknown) : () => avro
  return fallback === undefined ? { avro: schema } : { avro: schema, default: fallback }
}

export const string = field<string>('string')
export const int = field<number>('int')
export const long = field<number>('long')
export const double = field<number>('double')
export const boolean = field<boolean>('boolean')
export const bytes = field<Uint8Array>('bytes')
/** JSON text, carried as a string. */
export const json = field<JsonText>('string')

/** A string of a narrower (branded) TypeScript type. */
export const branded = <T extends string>(): Field<T> => field<T>('string')

/** A closed set of strings. New symbols go to the end; an old reader sees the first one for a symbol it does not know. */
export function oneOf<const T extends readonly [string, ...string[]]>(...symbols: T): Field<T[number]> {
  return field<T[number]>((path: string) => ({ type: 'enum', name: path, symbols, default: symbols[0] }))
}

export function nullable<T>(inner: Field<T>): Field<T | null> {
  return field<T | null>((path: string) => ['null', inner.avro(path)], null)
}

export function arrayOf<T>(inner: Field<T>): Field<readonly T[]> {
  return field<readonly T[]>((path: string) => ({ type: 'array', items: inner.avro(path) }), [])
}

export function mapOf<T>(inner: Field<T>): Field<{ readonly [key: string]: T }> {
  return field<{ readonly [key: string]: T }>((path: string) => ({ type: 'map', values: inner.avro(path) }), {})
}

/** Adds a default, which makes a field that arrived in a later version readable in older records. */
export function withDefault<T>(inner: Field<T>, fallback: T): Field<T> {
  return { avro: inner.avro, default: fallback }
}

export type Fields = { readonly [name: string]: Field<unknown> }
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never
}

/** A nested record. */
export function struct<F extends Fields>(fields: F): Field<ValueOf<F>> {
  return field<ValueOf<F>>((path: string) => avroRecord(path, fields))
}

export interface RecordDef<K extends string, F extends Fields> {
  readonly kind: K
  /** Raised with every change of the fields; changes must be readable in both directions. */
  readonly version: number
  readonly fields: F
  readonly type: avsc.Type
}

// biome-ignore lint/suspicious/noExplicitAny: the one place where a definition of unknown fields is named
export type AnyRecordDef = RecordDef<string, any>

/** The TypeScript type of a record definition: its fields and its `kind`. */
export type RecordOf<D> = D extends RecordDef<infer K, infer F> ? { readonly kind: K } & ValueOf<F> : never

/** A record kind of a topic. The wire record carries `kind` as a one-symbol enum, so that a decoded value names itself. */
export function defineRecord<const K extends string, F extends Fields>(
  kind: K,
  version: number,
  fields: F,
): RecordDef<K, F> {
  const schema = avroRecord(kind, {
    kind: field({ type: 'enum', name: `${kind}Kind`, symbols: [kind], default: kind }, kind),
    ...fields,
  })
  return { kind, version, fields, type: avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' }) }
}

/** A value type of a store, or any other Avro type that is no topic record. */
export function defineValue<F extends Fields>(name: string, fields: F): avsc.Type {
  return avsc.Type.forSchema(avroRecord(name, fields) as avsc.Schema, { wrapUnions: 'never' })
}

function avroRecord(name: string, fields: Fields): unknown {
  return {
    type: 'record',
    name,
    namespace: 'beamline',
    fields: Object.entries(fields).map(([key, f]) => ({
      name: key,
      type: f.avro(`${name}_${key}`),
      ...(f.default === undefined ? {} : { default: f.default }),
    })),
  }
}
