import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { FLOWS } from '../../../processors/control/flows.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import { fc } from '../../support/fast-check.ts'
import { decide, TestState } from '../../support/outcome.ts'

const tenant = 'acme' as TenantId
const replyTo = { partition: 0, correlation: 'c' }
const publish = (hash: string): BeamlineRecord => ({
  kind: 'PublishFlow',
  tenant,
  flow: 'pay',
  document: toJsonText({ hash }),
  hash,
  publishedBy: null,
  replyTo,
})
const deprecate = (version: number, deprecated = true): BeamlineRecord => ({
  kind: 'DeprecateFlow',
  tenant,
  flow: 'pay',
  version,
  deprecated,
  reason: 'too slow',
  requestedBy: 'ada',
  replyTo,
})

function task(partition = 0) {
  const state = new TestState(partition, 3)
  const send = (record: BeamlineRecord) => decide(control, state, record, { now: 1_000 })
  const current = () => state.rows(FLOWS).get('acme/pay')?.version ?? null
  return { state, send, current }
}

describe('DeprecateFlow', () => {
  it('tells every partition, and gives runs that name no version the latest one that is left', () => {
    const { send, current } = task()
    for (const hash of ['a', 'b', 'c']) send(publish(hash))
    const { emits, replies } = send(deprecate(3))
    const fields = { version: 3, deprecated: true, reason: 'too slow', changedAtMs: 1_000, changedBy: 'ada' }
    const record = { kind: 'FlowDeprecated', tenant, flow: 'pay', ...fields }
    expect(emits).toEqual([2, 1, 0].map((partition) => ({ topic: 'control', partition, record })))
    expect(replies).toMatchObject([{ ok: true, code: 'changed', body: record }])
    expect(current()).toBe(2)
    send(deprecate(1))
    expect(current()).toBe(2)
    send(deprecate(2))
    expect(current()).toBe(null)
    send(deprecate(1, false))
    expect(current()).toBe(1)
  })

  it('leaves numbers of versions as they are', () => {
    const { send, current } = task()
    send(publish('a'))
    send(publish('b'))
    send(deprecate(1))
    send(deprecate(2))
    expect(send(publish('b')).replies).toMatchObject([{ code: 'unchanged', body: { version: 2 } }])
    expect(send(publish('a')).replies).toMatchObject([{ code: 'published', body: { version: 3 } }])
    expect(current()).toBe(3)
  })

  it('answers what is so already, and changes nothing', () => {
    const { send } = task()
    send(publish('a'))
    for (const [command, code] of [
      [deprecate(1, false), 'unchanged'],
      [deprecate(2), 'unknown_flow'],
    ] as const) {
      expect(send(command)).toMatchObject({ emits: [], writes: [], replies: [{ code }] })
    }
  })

  it('goes on to partition 0 from any other', () => {
    const command = deprecate(1)
    expect(task(2).send(command)).toMatchObject({
      emits: [{ topic: 'control', partition: 0, record: command }],
      writes: [],
    })
  })

  it('always leaves the latest version that is not deprecated', () => {
    const step = fc.record({ version: fc.integer({ min: 1, max: 5 }), deprecated: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const { send, current } = task()
        for (const hash of ['a', 'b', 'c', 'd', 'e']) send(publish(hash))
        const left = new Set([1, 2, 3, 4, 5])
        for (const { version, deprecated } of steps) {
          send(deprecate(version, deprecated))
          if (deprecated) left.delete(version)
          else left.add(version)
        }
        expect(current()).toBe(left.size === 0 ? null : Math.max(...left))
      }),
      { numRuns: 50 },
    )
  })
})
