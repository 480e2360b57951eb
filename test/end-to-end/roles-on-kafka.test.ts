/** Roles in processes of their own, on a real Kafka. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiClient, type ApiResponse, type Submission } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { describeWithCluster, describeWithKafka } from '../support/kafka.ts'

const FLOW = `flow: three
steps:
  - { id: a, type: echo, with: "\${input.n}" }
  - { id: b, type: echo, with: "\${steps.a.output}" }
  - { id: c, type: echo, with: "\${steps.b.output}" }
output: "\${steps.c.output}"
`
const KERNEL = `flow: multiply
steps:
  - { id: only, type: kernel, with: { kernel: matmul, a: [["\${input.n}", 1]], b: [[2], [3]] } }
`
interface Shown {
  readonly worker_id: string
  readonly device: { readonly warm_kernels: readonly string[] } | null
}
const WAIT = { timeout: 120_000, interval: 100 }

let folder: string
let processes: BeamlineProcess[] = []
const clients: ApiClient[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-roles-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await Promise.all(processes.filter((each) => each.running).map((each) => each.kill()))
  processes = []
  rmSync(folder, { recursive: true, force: true })
})

interface ProcessOptions {
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly roles: string
  readonly env?: NodeJS.ProcessEnv
}

async function spawn({ brokers, prefix, roles, env: more = {} }: ProcessOptions): Promise<BeamlineProcess> {
  const port = await freePort()
  const env = {
    BEAMLINE_LOG: 'kafka',
    BEAMLINE_KAFKA_BROKERS: brokers.join(','),
    BEAMLINE_KAFKA_PREFIX: prefix,
    BEAMLINE_ROLES: roles,
    ...(roles.includes('gateway') ? {} : { BEAMLINE_HEALTH_PORT: String(port) }),
    ...more,
  }
  const started = BeamlineProcess.spawn({ dataFolder: join(folder, `process-${processes.length}`), port, env })
  processes.push(started)
  return started
}

async function ready(...all: readonly BeamlineProcess[]): Promise<void> {
  for (const each of all) {
    await vi.waitFor(async () => {
      if (!each.running) throw new Error(`it has ended:\n${each.output}`)
      expect(await each.isReady(), each.output).toBe(true)
    }, WAIT)
  }
}

function clientOf({ url }: BeamlineProcess): ApiClient {
  const client = new ApiClient(url)
  clients.push(client)
  return client
}

async function reasonOf(each: BeamlineProcess): Promise<unknown> {
  const { status, body } = await clientOf(each).call('GET', '/readyz')
  return status === 200 ? null : body.reason
}

type Body = ApiResponse['body']

/** Submits until it is taken, as a careful client does, and waits for the end, however long others take to take over from one that has died. */
async function run(client: ApiClient, submission: Submission): Promise<Body> {
  let body: Body = {}
  await vi.waitFor(async () => {
    const answer = await client.call('POST', '/api/v1/runs?wait=60s', submission)
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
    body = answer.body
  }, WAIT)
  await vi.waitFor(async () => {
    if (body.status !== 'completed') body = (await client.run(String(body.run_id))).body
    expect(body.status).toBe('completed')
  }, WAIT)
  return body
}

/** `version` where others are being published. */
async function runAll(client: ApiClient, from: number, count: number, version?: number): Promise<void> {
  const runs = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const submission = { flow: 'three', input: { n: from + i }, idempotency_key: `n-${from + i}` }
      return run(client, version === undefined ? submission : { ...submission, version })
    }),
  )
  expect(runs.map(({ output }) => output)).toEqual(runs.map((_, i) => from + i))
}

await describeWithKafka('roles on Kafka', (kafka) => {
  it('divided over processes, of which some leave and one dies, finish every run', async () => {
    const place = { brokers: kafka.bootstrap, prefix: `${kafka.unique('roles')}.` }
    const gateway = await spawn({ ...place, roles: 'gateway,read-model' })
    const workers = [
      await spawn({ ...place, roles: 'tasks,execute:io' }),
      await spawn({ ...place, roles: 'tasks,execute:io' }),
      await spawn({ ...place, roles: 'tasks,execute:io,execute:cpu' }),
    ] as const
    await ready(gateway, ...workers)
    const client = clientOf(gateway)
    await client.publish(FLOW)
    await runAll(client, 0, 20)
    const leaving = runAll(client, 20, 40)
    expect(await workers[0].stop()).toBe(0)
    await leaving
    const dying = runAll(client, 60, 40)
    await workers[1].kill()
    await dying
    await runAll(client, 100, 20)
    // a process more than there are partitions has nothing to do and is ready all the same
    const extra = await Promise.all(Array.from({ length: 4 }, () => spawn({ ...place, roles: 'tasks' })))
    await ready(...extra)
    await runAll(client, 120, 20)
  })

  it('steps of a kernel go to the process that has it compiled', async () => {
    const place = { brokers: kafka.bootstrap, prefix: `${kafka.unique('kernels')}.` }
    const gpu = { ...place, roles: 'execute:gpu', env: { BEAMLINE_GPU_BACKEND: 'cpu' } }
    const [home, ...workers] = [
      await spawn({ ...place, roles: 'tasks,gateway,read-model' }),
      await spawn(gpu),
      await spawn(gpu),
    ]
    await ready(home, ...workers)
    const client = clientOf(home)
    await client.publish(KERNEL)
    const shown = async () => (await client.call('GET', '/api/v1/workers?pool=gpu')).body.workers as readonly Shown[]
    const told = async () => (await shown()).filter(({ device }) => device !== null)
    await vi.waitFor(async () => expect(await told()).toHaveLength(2), WAIT)
    const workerOf = async (n: number): Promise<unknown> => {
      const { steps } = await run(client, { flow: 'multiply', input: { n } })
      return (steps as readonly { readonly worker_id: unknown }[])[0]!.worker_id
    }
    const first = await workerOf(1)
    const warm = async () => (await told()).filter(({ device }) => device!.warm_kernels.includes('matmul'))
    await vi.waitFor(async () => expect(await warm()).toMatchObject([{ worker_id: first }]), WAIT)
    for (let n = 0; n < 10; n++) expect(await workerOf(n)).toBe(first)
    // one who leaves is forgotten with its device
    await workers[0]!.stop()
    await vi.waitFor(async () => expect(await told()).toHaveLength(1), WAIT)
    expect(await workerOf(20)).toBe((await told())[0]!.worker_id)
  })

  it('two gateways number versions together, and know each their own answers', async () => {
    const place = { brokers: kafka.bootstrap, prefix: `${kafka.unique('gateways')}.` }
    const [one, two] = [
      await spawn({ ...place, roles: 'tasks,execute:io,gateway,read-model' }),
      await spawn({ ...place, roles: 'gateway,read-model' }),
    ]
    await ready(one, two)
    const both = [clientOf(one), clientOf(two)] as const
    const publish = (n: number) =>
      both[n % 2]!.call('POST', '/api/v1/flows', FLOW.replace('input.n', `input.n${n}`), 'application/yaml')
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => publish(n)))
    const versions = answers.map(({ body }) => Number(body.version)).toSorted((a, b) => a - b)
    expect(versions).toEqual(answers.map((_, n) => n + 1))
    const { body } = await both[0].call('POST', '/api/v1/flows', FLOW, 'application/yaml')
    expect(body.version).toBe(answers.length + 1)
    await Promise.all([runAll(both[0], 0, 20, Number(body.version)), runAll(both[1], 100, 20, Number(body.version))])
  })
})

await describeWithCluster('a cluster that comes up late', {}, (cluster) => {
  it('is waited for, with the reason, and then used', async () => {
    await cluster().kill(1)
    const beamline = await spawn({
      brokers: cluster().bootstrap,
      prefix: 'late.',
      roles: 'tasks,execute:io,gateway,read-model',
    })
    const expected = `Kafka cannot be reached at ${cluster().bootstrap[0]}`
    await vi.waitFor(async () => expect(await reasonOf(beamline)).toMatch(expected), WAIT)
    const { status, body } = await clientOf(beamline).submit({ flow: 'three', input: {} })
    expect(status).toBe(503)
    expect(JSON.stringify(body)).toMatch(/not ready: Kafka cannot be reached/)
    expect((await clientOf(beamline).call('GET', '/health')).status).toBe(200)
    await cluster().start(1)
    await ready(beamline)
    const client = clientOf(beamline)
    await client.publish(FLOW)
    await runAll(client, 0, 5)
    // and it may go again
    await cluster().kill(1)
    await vi.waitFor(async () => expect(await reasonOf(beamline)).toMatch(/./), WAIT)
    expect((await client.submit({ flow: 'three', input: { n: 1 } })).status).toBe(503)
    await cluster().start(1)
    await ready(beamline)
    await runAll(client, 5, 5)
  })
})

const SASL = { mechanism: 'SCRAM-SHA-512', users: { ada: 'love lace' } } as const

await describeWithCluster('a cluster with TLS and passwords', { tls: true, sasl: SASL }, (cluster) => {
  const place = () => ({ brokers: cluster().bootstrap, prefix: 'secured.' })

  /** A configuration file with the password as a reference. */
  function settings(password: string): NodeJS.ProcessEnv {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const config = `kafka:
  tls: { ca: ${file('ca.pem', cluster().ca!)} }
  sasl: { mechanism: scram-sha-512, username: ada, password: "file:${file('password', `${password}\n`)}" }
`
    return { BEAMLINE_CONFIG: file('beamline.yaml', config) }
  }

  it('is used with what the configuration refers to', async () => {
    const roles = 'tasks,execute:io,gateway,read-model'
    const beamline = await spawn({ ...place(), roles, env: settings('love lace') })
    await ready(beamline)
    const client = clientOf(beamline)
    await client.publish(FLOW)
    await runAll(client, 0, 5)
    expect(beamline.output).not.toContain('love lace')
  })

  it('ends the start when the password is wrong, and says so without it', async () => {
    const beamline = await spawn({ ...place(), roles: 'tasks', env: settings('love less') })
    expect(await beamline.exited).toBe(1)
    expect(beamline.output).toMatch(/error: .*authenticat/i)
    expect(beamline.output).not.toContain('love less')
  })
})
