import { describe, expect, test } from 'vitest'
import { checkFlow, compileStored } from '../../../schemas/flow/compile.ts'
import type { CompiledFlow } from '../../../schemas/flow/model.ts'
import { compiled, flow, graphOf, problems } from './flows.ts'

describe('a flow', () => {
  test('has defaults', () => {
    const [step] = compiled(flow(' - {id: a, type: http}')).steps
    expect(compiled(flow(' - {id: a, type: http}'))).toMatchObject({
      flow: 'test',
      inputSchema: null,
      output: null,
      deadlineMs: null,
      onFailure: 'fail',
      priority: 5,
      sticky: null,
      vars: {},
      roots: [0],
    })
    expect(step).toMatchObject({
      action: { kind: 'block', block: 'http', pool: 'io', with: { constant: true } },
      join: { kind: 'all' },
      when: null,
      retry: { attempts: 3, backoff: 'exponential', baseMs: 2_000, maxMs: 30_000, jitter: 0.1, on: null, notOn: [] },
      timeoutMs: 60_000,
      optional: false,
      dependents: [],
    })
  })

  test('says everything it can say', () => {
    const result = compiled(`
flow: everything
input: {type: object, required: [at]}
output: {score: "\${steps.score.output}", all: "\${keys(steps)}"}
deadline: 5m
onFailure: continue
priority: 0
sticky: {key: input.customer, ttl: 1h}
vars: {limit: 3}
steps:
  - {id: first, type: jmespath, pool: io, timeout: 250ms, optional: true, retry: patient}
  - {id: pause, type: wait, with: {for: 1.5s}}
  - {id: until, type: wait, with: {until: input.at}}
  - id: score
    type: kernel
    after: [first, pause, until]
    join: 2
    when: "steps.first.status == 'completed'"
    with: {a: "\${vars.limit}"}
    retry: {attempts: 2, backoff: linear, base: 1s, max: 2s, jitter: 0, on: [transient, HTTP_ERROR], notOn: TIMEOUT}
edges:
  - {from: first, to: score, condition: "\${steps.first.output.ok}"}
`)
    expect(result).toMatchObject({ deadlineMs: 300_000, onFailure: 'continue', priority: 0, vars: { limit: 3 } })
    expect(result.sticky).toMatchObject({ key: { text: 'input.customer' }, ttlMs: 3_600_000 })
    const [first, pause, until, score] = result.steps
    expect(first).toMatchObject({ optional: true, timeoutMs: 250, action: { pool: 'io' }, retry: { attempts: 10 } })
    expect(pause!.action).toEqual({ kind: 'wait', forMs: 1_500 })
    expect(until!.action).toMatchObject({ kind: 'wait_until', until: { text: 'input.at' } })
    expect(score).toMatchObject({
      action: { pool: 'gpu' },
      join: { kind: 'count', count: 2 },
      dependencies: [{ step: 0, condition: { text: 'steps.first.output.ok' } }, { step: 1 }, { step: 2 }],
      retry: {
        attempts: 2,
        backoff: 'linear',
        baseMs: 1_000,
        maxMs: 2_000,
        jitter: 0,
        on: ['transient', 'HTTP_ERROR'],
        notOn: ['TIMEOUT'],
      },
    })
    expect(first!.dependents).toEqual([3])
    expect(result.roots).toEqual([0, 1, 2])
    expect(result.byId.get(score!.id)).toBe(score)
  })

  test('in the form of the older systems is accepted as it is', () => {
    const document = {
      id: 'legacy.flow',
      version: '1.0.0',
      tenant_id: 'acme',
      steps: [
        {
          id: 'a',
          type: 'http',
          inputs: { url: 'x' },
          outputs: ['body'],
          retry: { attempts: 4, backoff_ms: 250 },
          timeout_ms: 1_500,
        },
        {
          id: 'b',
          type: 'jmespath',
          inputs: {},
          resources: { cpu: 1, memory_mb: 64, gpu: 1 },
          guardrails: { pii: true },
        },
        { id: 'c', type: 'echo', resources: { class: 'cpu', gpu: 0 } },
      ],
      edges: [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'c', condition: 'steps.b.output' },
      ],
      secrets_refs: [],
      policies: {},
    }
    const result = compiled(JSON.stringify(document))
    expect(result.flow).toBe('legacy.flow')
    expect(graphOf(result)).toEqual(['a<-', 'b<-a', 'c<-b'])
    expect(result.steps[0]).toMatchObject({ timeoutMs: 1_500, retry: { attempts: 4, baseMs: 250 } })
    expect(result.steps.map(({ action }) => action)).toMatchObject([{ pool: 'io' }, { pool: 'gpu' }, { pool: 'cpu' }])
    expect(result.steps[0]!.action).toMatchObject({ with: { constant: true } })
  })

  test('stored and compiled again is the same', () => {
    const checked = checkFlow(flow(` - {id: a, type: echo}\n - {id: b, type: echo, with: "x \${steps.a.output}"}`))
    if (!checked.ok) throw new Error('the flow is refused')
    const plain = (value: CompiledFlow) => JSON.stringify({ ...value, byId: [...value.byId] })
    expect(plain(compileStored(checked.name, checked.document))).toBe(plain(checked.flow))
    expect(JSON.parse(checked.document)).toEqual({
      flow: 'test',
      steps: [
        { id: 'a', type: 'echo' },
        { id: 'b', type: 'echo', with: `x \${steps.a.output}` },
      ],
    })
  })

  test('that is stored broken says where', () => {
    const broken = '{"flow":"test","steps":[{"id":"a","type":"nope"}]}' as never
    expect(() => compileStored('test', broken)).toThrow(
      /flow 'test' is broken at 'steps\[0\]\.type': unknown type 'nope'/,
    )
  })

  test('of 1,000 steps in a chain is accepted, of 1,001 not', () => {
    const chain = (count: number) =>
      flow(
        Array.from(
          { length: count },
          (_, i) => ` - {id: s${i}, type: echo, after: [${i === 0 ? '' : `s${i - 1}`}]}`,
        ).join('\n'),
      )
    expect(compiled(chain(1_000)).roots).toEqual([0])
    expect(problems(chain(1_001))).toEqual(['LIMIT_EXCEEDED steps: found 1001 steps; expected at most 1000'])
  })
})

test('block types can be given', () => {
  const types = [{ type: 'paint', pool: 'gpu' }] as const
  expect(checkFlow(flow(' - {id: a, type: paint}'), types)).toMatchObject({
    ok: true,
    flow: { steps: [{ action: { pool: 'gpu' } }] },
  })
  expect(checkFlow(flow(' - {id: a, type: echo}'), types)).toMatchObject({ ok: false })
})
