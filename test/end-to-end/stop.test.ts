/** The orderly end of a process: SIGTERM once, and twice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'

let dataFolder: string
let beamline: BeamlineProcess
let client: ApiClient
/** What steps call: each runs until the test answers it. */
let asked: ServerResponse[]
const server = createServer((_request, response) => void asked.push(response))

const FLOW = `flow: slow
vars: { url: '' }
steps:
  - { id: call, type: http, timeout: 10m, with: { url: "\${vars.url}" } }
  - { id: later, type: wait, after: [call], with: { for: 1h } }
`

beforeEach(async () => {
  dataFolder = mkdtempSync(join(tmpdir(), 'beamline-stop-'))
  asked = []
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // far longer than any test
  await start({ BEAMLINE_GRACE: '10m' })
  const { port } = server.address() as AddressInfo
  await client.publish(FLOW.replace("''", `http://127.0.0.1:${port}/`))
})

afterEach(async () => {
  await client.close()
  if (beamline.running) await beamline.kill()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(dataFolder, { recursive: true, force: true })
})

async function start(env: NodeJS.ProcessEnv): Promise<void> {
  beamline = await BeamlineProcess.start({ dataFolder, port: await freePort(), env })
  client = new ApiClient(beamline.url)
}

async function submit(): Promise<string> {
  const { body } = await client.submit({ flow: 'slow', input: {} })
  return String(body.run_id)
}

/** Resolves once so many steps are running. */
const running = (steps: number): Promise<unknown> => expect.poll(() => asked.length).toBe(steps)
const answer = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end('{}')

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
    { timeout: 60_000, interval: 10 },
  )
}

/** What is answered to a submission whose body never comes. */
async function refusalOfHead(): Promise<string> {
  const { hostname, port } = new URL(beamline.url)
  const head = `POST /api/v1/runs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`
  const socket = connect(Number(port), hostname)
  socket.setTimeout(20_000, () => socket.destroy(new Error('no answer within 20 s')))
  socket.write(head)
  let answered = ''
  for await (const data of socket) answered += String(data)
  return answered
}

test('SIGTERM: nothing new is taken, what runs ends and is decided, who waits is answered', async () => {
  const waiting = client.call('POST', '/api/v1/runs?wait=60s', { flow: 'slow', input: {} })
  await running(1)
  const runId = await submit()
  await running(2)
  beamline.child.kill('SIGTERM')
  await untilStopping()
  const refused = await client.submit({ flow: 'slow', input: {} })
  expect(refused).toMatchObject({ status: 503, retryAfter: 2, body: { error: { code: 'unavailable' } } })
  expect(await refusalOfHead()).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 2\r\n[\s\S]*"unavailable"/)
  expect((await client.run(runId)).status).toBe(200)
  for (const response of asked) answer(response)
  expect((await waiting).status).toBe(202)
  expect(await beamline.exited).toBe(0)
  await client.close()
  await start({})
  expect(await stepOf(runId, 'call')).toBe('completed')
  expect(asked).toHaveLength(2)
})

test('SIGTERM twice: it ends at once, and the step is run again', async () => {
  const runId = await submit()
  await running(1)
  beamline.child.kill('SIGTERM')
  await untilStopping()
  beamline.child.kill('SIGTERM')
  // its grace has hardly begun, and the step is not answered
  expect(await beamline.exited).toBe(143)
  await client.close()
  await start({})
  await running(2)
  answer(asked[1]!)
  await expect.poll(() => stepOf(runId, 'call')).toBe('completed')
})
