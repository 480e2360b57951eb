import { describe, expect, test } from 'vitest'
import { BlockError } from '../../../processors/execute/block.ts'
import { homeOf } from '../../../schemas/ids.ts'
import type { Json } from '../../../schemas/json.ts'
import type { CancelStep, ExecuteStep } from '../../../schemas/records/execute.ts'
import { block, heldBlock, startBench, step } from './support.ts'

const echo = block('echo', (_context, input) => input)

const cancelOf = ({ runId, stepId, attempt }: ExecuteStep): CancelStep => ({
  kind: 'CancelStep',
  runId,
  stepId,
  attempt,
})

/** Lists within each other. */
function deep(levels: number): Json {
  let value: Json = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

describe('ends of attempts', () => {
  test.each([
    ['a value', block('x', () => ({ a: 1 })), null, 'success', '{"a":1}', null],
    ['a promise', block('x', async () => 7), null, 'success', '7', null],
    ['undefined', block('x', () => undefined as never), null, 'success', 'null', null],
    [
      'a throw',
      block('x', () => {
        throw new Error('no')
      }),
      null,
      'error',
      null,
      'INTERNAL_ERROR',
    ],
    ['a rejection', block('x', () => Promise.reject(new Error('no'))), null, 'error', null, 'INTERNAL_ERROR'],
    [
      'an undeclared code',
      block('x', () => {
        throw new BlockError('ODD', '')
      }),
      null,
      'error',
      null,
      'INTERNAL_ERROR',
    ],
    ['output that is no JSON', block('x', () => 1n as never), null, 'error', null, 'INTERNAL_ERROR'],
    ['large output', block('x', () => 'é'.repeat(600_000)), null, 'error', null, 'OUTPUT_TOO_LARGE'],
    ['deep output', block('x', () => deep(513)), null, 'error', null, 'OUTPUT_TOO_LARGE'],
    ['the deepest output', block('x', () => deep(512)), null, 'success', JSON.stringify(deep(512)), null],
    ['output beyond any stack', block('x', () => deep(200_000)), null, 'error', null, 'OUTPUT_TOO_LARGE'],
    [
      'an error with a deep detail',
      block('x', () => {
        throw new BlockError('TIMEOUT', '', { detail: deep(2_000) })
      }),
      null,
      'error',
      null,
      'TIMEOUT',
    ],
    ['bad input', block('x', () => 1, { inputSchema: { type: 'number' } }), 'text', 'error', null, 'INPUT_INVALID'],
    ['an unknown block', echo, null, 'error', null, 'UNKNOWN_BLOCK'],
  ] as const)('%s', async (_name, one, input, status, output, code) => {
    const { environment, log, executor } = await startBench([one])
    log.put(0, step('x', input))
    await environment.advance()
    expect(log.results.map((r) => [r.status, r.output, r.error?.code ?? null])).toEqual([[status, output, code]])
    expect(log.progress.get(0)).toEqual({ next: 1, beyond: [] })
    expect(executor.load()).toMatchObject({ queued: 0, running: 0, unreportedBytes: 0 })
    // the timer of deadlines is left to fire once
    expect(environment.timers).toBeLessThanOrEqual(1)
  })

  test('says where an input is wrong', async () => {
    const typed = block('x', () => 1, { inputSchema: { type: 'object', properties: { ms: { type: 'number' } } } })
    const { environment, log } = await startBench([typed])
    log.put(0, step('x', { ms: 'ten' }))
    await environment.advance()
    expect(log.results[0]!.error).toMatchObject({
      message: 'input at /ms is "ten" (string); expected number',
      detail: '{"path":"/ms","found":"\\"ten\\" (string)","expected":"number"}',
    })
  })

  test('goes to the home of the run', async () => {
    const { environment, log } = await startBench([echo], { partitions: 4 })
    const steps = Array.from({ length: 8 }, () => step('echo'))
    for (const one of steps) log.put(1, one)
    await environment.advance()
    expect(log.homes).toEqual(steps.map((one) => homeOf(one.runId, 4)))
    expect(new Set(log.homes).size).toBeGreaterThan(1)
  })

  test('the key of an attempt is tenant/run/step/attempt', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held])
    const one = step('held', null, { attempt: 3 })
    log.put(0, one)
    await environment.advance()
    expect(held.runs[0]!.key).toBe(`acme/${one.runId}/one/3`)
  })
})

describe('timeouts', () => {
  test('aborts the block and reports a timeout when it stops', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held])
    log.put(0, step('held', null, { timeoutMs: 1_000 }))
    await environment.advance(999)
    expect(log.results).toEqual([])
    await environment.advance(1)
    expect(log.results.map((r) => [r.status, r.error?.code])).toEqual([['timeout', 'TIMEOUT']])
    expect(executor.load()).toMatchObject({ running: 0, orphans: 0 })
  })

  test('a block that never ends loses its slot after the grace, once', async () => {
    const deaf = heldBlock('deaf', false)
    const { environment, log, executor } = await startBench([deaf, echo], {
      concurrency: 1,
      options: { abortGraceMs: 100 },
    })
    log.put(0, step('deaf', null, { timeoutMs: 1_000 }))
    log.put(0, step('echo'))
    await environment.advance(1_099)
    expect(log.results).toEqual([])
    await environment.advance(1)
    expect(log.results.map((r) => r.status)).toEqual(['timeout', 'success'])
    expect(executor.load()).toMatchObject({ running: 0, orphans: 1 })
    deaf.runs[0]!.end(null)
    await environment.advance()
    expect(log.results).toHaveLength(2)
    expect(executor.load().orphans).toBe(0)
  })

  test('what a block returns after its timeout changes nothing', async () => {
    const deaf = heldBlock('deaf', false)
    const { environment, log } = await startBench([deaf])
    log.put(0, step('deaf', null, { timeoutMs: 10 }))
    await environment.advance(20)
    deaf.runs[0]!.end(null)
    await environment.advance(1_000)
    expect(log.results.map((r) => r.status)).toEqual(['timeout'])
  })

  test('many deadlines share one timer', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held], { concurrency: 100 })
    for (let i = 0; i < 50; i++) log.put(0, step('held', null, { timeoutMs: 1_000 + ((i * 7) % 50) }))
    await environment.advance()
    expect(environment.timers).toBe(1)
    await environment.advance(1_024)
    expect(log.results).toHaveLength(25)
    await environment.advance(100)
    expect(log.results).toHaveLength(50)
  })
})

describe('cancel', () => {
  test('of a running attempt aborts it and reports nothing', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held])
    const one = step('held')
    log.put(0, one)
    await environment.advance()
    log.put(0, cancelOf(one))
    await environment.advance()
    expect(held.runs[0]!.signal.aborted).toBe(true)
    expect(log.results).toEqual([])
    expect(log.progress.get(0)).toEqual({ next: 2, beyond: [] })
  })

  test('of a queued attempt takes it out of the queue', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held], { concurrency: 1 })
    const [first, second] = [step('held'), step('held')]
    for (const record of [first, second, cancelOf(second)]) log.put(0, record)
    await environment.advance()
    expect(executor.load()).toMatchObject({ queued: 0, running: 1 })
    expect(log.progress.get(0)).toEqual({ next: 0, beyond: [[1, 3]] })
    held.runs[0]!.end(null)
    await environment.advance()
    expect(held.runs).toHaveLength(1)
    expect(log.results.map((r) => r.runId)).toEqual([first.runId])
  })

  test('of an attempt that is not here is finished at once', async () => {
    const { environment, log } = await startBench([echo])
    log.put(0, cancelOf(step('echo')))
    await environment.advance()
    expect(log.progress.get(0)).toEqual({ next: 1, beyond: [] })
  })
})

describe('copies of a record', () => {
  test.each(['while it runs', 'after it ended'])('run once (%s)', async (when) => {
    const held = heldBlock()
    const { environment, log } = await startBench([held])
    const one = step('held')
    log.put(0, one)
    await environment.advance()
    if (when === 'while it runs') log.put(0, { ...one, carried: 1 })
    await environment.advance()
    held.runs[0]!.end(null)
    await environment.advance()
    if (when === 'after it ended') log.put(0, { ...one, carried: 1 })
    await environment.advance()
    expect(held.runs).toHaveLength(1)
    expect(log.results).toHaveLength(1)
    expect(log.progress.get(0)).toEqual({ next: 2, beyond: [] })
  })

  test('another attempt of the step is run', async () => {
    const { environment, log } = await startBench([echo])
    const one = step('echo')
    log.put(0, one)
    log.put(0, { ...one, attempt: 2 })
    await environment.advance()
    expect(log.results.map((r) => r.attempt)).toEqual([1, 2])
  })
})
