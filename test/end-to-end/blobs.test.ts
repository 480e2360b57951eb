/** Large values through a whole process: stored beside the log, seen by templates and clients as if they were not. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Client, createClient } from '../../gateway/client/client.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'

const FLOW = `
flow: large
steps:
  - id: copy
    type: echo
    with: \${input}
  - id: look
    type: echo
    after: [copy]
    when: length(steps.copy.output.items) == \`3000\`
    with:
      first: \${steps.copy.output.items[0]}
      name: \${input.name}
output:
  all: \${steps.copy.output.items}
  look: \${steps.look.output}
`
const items = Array.from({ length: 3_000 }, (_, n) => ({ n, text: `item ${n} of them` }))
const input = { name: 'large', items }

/** What a step asks until it is open. */
let open = false
const gate = createServer((_request, response) => response.writeHead(open ? 200 : 503).end())

/** The flow under another name, with a step before its last one that goes on once the gate is open. */
const gated = (name: string): string => {
  const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/`
  return FLOW.replace('flow: large', `flow: ${name}`)
    .replace('    after: [copy]', '    after: [gate]')
    .replace(
      '  - id: look',
      `  - id: gate
    type: http
    after: [copy]
    with: { url: "${url}" }
    retry: { attempts: 100, backoff: fixed, base: 300ms, jitter: 0 }
  - id: look`,
    )
}

let folder: string
let beamline: BeamlineNode
let client: Client

const start = async (): Promise<void> => {
  beamline = await startBeamline({ dataFolder: folder, port: 0, blocks: { egress: { allow: ['127.0.0.1'] } } })
  client = createClient({ url: beamline.url! })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'))
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
  await start()
  await client.publishFlow({ body: FLOW })
})

afterAll(async () => {
  await beamline.close()
  gate.closeAllConnections()
  gate.close()
  await rm(folder, { recursive: true })
})

it('passes large inputs and outputs through references', async () => {
  const run = await client.submitRun({ body: { flow: 'large', input }, query: { wait: '60s' } })
  if (!('steps' in run)) throw new Error(`the run has not ended: ${run.status}`)
  expect(run.status).toBe('completed')
  expect(run.input).toEqual(input)
  expect(run.output).toEqual({ all: items, look: { first: items[0], name: 'large' } })
  expect(run.steps[0]!.output).toEqual(input)
  const records = await everyEvent()
  expect(records).toContain('$payload')
  expect(records).not.toContain('item 2999 of them')
})

async function everyEvent(): Promise<string> {
  let bytes = ''
  for (const { topic, partition, nextOffset } of await beamline.log.describe()) {
    if (topic !== 'events') continue
    const reader = beamline.log.read(topic, partition, 'first')
    while (reader.position < nextOffset) {
      for (const { value } of await reader.next(1_000)) bytes += Buffer.from(value).toString('latin1')
    }
    reader.close()
  }
  return bytes
}

it('goes on with them after a restart', async () => {
  open = false
  await client.publishFlow({ body: gated('slow') })
  const { run_id } = await client.submitRun({ body: { flow: 'slow', input } })
  await expect
    .poll(async () => (await client.getRun({ params: { run_id } }).catch(() => null))?.steps[0]?.status)
    .toBe('completed')
  await beamline.close()
  await start()
  open = true
  await expect.poll(async () => (await client.getRun({ params: { run_id } })).status).toBe('completed')
  const { output } = await client.getRun({ params: { run_id } })
  expect(output).toEqual({ all: items, look: { first: items[0], name: 'large' } })
})

it('stores and loads blobs', async () => {
  const bytes = randomBytes(300_000)
  const hash = createHash('sha256').update(bytes).digest('hex')
  const stored = await client.putBlob({ body: bytes, contentType: 'image/png' })
  expect(stored).toEqual({ blob: `blob://${hash}`, size: 300_000, type: 'image/png', hash })
  expect(Buffer.from(await client.getBlob({ params: { hash } })).equals(bytes)).toBe(true)
  const address = `${beamline.url}/api/v1/blobs/${hash}`
  const head = await fetch(address, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe('300000')
  expect(head.headers.get('content-type')).toBe('image/png')
  expect((await fetch(address, { headers: { 'if-none-match': head.headers.get('etag')! } })).status).toBe(304)
  expect((await fetch(address, { headers: { 'x-tenant-id': 'other' } })).status).toBe(404)
})

it.each([
  ['bytes=0-9', 206, 'bytes 0-9/100', 0, 10],
  ['bytes=90-', 206, 'bytes 90-99/100', 90, 100],
  ['bytes=-5', 206, 'bytes 95-99/100', 95, 100],
  ['bytes=50-1000', 206, 'bytes 50-99/100', 50, 100],
  ['bytes=100-', 416, 'bytes */100', 0, 0],
  ['bytes=-0', 416, 'bytes */100', 0, 0],
  ['bytes=5-1', 200, null, 0, 100],
  ['bytes=0-1,5-6', 200, null, 0, 100],
  ['lines=1-2', 200, null, 0, 100],
] as const)('answers the range %s with %i', async (range, status, contentRange, from, to) => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, n) => n))
  const { hash } = await client.putBlob({ body: bytes })
  const answer = await fetch(`${beamline.url}/api/v1/blobs/${hash}`, { headers: { range } })
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-range')).toBe(contentRange)
  const body = Buffer.from(await answer.arrayBuffer())
  if (status !== 416) expect(body.equals(bytes.subarray(from, to))).toBe(true)
})

it('knows arrays of numbers', async () => {
  const numbers = Buffer.from(new Float32Array([1, 2, 3, 4, 5, 6]).buffer)
  const stored = await client.putBlob({ body: numbers, query: { array: 'f32', shape: '2,3' } })
  expect(stored.array).toEqual({ type: 'f32', shape: [2, 3], blob: stored.blob })
  expect(stored.type).toBe('application/vnd.beamline.array; type=f32; shape=2x3')
  await expect(client.putBlob({ body: numbers, query: { array: 'f32', shape: '2,2' } })).rejects.toThrow(
    'has 24 bytes; expected 16',
  )
  await expect(client.putBlob({ body: numbers, query: { array: 'f32', shape: '2,0' } })).rejects.toThrow(
    'integers from 1',
  )
})

it('refuses what is not as it should be', async () => {
  const address = `${beamline.url}/api/v1/blobs`
  const wrong = await fetch(`${address}?sha256=${'0'.repeat(64)}`, { method: 'POST', body: 'x' })
  expect(wrong.status).toBe(400)
  expect((await fetch(`${address}/${'0'.repeat(64)}`)).status).toBe(404)
  expect((await fetch(`${address}/no-hash`)).status).toBe(400)
  expect((await fetch(address, { method: 'POST', body: 'x', headers: { 'content-type': 'no type' } })).status).toBe(415)
})

it('keeps nothing of an upload that breaks off', async () => {
  const controller = new AbortController()
  const body = new ReadableStream({
    start(stream) {
      stream.enqueue(randomBytes(100_000))
      setTimeout(() => controller.abort(), 100)
    },
  })
  const request = { method: 'POST', body, signal: controller.signal, duplex: 'half' } as RequestInit
  await expect(fetch(`${beamline.url}/api/v1/blobs`, request)).rejects.toThrow()
  await expect.poll(() => readdir(join(folder, 'blobs', '.incoming'))).toEqual([])
  expect(existsSync(join(folder, 'blobs'))).toBe(true)
})

it('a run whose payload is lost fails, and nothing else does', async () => {
  open = false
  await client.publishFlow({ body: gated('lost') })
  const { run_id } = await client.submitRun({ body: { flow: 'lost', input: { ...input, name: 'lost' } } })
  const run = () => client.getRun({ params: { run_id } }).catch(() => null)
  await expect.poll(async () => (await run())?.steps[0]?.status).toBe('completed')
  await beamline.close()
  await rm(join(folder, 'blobs', 'default'), { recursive: true })
  await start()
  open = true
  await expect.poll(async () => (await run())?.status).toBe('failed')
  expect(JSON.stringify((await run())!.error)).toContain('BLOB_NOT_FOUND')
  const other = await client.submitRun({ body: { flow: 'large', input }, query: { wait: '60s' } })
  expect(other.status).toBe('completed')
})
