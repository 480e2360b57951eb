import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { API } from '../../../gateway/api/index.ts'
import { ApiError, type Client, createClient } from '../../../gateway/client/client.ts'
import { readEvents } from '../../../gateway/client/event-stream.ts'
import { openWorld, type World } from '../support.ts'

const GREET =
  'flow: greet\nsteps:\n  - id: hello\n    type: echo\n    with: "${input}"\noutput: "${steps.hello.output}"\n'

let world: World
let client: Client
let url: string
beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  client = createClient({ url })
  await client.publishFlow({ body: GREET })
})
afterAll(() => world.close())

describe('createClient', () => {
  it('has a call for every route', () => {
    expect(Object.keys(client)).toEqual(Object.keys(API))
  })

  it('sends and reads what the routes say, with their types', async () => {
    const run = await client.submitRun({ query: { wait: '20s' }, body: { flow: 'greet', input: { n: 1 } } })
    expect(run).toMatchObject({ status: 'completed' })
    const shown = await client.getRun({ params: { run_id: run.run_id } })
    expectTypeOf(shown.steps[0]!.attempt).toEqualTypeOf<number>()
    expectTypeOf(shown.error).toEqualTypeOf<null | Exclude<typeof shown.error, null>>()
    expect(shown.output).toEqual({ n: 1 })
    const { runs, as_of } = await client.listRuns({ query: { flow: 'greet', limit: 1 } })
    expectTypeOf(as_of.positions).toEqualTypeOf<readonly string[]>()
    expect(runs).toMatchObject([{ run_id: run.run_id }])
  })

  it('takes lines as a list and gives a list', async () => {
    const lines = await client.submitRuns({ body: [{ flow: 'greet', input: 1 }, { flow: 'nope' }] })
    expect(lines).toMatchObject([
      { line: 1, status: 'accepted' },
      { line: 2, status: 'refused' },
    ])
    for (const line of lines) {
      if (line.status === 'accepted') expectTypeOf(line.run_id).toEqualTypeOf<string>()
      else expectTypeOf(line.error.message).toEqualTypeOf<string>()
    }
  })

  it('follows a stream', async () => {
    const stop = new AbortController()
    const events = await client.streamEvents({ query: { from: 'first', types: 'RunCompleted' }, signal: stop.signal })
    const kinds: string[] = []
    for await (const { data, id } of events) {
      expect(id).not.toBe('')
      kinds.push(data.kind)
      break
    }
    stop.abort()
    expect(kinds).toEqual(['RunCompleted'])
  })

  it('rejects with what the server says', async () => {
    const refused = client.getFlow({ params: { flow: 'greeet' } })
    await expect(refused).rejects.toBeInstanceOf(ApiError)
    await expect(refused).rejects.toMatchObject({
      status: 404,
      code: 'flow_not_found',
      message: expect.stringContaining("did you mean 'greet'"),
      requestId: expect.stringMatching(/^req-/),
    })
  })

  it('rejects with something sensible when the answer is none of ours', async () => {
    const odd = createClient({
      url,
      fetch: async () => new Response('<html>', { status: 502, headers: { 'retry-after': '7' } }),
    })
    await expect(odd.listFlows()).rejects.toMatchObject({ status: 502, code: 'unknown', retryAfterS: 7 })
  })

  it('asks on behalf of a tenant, below a path', async () => {
    const asked: Request[] = []
    const told = createClient({
      url: 'http://proxy/beamline/',
      tenant: 'acme',
      fetch: async (address, init) => {
        asked.push(new Request(address, init))
        return Response.json({ flows: [] })
      },
    })
    await told.listFlows()
    expect(asked[0]!.url).toBe('http://proxy/beamline/api/v1/flows')
    expect(asked[0]!.headers.get('x-tenant-id')).toBe('acme')
    await told.getFlowVersion({ params: { flow: '../a b', version: 3 } }).catch(() => {})
    expect(asked[1]!.url).toBe('http://proxy/beamline/api/v1/flows/..%2Fa%20b/versions/3')
  })
})

describe('readEvents', () => {
  it('reads events that are cut anywhere', async () => {
    const text = 'retry: 1000\nid: a\n\n:\n\nid: b\ndata: {"é":\ndata: 1}\n\nevent: snapshot_required\ndata: {}\n\n'
    const bytes = new TextEncoder().encode(text)
    for (let size = 1; size <= bytes.length; size++) {
      const found: unknown[] = []
      for await (const item of readEvents(inParts(bytes, size))) found.push(item)
      expect(found).toEqual([
        { id: 'b', event: 'message', data: { é: 1 } },
        { id: 'b', event: 'snapshot_required', data: {} },
      ])
    }
  })
})

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
