import { describe, expect, it } from 'vitest'
import { RECORDS } from '../../../schemas/records/index.ts'
import { parseAvroSchema } from '../../../schemas/registry/compatibility.ts'
import { ownSchemas } from '../../../schemas/registry/own-schemas.ts'
import { isTopic } from '../../../schemas/topics.ts'

describe('our own schemas', () => {
  const schemas = ownSchemas('beamline.')

  it('have a subject for each topic they are on', () => {
    const subjectsOf = (kind: string) => schemas.filter((own) => own.kind === kind).map(({ subject }) => subject)
    expect(subjectsOf('SubmitRun')).toEqual(['beamline.ingest-beamline.SubmitRun'])
    expect(subjectsOf('CancelRun')).toEqual([
      'beamline.result-beamline.CancelRun',
      'beamline.ingest-beamline.CancelRun',
    ])
    expect(subjectsOf('ExecuteStep')).toHaveLength(4)
    expect(subjectsOf('RunCompleted')).toEqual(['beamline.events-beamline.RunCompleted'])
  })

  it('are all there, under their fixed ids', () => {
    expect(new Set(schemas.map(({ kind }) => kind))).toEqual(new Set(Object.values(RECORDS).map(({ kind }) => kind)))
    for (const [number, { kind, version }] of Object.entries(RECORDS)) {
      expect(schemas.find((own) => own.kind === kind)!.id).toBe(Number(number) * 256 + version)
    }
  })

  it.each(schemas)('$subject is a schema that others can read, named as the subject says', ({ schema, subject }) => {
    const { type, canonical } = parseAvroSchema(schema)
    expect(canonical).toBe(schema)
    const [topic, name] = subject.split('-')
    expect(type.name).toBe(name)
    expect(isTopic(topic!.replace('beamline.', ''))).toBe(true)
  })
})
