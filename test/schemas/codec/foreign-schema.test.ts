import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { translatorOf } from '../../../schemas/codec/foreign-schema.ts'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import { type BeamlineRecord, RECORDS } from '../../../schemas/records/index.ts'
import { ownSchemas } from '../../../schemas/registry/own-schemas.ts'
import { submission } from '../../processors/result/scenario.ts'
import { fc } from '../../support/fast-check.ts'
import { arbitraryOf } from '../arbitrary-record.ts'

const SUBMIT_RUN = JSON.parse(ownSchemas('').find(({ kind }) => kind === 'SubmitRun')!.schema)

function written(schema: object, value: unknown): BeamlineRecord {
  const writer = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' })
  const bytes = Buffer.concat([Buffer.alloc(5), writer.toBuffer(value)])
  return decodeRecord(translatorOf(JSON.stringify(schema), 7)(bytes))
}

describe('a SubmitRun of another writer', () => {
  const record = (fields: object[]) => ({ type: 'record', name: 'SubmitRun', namespace: 'beamline', fields })

  it('may have no more than the name of a flow', () => {
    const schema = record([{ name: 'flow', type: 'string' }])
    expect(written(schema, { flow: 'f' })).toEqual(
      submission('f', { runId: null, tenant: '' as never, input: 'null' as never }),
    )
  })

  it('may be of a newer version, whose fields we do not know', () => {
    const newer = {
      ...SUBMIT_RUN,
      fields: [{ name: 'region', type: { type: 'map', values: 'string' } }, ...SUBMIT_RUN.fields],
    }
    const record = submission('f', { idempotencyKey: 'k', priority: 3 })
    expect(written(newer, { region: { a: 'b' }, ...record })).toEqual(record)
  })

  it('may have unions in another order, and narrower numbers', () => {
    const schema = record([
      { name: 'priority', type: ['int', 'null'] },
      { name: 'flow', type: 'string' },
      { name: 'version', type: 'int' },
      { name: 'submittedAtMs', type: 'int' },
      { name: 'stickyKey', type: 'string' },
    ])
    const value = { flow: 'f', priority: 2, version: 4, submittedAtMs: 5, stickyKey: 's' }
    expect(written(schema, value)).toMatchObject(value)
  })

  it.each([
    ['has no flow', record([{ name: 'input', type: 'string' }]), 'cannot be read as ours'],
    ['has a flow of another type', record([{ name: 'flow', type: 'int' }]), 'cannot be read as ours'],
    ['has no namespace', { ...record([]), namespace: '' }, "is 'SubmitRun'; expected a record of ours"],
  ])('that %s is not understood', (_name, schema, expected) => {
    expect(() => translatorOf(JSON.stringify(schema), 7)).toThrow(expected)
  })
})

it.each(Object.values(RECORDS))('a $kind written with its registered schema is read as it was', ({ kind, type }) => {
  const schema = ownSchemas('').find((own) => own.kind === kind)!.schema
  const translate = translatorOf(schema, 7)
  fc.assert(
    fc.property(arbitraryOf(type), (value) => {
      const payload = type.toBuffer(value)
      const bytes = Buffer.concat([Buffer.alloc(5), payload])
      expect(type.toBuffer(decodeRecord(translate(bytes)))).toEqual(payload)
    }),
    { numRuns: 10 },
  )
})
