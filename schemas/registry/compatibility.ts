/** Avro schemas as a registry takes them, and whether a new version of one fits those before it. */
import avsc from 'avsc'
import { canonicalJson } from '../codec/canonical-hash.ts'
import { tooDeepAt } from '../codec/json-scan.ts'
import { parseJson } from '../json.ts'

/** `BACKWARD`: the new version reads what the latest wrote; `FORWARD`: the reverse; `FULL`: both; `_TRANSITIVE`: with all versions. */
export const COMPATIBILITY_LEVELS = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const
export type CompatibilityLevel = (typeof COMPATIBILITY_LEVELS)[number]
export const DEFAULT_COMPATIBILITY: CompatibilityLevel = 'BACKWARD'

/** Of a schema as text. */
export const MAX_SCHEMA_BYTES = 256 * 1024
const MAX_SCHEMA_DEPTH = 100

export function isCompatibilityLevel(text: string): text is CompatibilityLevel {
  return (COMPATIBILITY_LEVELS as readonly string[]).includes(text)
}

export interface AvroSchema {
  readonly type: avsc.Type
  /** The text with sorted names and without white space, by which schemas are told apart. */
  readonly canonical: string
}

/** @throws {SchemaProblem} says what is wrong with it */
export function parseAvroSchema(text: string): AvroSchema {
  const bytes = Buffer.from(text)
  if (bytes.length > MAX_SCHEMA_BYTES) {
    throw new SchemaProblem(`the schema has ${bytes.length} bytes; expected at most ${MAX_SCHEMA_BYTES}`)
  }
  if (tooDeepAt(bytes, MAX_SCHEMA_DEPTH) >= 0) {
    throw new SchemaProblem(`the schema is nested deeper than ${MAX_SCHEMA_DEPTH} levels`)
  }
  try {
    const json = parseJson(text as never)
    return { type: avsc.Type.forSchema(json as avsc.Schema, { wrapUnions: 'always' }), canonical: canonicalJson(json) }
  } catch (cause) {
    throw new SchemaProblem(`the schema is no valid Avro schema: ${shortened((cause as Error).message)}`, { cause })
  }
}

export class SchemaProblem extends Error {
  override readonly name = 'SchemaProblem'
}

/** A version that is there already. */
export interface KnownVersion {
  readonly version: number
  readonly type: avsc.Type
}

/** What keeps `type` from being the next version after `known` (ascending); empty: nothing. */
export function incompatibilities(
  type: avsc.Type,
  known: readonly KnownVersion[],
  level: CompatibilityLevel,
): string[] {
  if (level === 'NONE') return []
  const [direction, transitive] = level.split('_') as [string, string | undefined]
  const compared = transitive === undefined ? known.slice(-1) : known
  return compared.flatMap(({ version, type: earlier }) => [
    ...(direction === 'FORWARD' ? [] : unreadable(type, earlier, `the new schema cannot read version ${version}`)),
    ...(direction === 'BACKWARD' ? [] : unreadable(earlier, type, `version ${version} cannot read the new schema`)),
  ])
}

function unreadable(reader: avsc.Type, writer: avsc.Type, what: string): string[] {
  try {
    reader.createResolver(writer)
    return []
  } catch (error) {
    return [`${what}: ${shortened((error as Error).message)}`]
  }
}

function shortened(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}...` : text
}
