import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { homeOf, newRunId } from '../../../schemas/ids.ts'
import { openWorld, type World } from '../support.ts'

const GREET = `
flow: greet
input:
  type: object
  required: [name]
  properties: { name: { type: string } }
steps:
  - id: hello
    type: echo
    with: { text: "hello \${input.name}" }
output: "\${steps.hello.output}"
`

let world: World
beforeAll(async () => {
  world = await openWorld()
  expect((await world.publish(GREET)).status).toBe(201)
})
afterAll(() => world.close())

const NDJSON = { 'content-type': 'application/x-ndjson' }
async function batch(lines: readonly (object | string)[] | string, headers: Record<string, string> = {}) {
  const text = typeof lines === 'string' ? lines : lines.map(lineOf).join('\n')
  const answer = await world.call('POST', '/api/v1/runs/batch', text, { ...NDJSON, ...headers })
  const isLines = String(answer.headers['content-type']).startsWith('application/x-ndjson')
  return { ...answer, lines: isLines ? answer.body.trimEnd().split('\n').map(parsed) : [] }
}
const lineOf = (line: object | string): string => (typeof line === 'string' ? line : JSON.stringify(line))
// biome-ignore lint/suspicious/noExplicitAny: looked into by tests
const parsed = (line: string): any => JSON.parse(line)
const greet = (name: string, more = {}) => ({ flow: 'greet', input: { name }, ...more })

describe('POST /api/v1/runs/batch', () => {
  it('begins a run for each line and answers in their order', async () => {
    const { status, lines } = await batch(Array.from({ length: 500 }, (_, n) => greet(`n${n}`)))
    expect(status).toBe(200)
    expect(lines.map((line: { line: number }) => line.line)).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
    for (const n of [0, 249, 499]) {
      const { run_id, position } = lines[n]
      expect(position).toMatch(`ingest/${homeOf(run_id, 4)}/`)
      await expect
        .poll(async () => (await world.call('GET', `/api/v1/runs/${run_id}`)).body.output)
        .toEqual({ text: `hello n${n}` })
    }
  })

  it('answers lines that are broken, each with what is wrong with it, and takes the others', async () => {
    const id = newRunId(0, () => 7)
    const { status, lines } = await batch([
      greet('first'),
      '{"flow": "greet", "input"',
      '',
      { flow: 'greet', input: {} },
      { flow: 'greeet', input: {} },
      '[1]',
      { flow: 'greet', inputs: {} },
      '\u0000',
      greet('last', { run_id: id }),
    ])
    expect(status).toBe(200)
    expect(lines).toMatchObject([
      { line: 1, status: 'accepted', repeated: false },
      { line: 2, status: 'refused', error: { code: 'invalid_request', details: { code: 'INVALID_JSON' } } },
      { line: 4, error: { details: { code: 'INVALID_INPUT' }, intake_error_code: 'SCHEMA_VALIDATION_FAILED' } },
      { line: 5, error: { code: 'flow_not_found', message: expect.stringMatching(/'greeet'.*did you mean 'greet'/) } },
      { line: 6, error: { details: { code: 'NOT_A_SUBMISSION' } } },
      { line: 7, error: { details: { code: 'UNKNOWN_FIELD' } } },
      { line: 8, error: { details: { code: 'INVALID_JSON' } } },
      { line: 9, status: 'accepted', run_id: id },
    ])
  })

  it.each([
    ['of ASCII alone', ['plain', 'line\\break "quoted"', '\u0001']],
    ['with other characters among them', ['plain', 'größer 漢字 😀', 'line\\break']],
  ])('takes lines %s as they are', async (_, names) => {
    const { lines } = await batch(`${names.map((name) => lineOf(greet(name))).join('\r\n')}\r\n`)
    expect(lines.map((answer: { line: number; status: string }) => [answer.line, answer.status])).toEqual(
      names.map((_name, n) => [n + 1, 'accepted']),
    )
    for (const [n, name] of names.entries()) {
      await expect
        .poll(async () => (await world.call('GET', `/api/v1/runs/${lines[n].run_id}`)).body.output)
        .toEqual({ text: `hello ${name}` })
    }
  })

  it('refuses the lines that are no UTF-8, and only them', async () => {
    const broken = Buffer.concat([
      Buffer.from('{"flow":"greet","input":{"name":"'),
      Buffer.of(0xff),
      Buffer.from('"}}'),
    ])
    const body = Buffer.concat([Buffer.from(`${lineOf(greet('a'))}\n`), broken, Buffer.from(`\n${lineOf(greet('é'))}`)])
    const { body: answer } = await world.call('POST', '/api/v1/runs/batch', body, NDJSON)
    const lines = answer.trimEnd().split('\n').map(parsed)
    expect(lines).toMatchObject([
      { line: 1, status: 'accepted' },
      { line: 2, status: 'refused', error: { message: expect.stringMatching(/not valid UTF-8 at byte 33/) } },
      { line: 3, status: 'accepted' },
    ])
  })

  it('gives a repeated key its first run, within a batch and between batches', async () => {
    const twice = await batch([
      greet('a', { idempotency_key: 'batch-1' }),
      greet('a', { idempotency_key: 'batch-1' }),
      greet('b', { idempotency_key: 'batch-1' }),
    ])
    const [first, again, other] = twice.lines
    expect(first).toMatchObject({ status: 'accepted', repeated: false })
    expect(again).toMatchObject({ run_id: first.run_id, repeated: true })
    expect(other).toMatchObject({ status: 'refused', error: { code: 'conflict' } })
    expect((await batch([greet('a', { idempotency_key: 'batch-1' })])).lines[0].run_id).toBe(first.run_id)
  })

  it('begins nothing anew for a batch that is sent again under its key', async () => {
    const lines = [greet('x'), greet('y'), greet('y')]
    const first = await batch(lines, { 'idempotency-key': 'import-7' })
    const again = await batch(lines, { 'idempotency-key': 'import-7' })
    const ids = (answer: typeof first) => answer.lines.map((line: { run_id: string }) => line.run_id)
    expect(new Set(ids(first)).size).toBe(3)
    expect(ids(again)).toEqual(ids(first))
    expect(again.lines.every((line: { repeated: boolean }) => line.repeated)).toBe(true)
  })

  it.each([
    ['nothing', '', {}, 400, /empty/],
    ['blank lines alone', '\n \n', {}, 400, /empty/],
    ['more lines than a batch may have', '{}\n'.repeat(10_001), {}, 413, /more than 10000 lines/],
    [
      'a content type that holds no lines',
      '{}',
      { 'content-type': 'image/png' },
      415,
      /expected application\/x-ndjson/,
    ],
    ['an unusable key', '{}', { 'idempotency-key': 'a b' }, 400, /Idempotency-Key is "a b"; expected/],
    ['a tenant that is none', '{}', { 'x-tenant-id': '/' }, 400, /X-Tenant-ID/],
  ])('refuses %s', async (_what, body, headers, status, message) => {
    const answer = await batch(body, headers)
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringMatching(message) } } })
  })

  it('refuses a parameter that it does not know', async () => {
    const answer = await world.call('POST', '/api/v1/runs/batch?wait=1s', '{}', NDJSON)
    expect(answer).toMatchObject({ status: 400, body: { error: { details: { path: 'wait' } } } })
  })

  it('refuses the whole batch while no work is taken', async () => {
    world.admission = { admit: false, status: 503, reason: 'enough', retryAfterS: 3 }
    const answer = await batch([greet('late')])
    world.admission = { admit: true }
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '3' } })
  })
})

describe('Idempotency-Key of a single submission', () => {
  it('is the same as a key in the body', async () => {
    const submit = (name: string) => world.call('POST', '/api/v1/runs', greet(name), { 'idempotency-key': 'single-1' })
    const first = await submit('a')
    expect(first.status).toBe(202)
    expect(await submit('a')).toMatchObject({ status: 200, body: { run_id: first.body.run_id } })
    expect(await submit('b')).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    const long = await world.call('POST', '/api/v1/runs', greet('a'), { 'idempotency-key': 'k'.repeat(257) })
    expect(long).toMatchObject({ status: 400, body: { error: { details: { path: 'Idempotency-Key' } } } })
  })
})
