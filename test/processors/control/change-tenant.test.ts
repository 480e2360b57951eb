import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { TENANTS } from '../../../processors/control/tenants.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { ChangeTenant } from '../../../schemas/records/control.ts'
import { decide, type Outcome, TestState } from '../../support/outcome.ts'

const change = (patch: unknown): ChangeTenant => ({
  kind: 'ChangeTenant',
  tenant: 'acme' as TenantId,
  patch: toJsonText(patch),
  replyTo: { partition: 0, correlation: 'c' },
})

function task(partition = 0): { readonly state: TestState; send(record: ChangeTenant): Outcome } {
  const state = new TestState(partition, 4)
  return { state, send: (record) => decide(control, state, record, { now: 1_000 }) }
}

describe('ChangeTenant', () => {
  it('changes what is named, keeps the rest, numbers revisions and tells every partition', () => {
    const driver = task()
    driver.send(change({ maxConcurrency: 8, weight: 3 }))
    const { emits, replies } = driver.send(change({ maxConcurrency: null, ratePerSecond: 0.5 }))
    const policy = { revision: 2, spread: null, maxConcurrency: null, ratePerSecond: 0.5, burst: null, weight: 3 }
    const record = { kind: 'TenantChanged', tenant: 'acme', ...policy }
    expect(emits).toEqual([3, 2, 1, 0].map((partition) => ({ topic: 'control', partition, record })))
    expect(replies).toMatchObject([{ ok: true, code: 'changed', body: record }])
    expect(driver.state.rows(TENANTS).get('acme')).toEqual(policy)
  })

  it.each([
    [{ maxConcurrency: 3 }, 'invalid_request', /`max_concurrency` is 3.*4 partitions.*`spread` to at most 3/],
    [{ burst: 1, spread: 2 }, 'invalid_request', /`burst` is 1.*at least 2/],
    [{ spread: 5 }, 'invalid_request', /`spread` is 5; expected at most the number of partitions, 4/],
    [{ spread: 2 }, 'conflict', /`spread` is 1 since it was first set and cannot become 2/],
    [{ spread: null }, 'conflict', /cannot become null/],
    [{ wieght: 2 }, 'invalid_request', /names 'wieght'; expected some of maxConcurrency/],
    [{ weight: null }, 'invalid_request', /`weight` is null; expected a positive whole number/],
    [{ maxConcurrency: 'many' }, 'invalid_request', /`maxConcurrency` is "many"/],
    ['all', 'invalid_request', /the patch is no object/],
  ])('%j is refused with a reason, and changes nothing', (patch, code, message) => {
    const driver = task()
    const hasSpread = code === 'conflict'
    if (hasSpread) driver.send(change({ spread: 1 }))
    const { emits, writes, replies } = driver.send(change(patch))
    expect({ emits, writes }).toEqual({ emits: [], writes: [] })
    expect(replies).toMatchObject([{ ok: false, code, body: { message: expect.stringMatching(message) } }])
  })

  it('goes on to partition 0 from any other', () => {
    const command = change({ weight: 2 })
    expect(task(3).send(command)).toMatchObject({
      emits: [{ topic: 'control', partition: 0, record: command }],
      replies: [],
      writes: [],
    })
  })
})
