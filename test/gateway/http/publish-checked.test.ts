/** Publication by a gateway that knows what blocks take. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outRecord } from '../../../gateway/out-record.ts'
import { builtInBlocks } from '../../../processors/execute/blocks/registry.ts'
import { stepTypes } from '../../../processors/execute/blocks/step-types.ts'
import { checkFlow } from '../../../schemas/flow/compile.ts'
import { DEFAULT_TENANT } from '../../../schemas/ids.ts'
import { openWorld, type World } from '../support.ts'

const blocks = builtInBlocks({ now: () => 0, after: () => () => undefined })
let world: World
beforeAll(async () => {
  world = await openWorld({ blockTypes: stepTypes(blocks.blocks) })
})
afterAll(async () => {
  await world.close()
  await blocks.close()
})

const flowOf = (name: string, step: string): string => `flow: ${name}\nsteps:\n  - { id: a, ${step} }\n`
const SLIP = { code: 'UNKNOWN_FIELD', path: 'steps[0].with.mss', line: 3, column: 35 }

/** As a version that did not look at the steps' input has left it in the log. */
async function publishedBefore(source: string): Promise<void> {
  const checked = checkFlow(source)
  if (!checked.ok) throw new Error(checked.problems[0]!.message)
  const { name: flow, document } = checked
  const hash = createHash('sha256').update(document).digest('hex')
  const about = { tenant: DEFAULT_TENANT, flow, version: 1, publishedAtMs: 0, publishedBy: null }
  const record = { kind: 'FlowPublished', ...about, document, hash } as const
  const partitions = Array.from({ length: world.log.partitions }, (_, partition) => partition)
  await world.log.append(partitions.map((partition) => outRecord('control', partition, flow, record)))
}

describe('a step whose block would refuse its input', () => {
  it('is refused, with its place', async () => {
    const { status, body } = await world.publish(flowOf('slip', 'type: sleep, with: { mss: 5 }'))
    expect(status).toBe(400)
    expect(body.error).toMatchObject({
      code: 'invalid_flow',
      message:
        "the flow cannot be published: line 3, column 35: `steps[0].with.mss`: unknown field 'mss'; did you mean 'ms'?",
      details: { problems: [SLIP] },
    })
    expect(await world.call('GET', '/api/v1/flows/slip')).toMatchObject({ status: 404 })
  })

  it('is told along with what else is wrong', async () => {
    const { body } = await world.publish(flowOf('slip', 'type: sleep, with: { mss: 5 }, after: [b]'))
    expect(body.error.details.problems).toEqual(
      [SLIP, { code: 'UNKNOWN_STEP', path: 'steps[0].after[0]' }].map((one) => expect.objectContaining(one)),
    )
  })

  it('is found without publishing', async () => {
    const { status, body } = await world.call(
      'POST',
      '/api/v1/flows/check',
      flowOf('slip', 'type: sleep, with: { mss: 5 }'),
      {
        'content-type': 'application/yaml',
      },
    )
    expect(status).toBe(200)
    expect(body).toMatchObject({ ok: false, problems: [SLIP] })
  })

  it('is no matter of flows that are published already, nor of publishing the same document again', async () => {
    const source = flowOf('before', 'type: sleep, with: { mss: 5 }')
    await publishedBefore(source)
    expect(await world.publish(source)).toMatchObject({ status: 200, body: { version: 1, created: false } })
    const run = await world.call('POST', '/api/v1/runs?wait=10s', { flow: 'before' })
    expect(run.body).toMatchObject({ status: 'failed', error: { code: 'INPUT_INVALID' } })
    expect(await world.publish(`${source}vars: {}\n`)).toMatchObject({ status: 400 })
  })

  it('may be one of a type that only others know', async () => {
    const answer = await world.publish(flowOf('others', 'type: custom.slug, with: { mss: 5 }'))
    expect(answer).toMatchObject({ status: 201 })
  })
})
