import { describe, expect, it } from 'vitest'
import { FIRST_REGISTERED_ID } from '../../../schemas/codec/wire.ts'
import type { SchemaChanged } from '../../../schemas/records/control.ts'
import { ALL_SUBJECTS, RegistryState } from '../../../schemas/registry/registry-state.ts'
import { fc } from '../../support/fast-check.ts'

function change(subject: string, expects: number, fields: Partial<SchemaChanged>): SchemaChanged {
  const none = { schema: null, id: null, compatibility: null }
  return { kind: 'SchemaChanged', changeId: 'c', subject, expects, changedAtMs: 0, ...none, ...fields }
}

function fold(...changes: SchemaChanged[]): RegistryState {
  const state = new RegistryState()
  for (const each of changes) state.apply(each)
  return state
}

describe('the state of the built-in registry', () => {
  it('gives ids in the order of the log, one to a schema', () => {
    const state = fold(
      change('a', 0, { schema: '"string"' }),
      change('b', 0, { schema: '"int"' }),
      change('b', 1, { schema: '"string"' }),
    )
    expect(state.versions('b').map(({ version, id }) => [version, id])).toEqual([
      [1, FIRST_REGISTERED_ID + 1],
      [2, FIRST_REGISTERED_ID],
    ])
    expect(state.versionsOf(FIRST_REGISTERED_ID).map(({ subject }) => subject)).toEqual(['a', 'b'])
    expect(state.subjects()).toEqual(['a', 'b'])
  })

  it('lets the first of two changes by, whose authors knew the same', () => {
    const state = fold(change('a', 0, { schema: '"int"' }), change('a', 0, { schema: '"string"' }))
    expect(state.versions('a')).toHaveLength(1)
    expect(state.find('a', '"string"')).toBeUndefined()
    state.apply(change('a', 1, { schema: '"string"' }))
    expect(state.find('a', '"string"')).toMatchObject({ version: 2, id: FIRST_REGISTERED_ID + 1 })
  })

  it('keeps our own ids, whoever registered the schema before', () => {
    const state = fold(change('a', 0, { schema: '"int"' }), change('own', 0, { schema: '"int"', id: 257 }))
    expect(state.find('own', '"int"')!.id).toBe(257)
    expect(state.schema(FIRST_REGISTERED_ID)).toBe('"int"')
    state.apply(change('b', 0, { schema: '"int"' }))
    expect(state.find('b', '"int"')!.id).toBe(257)
  })

  it('does not give an id of ours to another schema', () => {
    const state = fold(change('own', 0, { schema: '"int"', id: 257 }), change('own', 1, { schema: '"long"', id: 257 }))
    expect(state.versions('own')).toHaveLength(1)
    expect(state.schema(257)).toBe('"int"')
  })

  it('has a compatibility level for all, and for a subject', () => {
    const state = fold(change('a', 0, { compatibility: 'FULL' }), change('a', 1, { compatibility: 'nonsense' }))
    expect([state.compatibility('a'), state.compatibility('b')]).toEqual(['FULL', null])
    expect(state.compatibility(ALL_SUBJECTS)).toBe('BACKWARD')
    state.apply(change(ALL_SUBJECTS, 0, { compatibility: 'NONE' }))
    expect(state.compatibility(ALL_SUBJECTS)).toBe('NONE')
    expect(state.subjects()).toEqual([])
  })

  it('comes out the same when changes are repeated, and never gives one id to two schemas', () => {
    const arbitrary = fc.record({
      subject: fc.constantFrom('a', 'b', 'c'),
      expects: fc.integer({ min: 0, max: 4 }),
      schema: fc.option(fc.constantFrom('"int"', '"long"', '"string"', '"bytes"')),
      id: fc.option(fc.constantFrom(257, 513)),
    })
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 30 }), (drawn) => {
        const changes = drawn.map(({ subject, expects, schema, id }) =>
          change(subject, expects, { schema, id: schema === null ? null : id }),
        )
        const state = new RegistryState()
        const schemas = new Map<number, string>()
        for (const each of changes) {
          state.apply(each)
          const before = state.versions(each.subject).length
          if (each.expects < state.revision(each.subject)) state.apply(each)
          expect(state.versions(each.subject)).toHaveLength(before)
          for (const { id, schema } of state.versions(each.subject)) {
            expect(schemas.get(id) ?? schema).toBe(schema)
            schemas.set(id, schema)
          }
        }
      }),
    )
  })
})
