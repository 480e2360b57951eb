/** A secret goes to the server it is meant for, and is in nothing that the engine keeps or says. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { createLogger } from '../../connectors/logging/logger.ts'
import { submission } from '../../load/bench/submission.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'
import { formsOf } from '../../processors/execute/blocks/secrets/redact.ts'
import { decodeRecord, encodeRecord } from '../../schemas/codec/wire.ts'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { DEFAULT_TENANT, homeOf, newRunId, type RunId } from '../../schemas/ids.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import { TOPICS, type Topic } from '../../schemas/topics.ts'
import { type Collector, startCollector } from '../connectors/tracing/collector.ts'

const CANARY = 'canary/Käse+wine?=42 & more'
const OTHER = 'another-canary-of-16-bytes'
const FORMS = [...formsOf(CANARY), ...formsOf(OTHER)]

const seen: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
/** Says back everything that it was sent, in many forms. */
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (data) => {
    body += data
  })
  request.on('end', () => {
    seen.push({ url: request.url!, headers: request.headers, body })
    const said = {
      url: request.url,
      headers: request.headers,
      body,
      packed: Buffer.from(JSON.stringify([request.headers, body])).toString('base64'),
    }
    response.writeHead(request.url!.startsWith('/fail') ? 400 : 200, {
      'content-type': 'application/json',
      'x-said': encodeURIComponent(JSON.stringify(request.headers)).slice(0, 4_000),
    })
    response.end(JSON.stringify({ ...said, hex: Buffer.from(body).toString('hex') }))
  })
})

const folder = mkdtempSync(join(tmpdir(), 'beamline-secrets-'))
let logged = ''
let node: BeamlineNode
let collector: Collector
let url = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const output = {
    write: (line: string) => {
      logged += line
    },
  }
  // spans leave at once instead of every 5 s
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  collector = await startCollector()
  node = await startBeamline({
    dataFolder: folder,
    roles: ['tasks', 'execute:io'],
    tracing: { endpoint: collector.url, headers: {}, share: 1, service: 'test', attributes: {} },
    logger: createLogger({ environment, level: 'debug', format: 'json', output }),
    blocks: { egress: { allow: ['127.0.0.1'] }, secrets: { values: { canary: CANARY, other: OTHER } } },
  })
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await node.close()
  await collector.close()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

async function publish(flow: string, steps: readonly Json[]): Promise<void> {
  const document = toJsonText({ flow, steps })
  const checked = checkFlow(document)
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems))
  const record: BeamlineRecord = {
    kind: 'FlowPublished',
    tenant: DEFAULT_TENANT,
    flow,
    version: 1,
    document,
    hash: createHash('sha256').update(document).digest('hex'),
    publishedAtMs: Date.now(),
    publishedBy: null,
  }
  await node.log.append(
    Array.from({ length: node.log.partitions }, (_, partition) => out('control', partition, null, record)),
  )
}

/** Runs the flow to its end; answers with the kind of its last event. */
async function run(flow: string, input: Json): Promise<string> {
  const runId: RunId = newRunId(environment.randomU32() & 0xffff, () => environment.randomU32())
  const home = homeOf(runId, node.log.partitions)
  const reader = node.log.read('events', home, 'end')
  const record = submission(flow, toJsonText(input), runId, Date.now())
  await node.log.append([out('ingest', home, runId, record)])
  try {
    for (;;) {
      for (const { value } of await reader.next(1_000)) {
        const event = decodeRecord(value) as BeamlineRecord & { readonly runId?: RunId }
        if (event.runId === runId && /^Run(Completed|Failed|TimedOut|Cancelled|Rejected)$/.test(event.kind))
          return event.kind
      }
    }
  } finally {
    reader.close()
  }
}

function out(topic: Topic, partition: number, key: string | null, message: BeamlineRecord) {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}

/** Everything in the log, as text. */
async function everything(): Promise<string> {
  const parts: string[] = []
  for (const { topic, partition, nextOffset } of await node.log.describe()) {
    const reader = node.log.read(topic, partition, 'first')
    for (let offset = 0; offset < nextOffset; ) {
      for (const record of await reader.next(1_000)) {
        parts.push(JSON.stringify([record.key, record.headers, decodeRecord(record.value)]))
        offset = record.offset + 1
      }
    }
    reader.close()
  }
  return parts.join('\n')
}

test('a secret is in no record, event, log, error, trace or dead letter', async () => {
  const steps = (path: string): Json[] => [
    {
      id: 'a',
      type: 'http',
      with: {
        url: `${url}/${path}`,
        method: 'POST',
        headers: { 'x-key': 'Bearer secret://other' },
        body: { deep: ['x secret://canary y'] },
      },
    },
    {
      id: 'b',
      type: 'http',
      with: {
        url: `${url}/${path}`,
        method: 'POST',
        query: { key: 'secret://canary' },
        form: { key: 'secret://canary' },
      },
    },
    { id: 'c', type: 'worker.http', with: { url: `${url}/${path}`, method: 'POST', body: 'secret://canary' } },
    { id: 'd', type: 'webhook', with: { url: `${url}/${path}`, secret: 'secret://other', body: 'secret://canary' } },
    { id: 'e', type: 'graphql', with: { url: `${url}/${path}`, query: 'secret://canary' } },
  ]
  await publish('said-back', steps('ok'))
  expect(await run('said-back', null)).toBe('RunCompleted')
  const sent = JSON.stringify(seen.map(({ headers, body }) => [headers['x-key'], body]))
  expect(sent).toContain(`Bearer ${OTHER}`)
  expect(sent.split(CANARY).length).toBeGreaterThan(3)
  for (const [index, step] of steps('fail').entries()) {
    await publish(`fails-${index}`, [{ ...(step as object), retry: { attempts: 1 } }])
    await run(`fails-${index}`, null)
  }
  await publish('wrong', [
    { id: 'f', type: 'http', with: { url: 'secret://canary' }, optional: true },
    { id: 'g', type: 'sql', with: { connection: 'secret://canary', query: 'select 1' }, optional: true },
    {
      id: 'h',
      type: 'sql',
      with: { connection: 'postgres://u:secret://other@127.0.0.1:1/x', query: 'secret://canary' },
      optional: true,
    },
    { id: 'i', type: 'redis', with: { op: 'get', key: 'x', connection: 'secret://canary' }, optional: true },
    { id: 'j', type: 'http', with: { url, method: 'secret://canary' }, optional: true },
    {
      id: 'k',
      type: 'http',
      with: { url, headers: { 'secret://name': 'x', 'x-a': 'secret://canary' } },
      optional: true,
    },
  ])
  await run('wrong', null)
  const all = await everything()
  // of each run one, and one for each attempt
  for (const flow of ['said-back', 'wrong', ...steps('fail').map((_, index) => `fails-${index}`)])
    await collector.find(({ name }) => name === `run ${flow}`)
  await collector.find(({ name }) => name === 'attempt k')
  const traced = JSON.stringify([collector.spans, collector.requests])
  expect(TOPICS.every((topic) => topic.length > 0)).toBe(true)
  expect(all).toContain('secret://canary')
  expect(all).toContain('[secret canary]')
  for (const form of FORMS) {
    expect(all.includes(form), `a record has ${form}`).toBe(false)
    expect(logged.includes(form), `a log line has ${form}`).toBe(false)
    expect(traced.includes(form), `a span has ${form}`).toBe(false)
  }
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const form of FORMS) expect(bytes.includes(form), `${file.name} has ${form}`).toBe(false)
  }
})

test('data that names a secret is sent as it is', async () => {
  await publish('from-data', [
    {
      id: 'a',
      type: 'http',
      with: {
        url: `${url}/data`,
        method: 'POST',
        headers: { 'x-a': '${input.text}' },
        body: { whole: '${input}', part: 'x ${input.text} y', made: '${input.left}${input.right}' },
      },
    },
    {
      id: 'b',
      type: 'http',
      with: { url: `${url}/data`, method: 'POST', body: '${steps.a.output.body.headers."x-a"}' },
    },
  ])
  const input = { text: 'secret://canary', left: 'secret:', right: '//canary', deep: [{ a: 'secret:///canary' }] }
  const before = seen.length
  expect(await run('from-data', input)).toBe('RunCompleted')
  const [first, second] = seen.slice(before)
  expect(first!.headers['x-a']).toBe('secret://canary')
  expect(JSON.parse(first!.body)).toEqual({ whole: input, part: 'x secret://canary y', made: 'secret://canary' })
  expect(second!.body).toBe('secret://canary')
})

test('a secret that does not exist is an error that names it', async () => {
  await publish('missing', [
    { id: 'a', type: 'http', with: { url, headers: { a: 'secret://nowhere' } }, retry: { attempts: 1 } },
  ])
  expect(await run('missing', null)).toBe('RunFailed')
  expect(await everything()).toContain("the secret 'nowhere' does not exist for tenant")
})
