import { describe, expect, test } from 'vitest'
import { BlockError } from '../../../processors/execute/block.ts'
import { homeOf } from '../../../schemas/ids.ts'
import type { CancelStep, ExecuteStep } from '../../../schemas/records/execute.ts'
import { startExecutor } from '../../../topology/executor/executor.ts'
import { SILENT_OBSERVER } from '../../../topology/executor/observer.ts'
import { LogError } from '../../../topology/log/port.ts'
import { block, FakeLog, heldBlock, startBench, step, VirtualEnvironment } from './support.ts'

const echo = block('echo', (_context, input) => input)
const cancelOf = ({ runId, stepId, attempt }: ExecuteStep): CancelStep => ({
  kind: 'CancelStep',
  runId,
  stepId,
  attempt,
})

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

describe('carry-forward', () => {
  const options = { carry: { minAgeMs: 0, records: 10, ageMs: 1_000_000, runs: 100 } }

  test('moves a step that holds the window to the tail, and it still runs once', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held, echo], { options })
    const slow = step('held')
    log.put(0, slow)
    for (let i = 0; i < 20; i++) log.put(0, step('echo'))
    await environment.advance()
    const copy = log.appended.find((record) => record.topic === 'execute.io')!
    expect(copy.message).toEqual({ ...slow, carried: 1 })
    expect(log.progress.get(0)).toEqual({ next: 21, beyond: [] })
    held.runs[0]!.end(null)
    await environment.advance()
    expect(held.runs).toHaveLength(1)
    expect(log.results.filter((r) => r.runId === slow.runId)).toHaveLength(1)
    expect(log.progress.get(0)).toEqual({ next: 22, beyond: [] })
  })

  test('a step that ends while its copy is appended is not run again', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held, echo], { options })
    log.put(0, step('held'))
    log.appendFault = () => {
      held.runs[0]!.end(null)
      return null
    }
    for (let i = 0; i < 20; i++) log.put(0, step('echo'))
    await environment.advance()
    expect(held.runs).toHaveLength(1)
    expect(log.results).toHaveLength(21)
    expect(log.progress.get(0)).toEqual({ next: 22, beyond: [] })
  })

  test('more steps than the limit never chase each other to the tail', async () => {
    const held = heldBlock()
    const carry = { minAgeMs: 1_000, records: 2, ageMs: 1_000_000, runs: 100 }
    const { environment, log } = await startBench([held, echo], { concurrency: 20, options: { carry } })
    for (let i = 0; i < 10; i++) log.put(0, step('held'))
    await environment.advance(2_000)
    // the last one is too near to the tail to be carried
    log.put(0, step('echo'))
    await environment.advance()
    expect(log.appended.filter((record) => record.topic === 'execute.io')).toHaveLength(9)
    for (const run of held.runs) run.end(null)
    await environment.advance()
    expect(held.runs).toHaveLength(10)
    expect(log.progress.get(0)).toEqual({ next: 20, beyond: [] })
  })

  test('a copy whose append was not answered counts once it is read', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held, echo], { options })
    const slow = step('held')
    log.put(0, slow)
    const copies: number[] = []
    log.appendFault = () => {
      if (copies.length === 0) copies.push(log.put(0, { ...slow, carried: 1 }))
      return new LogError('OUTCOME_UNKNOWN', 'not answered', { retriable: true })
    }
    for (let i = 0; i < 20; i++) log.put(0, step('echo'))
    await environment.advance()
    expect(copies).toEqual([21])
    expect(log.progress.get(0)).toEqual({ next: 21, beyond: [] })
    held.runs[0]!.end(null)
    await environment.advance()
    expect(held.runs).toHaveLength(1)
    expect(log.progress.get(0)).toEqual({ next: 22, beyond: [] })
  })

  test('a failed append leaves the step where it is and is tried again', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held, echo], { options })
    log.put(0, step('held'))
    log.appendFault = () => new LogError('OUTCOME_UNKNOWN', 'lost', { retriable: true })
    for (let i = 0; i < 20; i++) log.put(0, step('echo'))
    await environment.advance()
    expect(log.progress.get(0)).toEqual({ next: 0, beyond: [[1, 21]] })
    log.appendFault = () => null
    log.put(0, step('echo'))
    await environment.advance()
    expect(log.progress.get(0)).toEqual({ next: 22, beyond: [] })
  })
})

describe('records no executor can run', () => {
  test('become dead letters with their bytes, and the partition moves on', async () => {
    const { environment, log } = await startBench([echo])
    log.put(0, Buffer.from('rubbish'))
    log.put(0, {
      kind: 'SlotReleased',
      runId: step('x').runId,
      stepId: step('x').stepId,
      attempt: 1,
      reason: 'finished',
    })
    log.put(0, step('echo'))
    await environment.advance()
    const letters = log.reported.filter((record) => record.kind === 'DeadLetter')
    expect(letters.map((l) => [l.category, l.error.code, l.topic, l.offset])).toEqual([
      ['record_unreadable', 'RECORD_NOT_AVRO', 'execute.io', 0],
      ['record_refused', 'RECORD_UNEXPECTED', 'execute.io', 1],
    ])
    expect(Buffer.from(letters[0]!.record!.value).toString()).toBe('rubbish')
    expect(log.results).toHaveLength(1)
    expect(log.progress.get(0)).toEqual({ next: 3, beyond: [] })
  })
})

describe('scheduling', () => {
  test('runs at most `concurrency` at once and reads a bounded way ahead', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held], { concurrency: 3, options: { readAhead: 5 } })
    for (let i = 0; i < 20; i++) log.put(0, step('held'))
    await environment.advance()
    expect(executor.load()).toMatchObject({ running: 3, queued: 5 })
    for (let ended = 0; ended < 20; ended++) {
      held.runs[ended]!.end(null)
      await environment.advance()
      expect(executor.load().running).toBe(Math.min(3, 19 - ended))
    }
    expect(log.results).toHaveLength(20)
  })

  test('tenants take turns', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held], { concurrency: 1 })
    for (let i = 0; i < 10; i++) log.put(0, step('held', null, { tenant: 'a' as never }))
    for (let i = 0; i < 3; i++) log.put(0, step('held', null, { tenant: 'b' as never }))
    await environment.advance()
    for (let i = 0; i < 6; i++) {
      held.runs[i]!.end(null)
      await environment.advance()
    }
    expect(held.runs.slice(0, 6).map((run) => run.key[0])).toEqual(['a', 'b', 'a', 'b', 'a', 'b'])
  })

  test('what ends together is reported together', async () => {
    const { environment, log } = await startBench([echo])
    for (let i = 0; i < 100; i++) log.put(0, step('echo'))
    await environment.advance()
    expect(log.results).toHaveLength(100)
    expect(log.reports).toBe(1)
  })

  test('starts nothing while too much waits to be reported', async () => {
    const { environment, log, executor } = await startBench([echo], { options: { unreportedBytes: 1_000 } })
    log.reportFault = () => new LogError('LOG_FULL', 'full', { retriable: true })
    for (let i = 0; i < 100; i++) log.put(0, step('echo', 'x'.repeat(100)))
    await environment.advance(10)
    expect(executor.load().queued).toBeGreaterThan(90)
    log.reportFault = () => null
    await environment.advance(10_000)
    expect(log.results).toHaveLength(100)
  })
})

describe('ownership', () => {
  test('tells every task which partitions it serves', async () => {
    const { log, executor, environment } = await startBench([echo], { partitions: 2, concurrency: 7 })
    expect(log.appended.map((r) => [r.topic, r.partition])).toEqual([
      ['route', 0],
      ['route', 1],
      ['route', 0],
      ['route', 1],
    ])
    expect(log.workers[0]).toEqual({
      kind: 'WorkerChanged',
      pool: 'io',
      partition: 0,
      workerId: 'w1',
      state: 'assigned',
      capacity: 7,
    })
    const drained = executor.drain()
    await environment.advance(10)
    await drained
    expect(log.workers.map((w) => [w.partition, w.state])).toEqual([
      [0, 'assigned'],
      [0, 'assigned'],
      [1, 'assigned'],
      [1, 'assigned'],
      [0, 'revoked'],
      [0, 'revoked'],
      [1, 'revoked'],
      [1, 'revoked'],
    ])
  })

  test('a revoked partition reports what ends within the grace; the rest is run by the next owner', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held], {
      concurrency: 2,
      options: { revokeGraceMs: 1_000 },
    })
    const steps = [step('held'), step('held'), step('held')]
    for (const one of steps) log.put(0, one)
    await environment.advance()
    const revoked = log.revoke(0)
    await environment.advance(500)
    held.runs[1]!.end(null)
    await environment.advance(600)
    await revoked
    expect(held.runs[0]!.signal.aborted).toBe(true)
    expect(log.results.map((r) => r.runId)).toEqual([steps[1]!.runId])
    expect(log.progress.get(0)).toEqual({ next: 0, beyond: [[1, 2]] })
    expect(executor.load()).toMatchObject({ running: 0, queued: 0, partitions: 0 })
    log.assign(0)
    await environment.advance()
    expect(held.runs.slice(2).map((run) => run.key)).toEqual([steps[0]!, steps[2]!].map((s) => `acme/${s.runId}/one/1`))
  })

  test('a partition with nothing running is given up at once', async () => {
    const { environment, log } = await startBench([echo])
    log.put(0, step('echo'))
    await environment.advance()
    await Promise.all([log.revoke(0), environment.advance(1)])
    expect(environment.nowMs).toBe(1)
  })

  test('drain finishes what runs, leaves the rest and may be called twice', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held], { concurrency: 1 })
    log.put(0, step('held'))
    log.put(0, step('held'))
    await environment.advance()
    const drained = Promise.all([executor.drain(), executor.drain()])
    await environment.advance(100)
    held.runs[0]!.end(null)
    await environment.advance(100)
    await drained
    expect(held.runs).toHaveLength(1)
    expect(log.progress.get(0)).toEqual({ next: 1, beyond: [] })
    expect(environment.timers).toBe(0)
  })

  test('drain does not wait for ever', async () => {
    const held = heldBlock('deaf', false)
    const { environment, log, executor } = await startBench([held], { options: { drainMs: 2_000 } })
    log.put(0, step('deaf'))
    await environment.advance()
    const drained = executor.drain()
    await environment.advance(2_000)
    await environment.advance(10)
    await drained
    expect(log.results).toEqual([])
  })

  test('kill says nothing more', async () => {
    const held = heldBlock()
    const { environment, log, executor } = await startBench([held])
    log.put(0, step('held'))
    await environment.advance()
    executor.kill()
    expect(held.runs[0]!.signal.aborted).toBe(true)
    log.put(0, step('held'))
    await environment.advance(10_000)
    expect([log.reports, held.runs.length, environment.timers]).toEqual([0, 1, 0])
  })
})

describe('a log that fails', () => {
  test('reports are repeated with the same results', async () => {
    const failures: number[] = []
    const observer = {
      ...SILENT_OBSERVER,
      reportFailed: (_p: unknown, _n: unknown, attempt: number) => void failures.push(attempt),
    }
    const { environment, log } = await startBench([echo], { observer })
    let left = 3
    log.reportFault = () => (left-- > 0 ? new LogError('OUTCOME_UNKNOWN', 'lost', { retriable: true }) : null)
    log.put(0, step('echo'))
    await environment.advance(10_000)
    expect(failures).toEqual([1, 2, 3])
    expect(log.results).toHaveLength(1)
    expect(log.joins).toBe(1)
  })

  test.each([
    ['fenced', 'FENCED'],
    ['unknown for too long', 'OUTCOME_UNKNOWN'],
  ] as const)('joins the pool anew when it is %s, and runs again what is not reported', async (_name, code) => {
    const { environment, log } = await startBench([echo])
    let down = true
    log.reportFault = () => (down ? new LogError(code, 'no', { retriable: code === 'OUTCOME_UNKNOWN' }) : null)
    const one = step('echo')
    log.put(0, one)
    await environment.advance(code === 'FENCED' ? 0 : 60_000)
    down = false
    await environment.advance(60_000)
    expect(log.joins).toBeGreaterThan(1)
    expect(log.results.map((r) => r.runId)).toEqual([one.runId])
    log.put(0, step('echo'))
    await environment.advance()
    expect(log.results).toHaveLength(2)
  })

  test('joins the pool anew when a partition can be read no more', async () => {
    const { environment, log } = await startBench([echo])
    log.pollFault = () => new LogError('OUTCOME_UNKNOWN', 'the disk cannot be read')
    const one = step('echo')
    log.put(0, one)
    await environment.advance(60_000)
    expect(log.joins).toBeGreaterThan(1)
    log.pollFault = () => null
    await environment.advance(60_000)
    expect(log.results.map((r) => r.runId)).toEqual([one.runId])
  })

  test('a partition whose records are gone stands still and says so; the others go on', async () => {
    const { environment, log, executor } = await startBench([echo], { partitions: 2 })
    log.pollFault = (partition) =>
      partition === 1 ? new LogError('OFFSET_OUT_OF_RANGE', 'offset 3 is gone; the first is 7') : null
    log.put(1, step('echo'))
    const other = step('echo')
    log.put(0, other)
    await environment.advance(60_000)
    expect(log.results.map((r) => r.runId)).toEqual([other.runId])
    expect(log.joins).toBe(1)
    expect(executor.trouble).toBe('partition 1 of the pool io: offset 3 is gone; the first is 7')
  })

  test('what runs of a partition whose records are gone may end and is reported; what has not begun never does', async () => {
    const held = heldBlock()
    const { environment, log } = await startBench([held], { concurrency: 1 })
    const running = step('held')
    log.put(0, running)
    log.put(0, step('held'))
    await environment.advance()
    log.pollFault = () => new LogError('OFFSET_OUT_OF_RANGE', 'gone')
    log.put(0, step('held'))
    await environment.advance()
    held.runs[0]!.end(null)
    await environment.advance(1_000)
    expect(log.results.map((r) => r.runId)).toEqual([running.runId])
    expect(held.runs).toHaveLength(1)
  })

  test('a full log keeps the results for as long as it takes', async () => {
    const { environment, log } = await startBench([echo])
    let full = true
    log.reportFault = () => (full ? new LogError('LOG_FULL', 'no', { retriable: true }) : null)
    log.put(0, step('echo'))
    await environment.advance(600_000)
    full = false
    await environment.advance(2_000)
    expect([log.joins, log.results.length]).toEqual([1, 1])
  })

  test('a closed log stops the executor', async () => {
    const { environment, log } = await startBench([echo])
    log.reportFault = () => new LogError('LOG_CLOSED', 'closed')
    log.put(0, step('echo'))
    await environment.advance(60_000)
    expect([log.joins, environment.timers]).toEqual([1, 0])
  })

  test('a pool that cannot be joined at the start is an error', async () => {
    const environment = new VirtualEnvironment()
    const log = new FakeLog(environment, 1)
    log.joinPool = () => Promise.reject(new LogError('LOG_CLOSED', 'closed'))
    const config = { log, environment, pool: 'io', blocks: [], workerId: 'w', concurrency: 1 } as const
    await expect(startExecutor(config)).rejects.toThrow('closed')
    await expect(startExecutor({ ...config, concurrency: 0 })).rejects.toThrow('concurrency of the io executor is 0')
  })
})
