/** Lines that concern a run, a step or an attempt say which, and in which trace. */
import { describe, expect, it } from 'vitest'
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { createExecutorLog } from '../../../connectors/logging/executor-log.ts'
import { createLogger } from '../../../connectors/logging/logger.ts'
import { createTaskLog } from '../../../connectors/logging/task-log.ts'
import { DEFAULT_TENANT, newRunId, type StepId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { ExecuteStep } from '../../../schemas/records/execute.ts'
import { subjectOf } from '../../../topology/task/dead-letter.ts'

const runId = newRunId(1, () => 7)
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const step: ExecuteStep = {
  kind: 'ExecuteStep',
  runId,
  stepId: 'charge' as StepId,
  attempt: 2,
  tenant: DEFAULT_TENANT,
  flow: 'order',
  version: 1,
  block: 'http',
  input: '{"body":"not for logs"}' as JsonText,
  timeoutMs: 1_000,
  priority: 5,
  weight: 1,
  carried: 0,
  traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
}

function capture() {
  const lines: string[] = []
  const logger = createLogger({
    environment,
    level: 'debug',
    format: 'json',
    output: { write: (line) => lines.push(line) },
  })
  return { logger, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> }
}

describe('an executor', () => {
  const names = { run_id: runId, step_id: 'charge', attempt: 2, trace_id: TRACE, flow_id: 'order', block: 'http' }

  it('names the attempt in what its block says, and in what it says of the block', () => {
    const { logger, last, lines } = capture()
    const log = createExecutorLog(logger)
    log.logged!(step, { level: 'info', message: 'charged\r\n{"level":"ERROR"}\u001b[2J' })
    expect(last()).toMatchObject({ component: 'step', message: 'charged\r\n{"level":"ERROR"}\u001b[2J', ...names })
    log.orphaned('io', step)
    expect(last()).toMatchObject({ component: 'executor', pool: 'io', ...names })
    // a line each, with nothing in it that a terminal would obey, and no input
    expect(lines.map((line) => /^\P{Cc}+\n$/u.test(line))).toEqual([true, true])
    expect(lines.join('')).not.toMatch('not for logs')
  })

  it('names the trace that the run would have if it came without one', () => {
    const { logger, last } = capture()
    createExecutorLog(logger).logged!({ ...step, traceparent: null }, { level: 'warn', message: 'hm' })
    expect(last()).toMatchObject({ trace_id: runId.replaceAll('-', '') })
  })
})

describe('a task', () => {
  it('names what a dead letter is about, as far as its record says', () => {
    const { logger, last } = capture()
    const log = createTaskLog(logger)
    const finished = {
      kind: 'AttemptFinished',
      runId,
      stepId: 'charge' as StepId,
      attempt: 2,
      status: 'success',
      output: '1' as JsonText,
      error: null,
      workerId: 'w',
      startedAtMs: 1,
      finishedAtMs: 2,
    } as const
    log.deadLettered(0, 'result', 7, 'PROCESSOR_THREW', 'oops', subjectOf(finished))
    expect(last()).toMatchObject({ position: 'result/0/7', run_id: runId, step_id: 'charge', attempt: 2 })
    // which trace that is, the record does not say
    expect(last()).not.toHaveProperty('trace_id')
    log.deadLettered(0, 'ingest', 8, 'RECORD_CORRUPT', 'what is this', subjectOf(null))
    expect(last()).not.toHaveProperty('run_id')
  })
})
