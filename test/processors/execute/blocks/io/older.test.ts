/** The blocks of the older workers, by their own names: each row of their table with its payload, output and codes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blockTable } from '../../../../../processors/execute/block-table.ts'
import { type BuiltInBlocks, builtInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { BlockTools } from '../../../../../processors/execute/blocks/tools.ts'
import { checkFlow } from '../../../../../schemas/flow/compile.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, LOCAL_EGRESS, openBlocks, realTools } from '../support.ts'
import { describeWith, missingPostgres, startPostgres } from './servers.ts'

type Input = { readonly [name: string]: Json }
/** An output, or the code of an error. */
type Outcome = { readonly output: Json } | { readonly code: string }
type Row = readonly [type: string, payload: Input, expected: object]

const folder = mkdtempSync(join(tmpdir(), 'beamline-older-'))
let calls = 0
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (data) => {
    body += data
  })
  request.on('end', () => {
    calls++
    const { pathname } = new URL(request.url!, 'http://x')
    if (pathname === '/graphql')
      return void response.end(JSON.stringify({ data: JSON.parse(body), errors: [{ message: 'told' }] }))
    if (pathname === '/text') return void response.end('plain')
    if (pathname === '/moved') return void response.writeHead(302, { location: '/text' }).end('moved')
    if (pathname === '/flaky') return void response.writeHead(calls % 3 === 0 ? 200 : 503).end('flaky')
    if (pathname === '/huge') return void response.end('x'.repeat((1 << 20) + 1))
    if (pathname === '/down') return void response.writeHead(503).end('down')
    if (pathname === '/cut') return void response.destroy()
    if (pathname === '/missing') return void response.writeHead(404).end('{"why":"gone"}')
    response
      .setHeader('x-seen', `${request.method} ${request.headers['x-a'] ?? ''}`)
      .end(body === '' ? '{"a":1}' : body)
  })
})
let url = ''
let set: BuiltInBlocks

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  set = openBlocks({ files: { folder } })
  mkdirSync(join(folder, 'acme', 'data'), { recursive: true })
  writeFileSync(join(folder, 'acme', 'data', 'in.txt'), 'hello')
})
afterAll(async () => {
  await set.close()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

/** Runs a payload as a step of an older document does: compiled from it, checked, run. */
async function outcome(blocks: BuiltInBlocks, type: string, payload: Input): Promise<Outcome> {
  const document = { id: 'older', version: '1', steps: [{ id: 'a', type, inputs: payload }] }
  const checked = checkFlow(JSON.stringify(document))
  if (!checked.ok) return { code: checked.problems[0]!.code }
  const { action } = checked.flow.steps[0]!
  if (action.kind !== 'block') throw new Error('no block')
  const { block, check } = blockTable(blocks.blocks).get(action.block)!
  if (check(payload) !== null) return { code: 'INPUT_INVALID' }
  try {
    return { output: await block.run(contextOf(), payload) }
  } catch (error) {
    return { code: (error as { readonly code: string }).code }
  }
}

const at = (payload: Input): Input => {
  return typeof payload.url === 'string' && payload.url.startsWith('/')
    ? { ...payload, url: url + payload.url }
    : payload
}

describe('the Rust worker', () => {
  test.each<Row>([
    ['echo', { any: [1] }, { output: { any: [1] } }],
    ['sleep', { ms: 1 }, { output: null }],
    ['sleep', {}, { output: null }],
    ['jmespath', { expression: 'a[?b > `1`].b', data: { a: [{ b: 1 }, { b: 2 }] } }, { output: [2] }],
    ['jmespath', { expression: 'a' }, { output: null }],
    ['jmespath', { data: 1 }, { code: 'MISSING_EXPRESSION' }],
    ['jmespath', { expression: 'a[', data: 1 }, { code: 'JMESPATH_COMPILE_ERROR' }],
    ['jmespath', { expression: 'abs(@)', data: 'x' }, { code: 'JMESPATH_RUNTIME_ERROR' }],
    ['javascript', { code: 'const total = a + b; total * 2', args: { a: 1, b: 2 } }, { output: 6 }],
    ['javascript', { code: 'undefined' }, { output: null }],
    ['javascript', { args: { a: 1 } }, { code: 'MISSING_CODE' }],
    ['javascript', { code: 'throw new Error("no")' }, { code: 'SCRIPT_ERROR' }],
    ['javascript', { code: 'a b' }, { code: 'SCRIPT_ERROR' }],
    ['http', { url: '/x' }, { output: { status: 200, headers: { 'x-seen': 'GET ' }, body: { a: 1 } } }],
    [
      'http',
      { url: '/x', method: 'POST', headers: { 'X-A': 'b' }, body: { n: [1] } },
      { output: { status: 200, headers: { 'x-seen': 'POST b' }, body: { n: [1] } } },
    ],
    ['http', { url: '/x', method: 'put', body: 'raw' }, { output: { body: 'raw' } }],
    ['http', { url: '/text' }, { output: { status: 200, body: 'plain' } }],
    ['http', { url: '/missing' }, { output: { status: 404, body: { why: 'gone' } } }],
    ['http', { url: '/down' }, { output: { status: 503, body: 'down' } }],
    ['http', { url: '/moved' }, { output: { status: 200, body: 'plain' } }],
    ['http', {}, { code: 'MISSING_URL' }],
    ['http', { url: '/x', method: 'BREW IT' }, { code: 'INVALID_METHOD' }],
    ['http', { url: 'nowhere' }, { code: 'REQUEST_BUILD_ERROR' }],
    ['http', { url: 'http://127.0.0.1:1/' }, { code: 'HTTP_REQUEST_FAILED' }],
    ['http', { url: '/cut' }, { code: 'HTTP_REQUEST_FAILED' }],
    ['http', { url: 'http://10.0.0.1/' }, { code: 'EGRESS_REFUSED' }],
    ['http', { url: '/huge' }, { code: 'RESPONSE_TOO_LARGE' }],
    [
      'graphql',
      { url: '/graphql', query: '{a}', variables: { x: 1 }, operationName: 'q' },
      { output: { data: { query: '{a}', variables: { x: 1 }, operationName: 'q' }, errors: [{ message: 'told' }] } },
    ],
    [
      'graphql',
      { url: '/graphql', query: '{a}' },
      { output: { data: { query: '{a}', variables: {}, operationName: null } } },
    ],
    ['graphql', { query: '{a}' }, { code: 'MISSING_URL' }],
    ['graphql', { url: '/graphql' }, { code: 'MISSING_QUERY' }],
    ['graphql', { url: 'http://127.0.0.1:1/', query: '{a}' }, { code: 'GRAPHQL_REQUEST_FAILED' }],
    ['graphql', { url: '/text', query: '{a}' }, { code: 'GRAPHQL_RESPONSE_PARSE_ERROR' }],
    ['sql', { query: 'select 1' }, { code: 'MISSING_CONNECTION_STRING' }],
    ['sql', { connection_string: 'postgres://u@127.0.0.1:1/x' }, { code: 'MISSING_QUERY' }],
    ['sql', { connection_string: 'postgres://u@127.0.0.1:1/x', query: 'select 1' }, { code: 'DB_CONNECTION_ERROR' }],
    ['fs_blob_put', { path: 'data/a', content: 'text' }, { output: { path: 'data/a', size: 4 } }],
    ['fs_blob_put', { path: 'data/new/b', bytes: '/w==' }, { output: { path: 'data/new/b', size: 1 } }],
    ['fs_blob_put', { path: 'data/a', content: 'again' }, { output: { path: 'data/a', size: 5 } }],
    ['fs_blob_put', { content: 'x' }, { code: 'MISSING_PATH' }],
    ['fs_blob_put', { path: '../x', content: 'x' }, { code: 'INVALID_PATH' }],
    ['fs_blob_put', { path: '/x', content: 'x' }, { code: 'INVALID_PATH' }],
    ['fs_blob_put', { path: 'x', bytes: '?' }, { code: 'BASE64_DECODE_ERROR' }],
    ['fs_blob_put', { path: 'x' }, { code: 'MISSING_CONTENT' }],
    ['fs_blob_put', { path: 'data/in.txt/x', content: 'x' }, { code: 'DIR_CREATE_ERROR' }],
    ['fs_blob_put', { path: 'data', content: 'x' }, { code: 'FILE_WRITE_ERROR' }],
    ['fs_blob_get', { path: 'data/in.txt' }, { output: { path: 'data/in.txt', bytes: 'aGVsbG8=', size: 5 } }],
    ['fs_blob_get', {}, { code: 'MISSING_PATH' }],
    ['fs_blob_get', { path: 'a/../../x' }, { code: 'INVALID_PATH' }],
    ['fs_blob_get', { path: '/etc/hosts' }, { code: 'INVALID_PATH' }],
    ['fs_blob_get', { path: 'none' }, { code: 'FILE_READ_ERROR' }],
    ['human_approval', { prompt: 'Go on?' }, { code: 'NOT_SUPPORTED_YET' }],
    ['human_approval', {}, { code: 'NOT_SUPPORTED_YET' }],
    // UNKNOWN_JOB_TYPE of the worker: known before a run is
    ['teleport', {}, { code: 'UNKNOWN_BLOCK' }],
  ])('%s %j: %j', async (type, payload, expected) => {
    expect(await outcome(set, type, at(payload))).toMatchObject(expected)
  })

  test('a 5xx is tried again', async () => {
    calls = 0
    expect(await outcome(set, 'http', at({ url: '/flaky' }))).toMatchObject({ output: { status: 200 } })
    expect(calls).toBe(3)
  })

  test.each<readonly [string, Input]>([
    ['http', { url: '/x' }],
    ['sleep', { ms: 60_000 }],
  ])('%s may say how long it takes', async (type, payload) => {
    if (type === 'http')
      expect(await outcome(set, type, at({ ...payload, timeout_ms: 60_000 }))).toHaveProperty('output')
    else expect(await outcome(set, type, { ...payload, timeout_ms: 10 })).toEqual({ code: 'TIMEOUT' })
  })

  test('without `inputs` the names mean what they mean now', () => {
    const checked = checkFlow('{"flow":"f","steps":[{"id":"a","type":"http","with":{"url":"http://x"}}]}')
    expect(checked.ok && checked.flow.steps[0]!.action).toMatchObject({ block: 'http' })
  })
})

describeWith('the Rust worker on Postgres', missingPostgres, startPostgres, (postgres) => {
  test.each<readonly [string, Input, object]>([
    [
      'rows',
      { query: "select true as b, 7::int8 as i, 1.5::float8 as f, 'x' as t, '{\"a\":1}'::jsonb as j" },
      { output: { rows: [{ b: true, i: 7, f: 1.5, t: 'x', j: { a: 1 } }], rows_affected: 1 } },
    ],
    [
      'arguments',
      { query: 'select $1::bool as b, $2::int8 as i, $3::text as t, $4::jsonb as j', args: [true, 5, 'x', [1]] },
      { output: { rows: [{ b: true, i: 5, t: 'x', j: [1] }], rows_affected: 1 } },
    ],
    ['no rows', { query: 'select 1 where false' }, { output: { rows: [], rows_affected: 0 } }],
    ['a change', { query: 'create table t(a int)' }, { output: { rows: [] } }],
    ['an error', { query: 'select nothing' }, { code: 'DB_QUERY_ERROR' }],
  ])('%s', async (_name, payload, expected) => {
    const blocks = openBlocks({ egress: LOCAL_EGRESS })
    const connection_string = `postgres://postgres@127.0.0.1:${postgres().port}/postgres`
    expect(await outcome(blocks, 'sql', { connection_string, ...payload })).toMatchObject(expected)
    await blocks.close()
  })
})

/** The time that a connection has is over as soon as it is dialled; all else takes the time it takes. */
const CONNECT_TIMEOUT_MS = 12_345
const hurried: BlockTools = {
  ...realTools,
  after: (ms, callback) => {
    if (ms !== CONNECT_TIMEOUT_MS) return realTools.after(ms, callback)
    callback()
    return () => undefined
  },
}

describe('a connection that is not there in time', () => {
  test.each([
    ['http.request', 'CONNECTION_TIMEOUT'],
    ['http', 'HTTP_REQUEST_FAILED'],
  ])('%s: %s', async (type, code) => {
    const before = calls
    const http = { connectTimeoutMs: CONNECT_TIMEOUT_MS }
    const blocks = builtInBlocks(hurried, { egress: LOCAL_EGRESS, http })
    expect(await outcome(blocks, type, at({ url: '/x', method: 'GET' }))).toEqual({ code })
    expect(calls).toBe(before)
    await blocks.close()
  })
})

describe('the C++ blocks', () => {
  test.each<Row>([
    [
      'http.request',
      { url: '/x', method: 'GET', headers: '{"X-A":"b"}' },
      {
        output: {
          status_code: '200',
          body: '{"a":1}',
          headers: expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n(.*\r\n)*x-seen: GET b\r\n(.*\r\n)*\r\n$/),
        },
      },
    ],
    [
      'http.request',
      { url: '/x', method: 'POST', body: 'text', extra: 'ignored' },
      { output: { status_code: '200', body: 'text' } },
    ],
    ['http.request', { url: '/x' }, { code: 'MISSING_REQUIRED_FIELD' }],
    ['http.request', { method: 'GET' }, { code: 'MISSING_REQUIRED_FIELD' }],
    ['http.request', { url: '/x', method: 'BREW' }, { code: 'INVALID_INPUT' }],
    ['http.request', { url: '/huge', method: 'GET' }, { code: 'QUOTA_EXCEEDED' }],
    ['http.request', { url: '/x', method: 'GET', headers: '{' }, { code: 'INVALID_FORMAT' }],
    ['http.request', { url: '/missing', method: 'GET' }, { code: 'HTTP_ERROR' }],
    ['http.request', { url: '/moved', method: 'GET' }, { code: 'HTTP_ERROR' }],
    ['http.request', { url: 'http://127.0.0.1:1/', method: 'GET' }, { code: 'NETWORK_ERROR' }],
    ['http.request', { url: 'http://10.0.0.1/', method: 'GET' }, { code: 'PERMISSION_DENIED' }],
    [
      'fs.blob_put',
      { path: 'cpp/a', content: 'text' },
      { output: { path: 'cpp/a', size: '4', created: expect.stringMatching(/^\d{19}$/) } },
    ],
    ['fs.blob_put', { path: 'cpp/a', content: 'x' }, { code: 'EXECUTION_FAILED' }],
    ['fs.blob_put', { path: 'cpp/a', content: 'longer', overwrite: 'true' }, { output: { size: '6' } }],
    ['fs.blob_put', { path: 'cpp/a' }, { code: 'MISSING_REQUIRED_FIELD' }],
    ['fs.blob_put', { path: '../x', content: 'x' }, { code: 'EXECUTION_FAILED' }],
    [
      'fs.blob_get',
      { path: 'cpp/a' },
      { output: { path: 'cpp/a', content: 'longer', size: '6', modified: expect.stringMatching(/^\d{19}$/) } },
    ],
    ['fs.blob_get', {}, { code: 'MISSING_REQUIRED_FIELD' }],
    ['fs.blob_get', { path: 'cpp/none' }, { code: 'RESOURCE_UNAVAILABLE' }],
    [
      'sql.query',
      { query: "select 1 as a, 'x' as b, null as c" },
      { output: { rows: '[{"a":"1","b":"x"}]', row_count: '1' } },
    ],
    ['sql.query', { query: 'create table t(a)', connection: ':memory:' }, { output: { affected_rows: '0' } }],
    ['sql.query', { query: 'create table t(a)', connection: 'cpp/x.db' }, { output: { affected_rows: '0' } }],
    [
      'sql.query',
      { query: 'insert into t values (1), (2)', connection: 'cpp/x.db' },
      { output: { affected_rows: '2' } },
    ],
    [
      'sql.query',
      { query: 'select a from t where a > ?', connection: 'cpp/x.db', params: '[1]' },
      { output: { rows: '[{"a":"2"}]', row_count: '1' } },
    ],
    ['sql.query', {}, { code: 'MISSING_REQUIRED_FIELD' }],
    ['sql.query', { query: 'select nothing' }, { code: 'EXECUTION_FAILED' }],
    ['human.approval', { approval_type: 'x', description: 'y' }, { code: 'NOT_SUPPORTED_YET' }],
  ])('%s %j: %j', async (type, payload, expected) => {
    expect(await outcome(set, type, at(payload))).toMatchObject(expected)
  })
})
