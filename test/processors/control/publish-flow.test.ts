import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { PublishFlow } from '../../../schemas/records/control.ts'
import { decide, type Outcome, TestState } from '../../support/outcome.ts'

const NOW = 1_000
const TENANT = 'acme' as TenantId

function publish(flow: string, text: string): PublishFlow {
  const document = toJsonText({ flow, text })
  return {
    kind: 'PublishFlow',
    tenant: TENANT,
    flow,
    document,
    hash: `hash of ${text}`,
    publishedBy: 'ada',
    replyTo: { partition: 2, correlation: 'c' },
  }
}

function task(partition = 0): { send(record: PublishFlow): Outcome } {
  const state = new TestState(partition, 3)
  return { send: (record) => decide(control, state, record, { now: NOW }) }
}

describe('PublishFlow', () => {
  it('numbers versions, tells every partition and answers, all in one decision', () => {
    const driver = task()
    const { emits, replies } = driver.send(publish('greet', 'a'))
    const record = {
      kind: 'FlowPublished',
      tenant: TENANT,
      flow: 'greet',
      version: 1,
      document: toJsonText({ flow: 'greet', text: 'a' }),
      hash: 'hash of a',
      publishedAtMs: NOW,
      publishedBy: 'ada',
    }
    expect(emits).toEqual([2, 1, 0].map((partition) => ({ topic: 'control', partition, record })))
    expect(replies).toEqual([
      {
        to: { partition: 2, correlation: 'c' },
        ok: true,
        code: 'published',
        body: { created: true, version: 1, publishedAtMs: NOW },
      },
    ])
    const later = driver.send(publish('greet', 'b'))
    expect(later.replies[0]).toMatchObject({ body: { created: true, version: 2 } })
    expect(driver.send(publish('other', 'b')).replies[0]).toMatchObject({ body: { version: 1 } })
  })

  it('answers a repeat of the latest document with its version, and takes an older one for new', () => {
    const driver = task()
    driver.send(publish('greet', 'a'))
    const repeat = driver.send(publish('greet', 'a'))
    expect(repeat).toMatchObject({ emits: [], writes: [] })
    expect(repeat.replies[0]).toMatchObject({ ok: true, code: 'unchanged', body: { created: false, version: 1 } })
    driver.send(publish('greet', 'b'))
    expect(driver.send(publish('greet', 'a')).replies[0]).toMatchObject({ body: { version: 3 } })
  })

  it('goes on to partition 0 from any other', () => {
    const command = publish('greet', 'a')
    const { emits, replies, writes } = task(1).send(command)
    expect({ emits, replies, writes }).toEqual({
      emits: [{ topic: 'control', partition: 0, record: command }],
      replies: [],
      writes: [],
    })
  })
})
