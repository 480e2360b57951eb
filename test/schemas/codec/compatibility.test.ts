import avsc from 'avsc'
import { describe, expect, test } from 'vitest'
import { boolean, defineRecord, int, nullable, oneOf, string, withDefault } from '../../../schemas/define.ts'
import { RECORDS } from '../../../schemas/records/index.ts'
import { fc } from '../../support/fast-check.ts'
import { arbitraryOf } from '../arbitrary-record.ts'
import { recordedSchemas, schemaOf } from '../fixtures/record-schemas.ts'

const recorded = recordedSchemas()
const current = Object.entries(RECORDS).map(([number, def]) => ({ number: Number(number), ...def }))

describe('record schemas', () => {
  test.each(current)('$kind is recorded in its version', ({ number, kind, version, type }) => {
    const fixture = recorded.find((found) => found.number === number && found.version === version)
    expect(
      fixture,
      `run 'node test/schemas/fixtures/record-schemas.ts' to record ${kind} version ${version}`,
    ).toBeDefined()
    // A difference here means that the fields changed and the version did not.
    expect(schemaOf(type)).toEqual(fixture!.schema)
  })

  test.each(recorded)(
    '$kind version $version is read by the current version, and the reverse',
    ({ number, schema }) => {
      const def = current.find((found) => found.number === number)
      expect(def, `record number ${number} was removed; numbers are never reused`).toBeDefined()
      const older = avsc.Type.forSchema(schema, { wrapUnions: 'never' })
      expectReadable(older, def!.type)
      expectReadable(def!.type, older)
    },
  )

  test('record numbers and versions fit in the schema id', () => {
    for (const { number, version } of current) {
      expect(number).toBeLessThan(2 ** 16)
      expect(version).toBeLessThan(256)
    }
  })
})

describe('a change of fields', () => {
  const v1 = defineRecord('Sample', 1, { name: string, state: oneOf('open', 'done') })
  const added = defineRecord('Sample', 2, {
    name: string,
    state: oneOf('open', 'done', 'lost'),
    urgent: withDefault(boolean, false),
    note: nullable(string),
  })

  test('that adds fields with defaults and symbols at the end is readable both ways', () => {
    const old = { kind: 'Sample', name: 'a', state: 'done' }
    expect(translate(v1.type, added.type, old)).toMatchObject({ ...old, urgent: false, note: null })
    const recent = { kind: 'Sample', name: 'a', state: 'done', urgent: true, note: 'x' }
    expect({ ...(translate(added.type, v1.type, recent) as object) }).toEqual(old)
  })

  test('an old reader sees the first symbol for one that it does not know', () => {
    const recent = { kind: 'Sample', name: 'a', state: 'lost', urgent: true, note: 'x' }
    expect(translate(added.type, v1.type, recent)).toMatchObject({ state: 'open' })
  })

  test('that adds a field without a default is found', () => {
    const broken = defineRecord('Sample', 2, { name: string, state: oneOf('open', 'done'), size: int })
    expect(() => broken.type.createResolver(v1.type)).toThrow()
  })
})

function translate(writer: avsc.Type, reader: avsc.Type, value: unknown): unknown {
  return reader.fromBuffer(writer.toBuffer(value), reader.createResolver(writer))
}

function expectReadable(writer: avsc.Type, reader: avsc.Type): void {
  fc.assert(
    fc.property(arbitraryOf(writer), (value) => {
      expect(reader.isValid(translate(writer, reader, value))).toBe(true)
    }),
    { numRuns: 10 },
  )
}
