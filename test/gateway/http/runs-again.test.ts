import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newRunId } from '../../../schemas/ids.ts'
import { openWorld, type World } from '../support.ts'

const CHECKED = `
flow: checked
input: { type: object, properties: { n: { type: integer } } }
steps:
  - id: first
    type: echo
    with: { n: "\${input.n}" }
  - id: second
    type: fail
    after: [first]
    with: { code: NOT_YET, message: "no" }
`
const ECHO = 'flow: echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\noutput: "${steps.only.output}"\n'
const SLOW = 'flow: slow\nsteps:\n  - id: nap\n    type: sleep\n    with: { ms: 600000 }\n'

let world: World
beforeAll(async () => {
  world = await openWorld()
  for (const flow of [CHECKED, ECHO, SLOW]) expect((await world.publish(flow)).status).toBe(201)
})
afterAll(() => world.close())

const start = async (flow: string, input: unknown, more = {}) =>
  (await world.call('POST', `/api/v1/runs?wait=${flow === 'slow' ? '50ms' : '20s'}`, { flow, input, ...more })).body
const post = (runId: string, what: 'retry' | 'rerun', body?: unknown, headers = {}) =>
  world.call('POST', `/api/v1/runs/${runId}/${what}`, body, headers)
const ended = async (runId: string) => {
  const get = async () => (await world.call('GET', `/api/v1/runs/${runId}`)).body
  await expect.poll(async () => (await get()).finished_at_ms ?? null).not.toBe(null)
  return get()
}

describe('POST /api/v1/runs/:run_id/retry', () => {
  it('begins one run that takes over what was done and tries the failed step again', async () => {
    const failed = await start('checked', { n: 1 })
    expect(failed).toMatchObject({ status: 'failed', failed_step: 'second' })
    const answers = [await post(failed.run_id, 'retry', { reason: 'fixed' }), await post(failed.run_id, 'retry')]
    const [first, again] = answers
    expect(first).toMatchObject({ status: 202, body: { retry_of: failed.run_id, letter_id: failed.letter_id } })
    expect(again!.body).toEqual(first!.body)
    const retried = await ended(first!.body.run_id)
    expect(retried).toMatchObject({ replay_of: failed.run_id, status: 'failed', input: { n: 1 } })
    const step = (run: typeof retried, id: string) =>
      run.steps.find((entry: { step_id: string }) => entry.step_id === id)
    expect(step(retried, 'first').status).toBe('completed')
    expect(step(retried, 'second').attempt).toBe(1)
    const next = await post(retried.run_id, 'retry')
    expect(next.status).toBe(202)
    expect(next.body.run_id).not.toBe(retried.run_id)
  })

  it('takes a changed input along', async () => {
    const failed = await start('checked', { n: 1, m: 2 })
    const refused = await post(failed.run_id, 'retry', { patch: { n: 'five' } })
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', details: { code: 'INVALID_INPUT', path: 'patch' } } },
    })
    const { body } = await post(failed.run_id, 'retry', { patch: { n: 5 } })
    expect((await ended(body.run_id)).input).toEqual({ n: 5, m: 2 })
  })

  it('begins one run for one patch, and refuses another one, naming that run', async () => {
    const failed = await start('checked', { n: 1, m: 2 })
    const [first, same, ...others] = [
      await post(failed.run_id, 'retry', { patch: { n: 5, m: 3 } }),
      await post(failed.run_id, 'retry', { patch: { m: 3, n: 5 }, reason: 'said twice' }),
      await post(failed.run_id, 'retry', { patch: { n: 6 } }),
      await post(failed.run_id, 'retry'),
    ]
    expect(first!.status).toBe(202)
    expect(same).toMatchObject({ status: 202, body: first!.body })
    // until the replay is projected it is said to have begun
    for (const { status } of others) expect([409, 503]).toContain(status)
    await ended(first!.body.run_id)
    const refusals = async () =>
      Promise.all([{ patch: { n: 6 } }, {}].map(async (body) => (await post(failed.run_id, 'retry', body)).body.error))
    await expect.poll(async () => (await refusals()).map((error) => error?.code)).toEqual(['conflict', 'conflict'])
    for (const error of await refusals()) {
      expect(error.details).toMatchObject({ code: 'LETTER_NOT_OPEN', new_run_id: first!.body.run_id })
      expect(error.message).toContain(`was retried before, with another patch, as run '${first!.body.run_id}'`)
    }
    expect(await post(failed.run_id, 'retry', { patch: { n: 5, m: 3 } })).toMatchObject({
      status: 202,
      body: first!.body,
    })
  })

  it('says of one that was retried without a patch that it was', async () => {
    const failed = await start('checked', { n: 1 })
    const { body } = await post(failed.run_id, 'retry')
    await ended(body.run_id)
    const again = async () => (await post(failed.run_id, 'retry', { patch: { n: 2 } })).body.error
    await expect.poll(async () => (await again())?.code).toBe('conflict')
    expect((await again()).message).toContain(`was retried before, without a patch, as run '${body.run_id}'`)
  })

  it('refuses a run that did not fail, one whose letter is gone, and none at all', async () => {
    const done = await start('echo', 1)
    expect(await post(done.run_id, 'retry')).toMatchObject({
      status: 409,
      body: { error: { details: { code: 'RUN_NOT_FAILED', status: 'completed' } } },
    })
    const running = await start('slow', {})
    await expect.poll(async () => (await post(running.run_id, 'retry')).body.error?.message).toMatch(/has not ended/)
    const failed = await start('checked', { n: 3 })
    const filter = { letter_ids: [failed.letter_id] }
    const gone = await world.call('POST', '/api/v1/dlq/discard', { filter, reason: 'unwanted' })
    expect(gone.body.discarded).toBe(1)
    await expect.poll(async () => (await post(failed.run_id, 'retry')).body.error?.details.code).toBe('LETTER_NOT_OPEN')
    expect(
      (
        await post(
          newRunId(1, () => 9),
          'retry',
        )
      ).status,
    ).toBe(404)
    expect((await post('nonsense', 'retry')).status).toBe(400)
    expect((await post(failed.run_id, 'retry', { reasons: 1 })).body.error.details.code).toBe('UNKNOWN_FIELD')
  })
})

describe('POST /api/v1/runs/:run_id/rerun', () => {
  it('runs the whole again with the same input, another one, or a changed one', async () => {
    const first = await start('echo', { a: 1, b: 2 }, { metadata: { customer: 7 }, priority: 8 })
    const outputs = []
    for (const body of [undefined, { input: 'other' }, { patch: { b: null, c: 3 } }]) {
      const { status, body: accepted } = await post(first.run_id, 'rerun', body)
      expect(status).toBe(202)
      const run = await ended(accepted.run_id)
      expect(run).toMatchObject({ replay_of: first.run_id, metadata: { customer: 7 }, priority: 8, letter_id: null })
      outputs.push(run.output)
    }
    expect(outputs).toEqual([{ a: 1, b: 2 }, 'other', { a: 1, c: 3 }])
  })

  it('keeps the version unless another is named', async () => {
    const first = await start('echo', 1)
    await world.publish(ECHO.replace('only', 'again').replaceAll('steps.only', 'steps.again'))
    const versionOf = async (body: object) =>
      (await ended((await post(first.run_id, 'rerun', body)).body.run_id)).version
    expect(await versionOf({})).toBe(1)
    expect(await versionOf({ version: 'latest' })).toBe(2)
    expect(await versionOf({ version: 2 })).toBe(2)
    expect((await post(first.run_id, 'rerun', { version: 9 })).body.error.code).toBe('flow_not_found')
  })

  it('begins one run for one idempotency key', async () => {
    const first = await start('echo', 1)
    const key = { 'idempotency-key': 'again-1' }
    const begun = await post(first.run_id, 'rerun', undefined, key)
    expect(begun.status).toBe(202)
    expect(await post(first.run_id, 'rerun', undefined, key)).toMatchObject({
      status: 200,
      body: { run_id: begun.body.run_id },
    })
    expect((await post(first.run_id, 'rerun', { input: 2 }, key)).status).toBe(409)
  })

  it('leaves no parent to the dead letter of a rerun that fails', async () => {
    const failed = await start('checked', { n: 1 })
    const rerun = await ended((await post(failed.run_id, 'rerun')).body.run_id)
    expect(rerun).toMatchObject({ status: 'failed', replay_of: failed.run_id })
    const letter = async () => world.call('GET', `/api/v1/dlq/letters/${rerun.letter_id}`)
    await expect.poll(async () => (await letter()).status).toBe(200)
    expect((await letter()).body).toMatchObject({ run_id: rerun.run_id, parent_letter_id: null, history: [] })
  })

  it.each([
    ['both an input and a patch', { input: 1, patch: 2 }, 400, /both given/],
    ['a version that is none', { version: 0 }, 400, /`version` is 0; expected an integer from 1/],
    ['an unknown field', { inputs: 1 }, 400, /did you mean 'input'/],
    ['no JSON', '{"input":', 400, /not JSON/],
  ])('refuses %s', async (_what, body, status, message) => {
    const first = await start('echo', 1)
    const answer = await post(first.run_id, 'rerun', body, { 'content-type': 'application/json' })
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
  })
})
