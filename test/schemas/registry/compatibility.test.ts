import { describe, expect, it } from 'vitest'
import {
  COMPATIBILITY_LEVELS,
  type CompatibilityLevel,
  incompatibilities,
  MAX_SCHEMA_BYTES,
  parseAvroSchema,
} from '../../../schemas/registry/compatibility.ts'

const field = (name: string, type: unknown, fallback?: unknown) =>
  fallback === undefined ? { name, type } : { name, type, default: fallback }
const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'R', fields })

const BASE = record(field('a', 'string'))
const WITH_DEFAULT = record(field('a', 'string'), field('b', 'int', 0))
const REQUIRED = record(field('a', 'string'), field('b', 'int'))
const OTHER_TYPE = record(field('a', 'bytes', ''), field('c', 'int'))
const WIDER = record(field('a', ['null', 'string'], null))

const known = (...texts: string[]) =>
  texts.map((text, index) => ({ version: index + 1, type: parseAvroSchema(text).type }))
const fits = (text: string, level: CompatibilityLevel, ...versions: string[]): boolean =>
  incompatibilities(parseAvroSchema(text).type, known(...versions), level).length === 0

describe('a new version', () => {
  it.each<[string, string, string, readonly CompatibilityLevel[]]>([
    ['the same', BASE, BASE, COMPATIBILITY_LEVELS],
    ['one more field with a default', WITH_DEFAULT, BASE, COMPATIBILITY_LEVELS],
    ['one field with a default less', BASE, WITH_DEFAULT, COMPATIBILITY_LEVELS],
    ['one more field without a default', REQUIRED, BASE, ['NONE', 'FORWARD', 'FORWARD_TRANSITIVE']],
    ['one field without a default less', BASE, REQUIRED, ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE']],
    ['a type that holds the old one', WIDER, BASE, ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE']],
    ['a type that is held by the old one', BASE, WIDER, ['NONE', 'FORWARD', 'FORWARD_TRANSITIVE']],
    ['another record', JSON.stringify({ type: 'record', name: 'S', fields: [] }), BASE, ['NONE']],
    ['another type', '"string"', '"int"', ['NONE']],
  ])('%s', (_name, next, last, expected) => {
    expect(COMPATIBILITY_LEVELS.filter((level) => fits(next, level, last))).toEqual(expected)
  })

  it.each<[CompatibilityLevel, CompatibilityLevel]>([
    ['BACKWARD', 'BACKWARD_TRANSITIVE'],
    ['FULL', 'FULL_TRANSITIVE'],
  ])('is compared with the last one (%s) or with all (%s)', (level, transitive) => {
    const first = record(field('a', 'string'), field('b', 'string', ''))
    expect(fits(WITH_DEFAULT, level, first, BASE)).toBe(true)
    expect(fits(WITH_DEFAULT, transitive, first, BASE)).toBe(false)
  })

  it('is refused with the version and what is wrong', () => {
    const problems = incompatibilities(parseAvroSchema(OTHER_TYPE).type, known(BASE), 'BACKWARD')
    expect(problems).toEqual([expect.stringMatching(/^the new schema cannot read version 1: .*c/s)])
  })
})

describe('a schema', () => {
  it('is the same with names in another order and other white space', () => {
    expect(parseAvroSchema('{"name": "R",\n "fields": [], "type": "record"}').canonical).toBe(
      parseAvroSchema('{"type":"record","fields":[],"name":"R"}').canonical,
    )
  })

  it.each([
    ['no JSON', '{', 'no valid Avro schema'],
    ['no type of Avro', '{"type":"map"}', 'no valid Avro schema'],
    ['a default of the wrong type', record(field('a', 'int', 'x')), 'no valid Avro schema'],
    ['too deep', `${'['.repeat(200)}${']'.repeat(200)}`, 'nested deeper than 100 levels'],
    ['too large', `"${'x'.repeat(MAX_SCHEMA_BYTES)}"`, `expected at most ${MAX_SCHEMA_BYTES}`],
  ])('that is %s is refused', (_name, text, expected) => {
    expect(() => parseAvroSchema(text)).toThrow(expected)
  })
})
