/** The orderly end of a process: SIGTERM once, and twice. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'

let dataFolder: string
let beamline: BeamlineProcess
let client: ApiClient

const FLOW = `flow: slow
steps:
  - { id: nap, type: sleep, with: { ms: "\${input.ms}" } }
  - { id: later, type: wait, after: [nap], with: { for: 1h } }
`

beforeEach(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'beamline-stop-'))
  await start({ BEAMLINE_GRACE: '10s' })
  await client.publish(FLOW)
})

afterEach(async () => {
  await client.close()
  if (beamline.running) await beamline.kill()
  rmSync(dataFolder, { recursive: true, force: true })
})

async function start(env: NodeJS.ProcessEnv): Promise<void> {
  beamline = await BeamlineProcess.start({ dataFolder, port: await freePort(), env })
  client = new ApiClient(beamline.url)
}

/** A run whose first step has begun. */
async function submit(ms: number): Promise<string> {
  const { body } = await client.submit({ flow: 'slow', input: { ms } })
  const runId = String(body.run_id)
  await vi.waitFor(async () => expect(await stepOf(runId, 'nap')).toBe('running'), { timeout: 10_000 })
  return runId
}

async function stepOf(runId: string, stepId: string): Promise<unknown> {
  const { body } = await client.run(runId)
  const steps = (body.steps ?? []) as readonly { step_id: string; status: string }[]
  return steps.find((step) => step.step_id === stepId)?.status
}

async function untilStopping(): Promise<void> {
  await vi.waitFor(
    async () => {
      const { status, body } = await client.call('GET', '/readyz')
      expect({ status, reason: body.reason }).toEqual({ status: 503, reason: 'this process is stopping' })
    },
    { timeout: 10_000, interval: 10 },
  )
}

test('SIGTERM: nothing new is taken, what runs ends and is decided, who waits is answered', async () => {
  const waiting = client.call('POST', '/api/v1/runs?wait=60s', { flow: 'slow', input: { ms: 1 } })
  const runId = await submit(1_500)
  beamline.child.kill('SIGTERM')
  await untilStopping()
  const refused = await client.submit({ flow: 'slow', input: { ms: 1 } })
  expect(refused).toMatchObject({ status: 503, retryAfter: 2, body: { error: { code: 'unavailable' } } })
  expect((await client.run(runId)).status).toBe(200)
  expect((await waiting).status).toBe(202)
  expect(await beamline.exited).toBe(0)
  await client.close()
  await start({})
  expect(await stepOf(runId, 'nap')).toBe('completed')
})

test('SIGTERM twice: it ends at once, and the step is run again', async () => {
  const runId = await submit(5_000)
  beamline.child.kill('SIGTERM')
  await untilStopping()
  const ended = once(beamline.child, 'close')
  const began = performance.now()
  beamline.child.kill('SIGTERM')
  await ended
  expect(performance.now() - began).toBeLessThan(3_000)
  expect(await beamline.exited).toBe(143)
  await client.close()
  await start({})
  await vi.waitFor(async () => expect(await stepOf(runId, 'nap')).toBe('completed'), { timeout: 20_000, interval: 100 })
})
