/** What every block that reaches outside promises besides: the attempt's key goes along where it can be made use of, and no answer is taken that is too large. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BlockError } from '../../../../processors/execute/block.ts'
import { BLOCK_TYPES } from '../../../../schemas/flow/block-types.ts'
import type { Json } from '../../../../schemas/json.ts'
import { contextOf, openBlocks } from './support.ts'

const LIMIT = 100_000
const HUGE = 'x'.repeat(LIMIT + 1)
const folder = mkdtempSync(join(tmpdir(), 'beamline-outside-'))
const keys: unknown[] = []
const server = createServer((request, response) => {
  keys.push(request.headers['idempotency-key'])
  request.resume().on('end', () => {
    if (request.url!.startsWith('/huge')) return void response.end(HUGE)
    const json = response.setHeader('content-type', 'application/json')
    json.end('{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}')
  })
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const set = openBlocks({
  cpuThreads: 1,
  http: { responseLimitBytes: LIMIT },
  files: { folder, limitBytes: LIMIT },
  sql: { limits: { rows: 10_000, bytes: LIMIT } },
  connections: {
    llm: { kind: 'llm', url: `${url}/v1`, model: 'm' },
    huge: { kind: 'llm', url: `${url}/huge`, model: 'm' },
  },
  kafka: {
    produce: (_tenant, { headers }) => {
      keys.push(headers['idempotency-key'])
      return Promise.resolve({ topic: 'x', partition: 0, offset: '0' })
    },
  },
})
await mkdir(join(folder, 'acme'))
writeFileSync(join(folder, 'acme', 'huge'), '')
truncateSync(join(folder, 'acme', 'huge'), 2 ** 31)
afterAll(async () => {
  await set.close()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

const run = async (type: string, input: Json): Promise<Json> =>
  await set.blocks.find((block) => block.type === type)!.run(contextOf({ key: 'acme/r/s/7' }), input)

const hook = { secret: 'a key of more than 16 bytes' }
/** Input, and one that is answered with too much where the block has an answer. */
const REACH: { readonly [type: string]: { readonly input: Json; readonly huge: Json | null } } = {
  http: { input: { url }, huge: { url: `${url}/huge` } },
  'worker.http': { input: { url }, huge: { url: `${url}/huge` } },
  'http.request': { input: { url, method: 'GET' }, huge: { url: `${url}/huge`, method: 'GET' } },
  graphql: { input: { url, query: '{a}' }, huge: { url: `${url}/huge`, query: '{a}' } },
  webhook: { input: { url, ...hook }, huge: { url: `${url}/huge`, ...hook } },
  llm: { input: { prompt: 'x' }, huge: { op: 'embeddings', input: 'x', connection: 'huge' } },
  'kafka.produce': { input: { topic: 'x', value: 1 }, huge: null },
}
/** What has no use for a key, and how its answers are made too large. */
const LOCAL: { readonly [type: string]: Json | null } = {
  sql: { connection: 'sqlite:x.db', query: "select printf('%200000d', 1) as a", write: true },
  'sql.query': { query: "select printf('%200000d', 1) as a" },
  'fs.get': { path: 'huge' },
  fs_blob_get: { path: 'huge' },
  'fs.blob_get': { path: 'huge' },
  javascript: { code: '"x".repeat(2e6)' },
  jmespath: { expression: `[${Array(4_000).fill('@').join()}]`, data: 'x'.repeat(2_000) },
  transform: null,
  'fs.put': null,
  fs_blob_put: null,
  'fs.blob_put': null,
  // its bytes are bounded by what the device takes and by the executor
  kernel: null,
  echo: null,
  sleep: null,
  fail: null,
  'javascript.trusted': null,
}
/** Their servers are in `services.test.ts`, with the counter that counts once and the message that has one id. */
const ELSEWHERE = ['redis', 'email']

test('every block is thought of', () => {
  const thought = [...Object.keys(REACH), ...Object.keys(LOCAL), ...ELSEWHERE]
  expect(thought.toSorted()).toEqual(BLOCK_TYPES.map(({ type }) => type).toSorted())
})

describe('the key of the attempt', () => {
  test.each(Object.entries(REACH))('%s sends it along', async (type, { input }) => {
    keys.length = 0
    await run(type, input)
    expect(keys).toEqual(['acme/r/s/7'])
  })
})

describe('an answer that is too large', () => {
  const huge = [...Object.entries(REACH).map(([type, { huge }]) => [type, huge] as const), ...Object.entries(LOCAL)]
  test.each(huge.filter(([, input]) => input !== null))('%s refuses it', async (type, input) => {
    const error = await run(type, input!).then(
      (output) => `returned ${JSON.stringify(output).length} characters`,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(BlockError)
    expect((error as BlockError).code).toMatch(
      /^(RESPONSE_TOO_LARGE|RESULT_TOO_LARGE|FILE_TOO_LARGE|OUTPUT_TOO_LARGE|QUOTA_EXCEEDED)$/,
    )
  })
})
