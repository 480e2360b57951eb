import { describe, expect, test } from 'vitest'
import { LogError } from '../../../topology/log/port.ts'
import { block, heldBlock, startBench, step } from './support.ts'

const echo = block('echo', (_context, input) => input)

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
