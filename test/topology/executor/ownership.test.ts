import { describe, expect, test } from 'vitest'
import { startExecutor } from '../../../topology/executor/executor.ts'
import { SILENT_OBSERVER } from '../../../topology/executor/observer.ts'
import { LogError } from '../../../topology/log/port.ts'
import { block, FakeLog, heldBlock, startBench, step, VirtualEnvironment } from './support.ts'

const echo = block('echo', (_context, input) => input)

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
