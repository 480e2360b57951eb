/**
 * Runs one flow once with the real processors, tasks and executors, on a log of its own and on virtual time: retries, waits and timeouts pass at once. Only
 * what has effects outside is replaced.
 */
import type { Block } from '../../processors/execute/block.ts'
import { failBlock } from '../../processors/execute/blocks/io/fail.ts'
import { sleepBlock } from '../../processors/execute/blocks/io/sleep.ts'
import { decodeRecord, encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, newRunId, type RunId } from '../../schemas/ids.ts'
import { toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import { POOLS, type Topic } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import type { Log } from '../log/port.ts'
import { Node } from '../node/node.ts'
import { createTopology } from '../topology.ts'
import { VirtualTime } from '../virtual-time.ts'
import { Stage, staged } from './blocks.ts'
import { Outcome } from './outcome.ts'
import type { DryRunReport, DryRunRequest } from './port.ts'

export interface DryRunTools {
  /** Real time, for blocks that really run. */
  readonly host: Environment
  /** An empty log of one partition, in memory. */
  readonly openLog: (environment: Environment) => Log
  /** All there are. */
  readonly blocks: readonly Block[]
  /** Ends it from outside. */
  readonly signal?: AbortSignal
}

const SEED = 1
const CONCURRENCY = 1_000
/** Real milliseconds that all real blocks together may stand still. */
const MAX_REAL_MS = 60_000
/** Rounds of virtual time; ten years of waiting take fewer. */
const MAX_ROUNDS = 5_000_000
const READY_WITHIN_ROUNDS = 100_000

export async function dryRun(request: DryRunRequest, tools: DryRunTools): Promise<DryRunReport> {
  const time = new VirtualTime(tools.host, request.startMs, SEED)
  const { environment } = time
  const stage = new Stage(environment, request.mocks)
  const log = tools.openLog(environment)
  const problems: string[] = []
  const node = nodeOf(log, environment, stage, tools.blocks, problems)
  const runId = newRunId(0, environment.randomU32)
  const outcome = new Outcome(runId)
  try {
    follow(log, outcome, problems)
    node.start().catch((error: Error) => problems.push(error.message))
    append(log, 'control', published(request, environment.now()), problems)
    await until(time, stage, tools, problems, () => node.isReady(), READY_WITHIN_ROUNDS)
    append(log, 'ingest', submission(request, runId, environment.now()), problems)
    cancelLater(request, runId, log, environment, problems)
    await until(time, stage, tools, problems, () => outcome.ended, MAX_ROUNDS)
    return outcome.report(stage, environment.now(), problems)
  } finally {
    node.kill()
    void log.close().catch(() => {})
  }
}

/** Lets virtual time pass until it is so, or something is wrong. */
async function until(
  time: VirtualTime,
  stage: Stage,
  { host, signal }: DryRunTools,
  problems: string[],
  done: () => boolean,
  maxRounds: number,
): Promise<void> {
  for (let round = 0; !done() && problems.length === 0; round++) {
    if (signal?.aborted) problems.push('it was interrupted')
    else if (round > maxRounds)
      problems.push(`it has not ended after ${Math.round(time.nowMs / 1_000)} s of virtual time`)
    else if (await time.runDue()) continue
    else if (stage.running > 0) await realBlock(stage, host, problems)
    else if (!time.advance()) problems.push('nothing is left to do and it has not ended')
  }
}

/** Virtual time stands still while a block really runs. */
async function realBlock(stage: Stage, host: Environment, problems: string[]): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = host.after(MAX_REAL_MS, () => {
    problems.push(`a block has not ended within ${MAX_REAL_MS / 1_000} s of real time`)
    late.resolve()
  })
  await Promise.race([stage.changed(), late.promise])
  cancel()
  await new Promise<void>((resolve) => host.soon(resolve))
}

function nodeOf(log: Log, environment: Environment, stage: Stage, real: readonly Block[], problems: string[]): Node {
  const virtual = [sleepBlock(environment), failBlock(environment)]
  const types = new Set(virtual.map(({ type }) => type))
  const blocks = [
    ...virtual.map((block) => staged(block, stage, true)),
    ...real.filter(({ type }) => !types.has(type)).map((block) => staged(block, stage, false)),
  ]
  const nothing = (): void => {}
  return new Node({
    log,
    environment,
    topology: createTopology(),
    workerId: 'dry-run',
    tasks: true,
    pools: POOLS.filter((pool) => pool !== 'external').map((pool) => ({ pool, concurrency: CONCURRENCY, blocks })),
    taskObserver: {
      phase: nothing,
      restored: nothing,
      restoreProgress: nothing,
      committed: nothing,
      counted: nothing,
      deadLettered: (_task, topic, _offset, code, message) => {
        if (topic === 'timer' || code === 'PROCESSOR_THREW') problems.push(`the engine broke: ${message}`)
      },
      reopening: nothing,
    },
    onTaskStopped: (_task, error) => problems.push(`the engine stopped: ${error.message}`),
  })
}

function follow(log: Log, outcome: Outcome, problems: string[]): void {
  const reader = log.read('events', 0, 'first')
  const read = async (): Promise<void> => {
    while (!outcome.ended) {
      for (const { message, value } of await reader.next(1_000)) outcome.apply(message ?? decodeRecord(value))
    }
    reader.close()
  }
  read().catch((error: Error) => problems.push(error.message))
}

function append(log: Log, topic: Topic, message: BeamlineRecord, problems: string[]): void {
  const record = {
    topic,
    partition: 0,
    key: null,
    value: encodeRecord(message),
    headers: null,
    handled: false,
    message,
  }
  log.append([record]).catch((error: Error) => problems.push(error.message))
}

function published({ flow, document }: DryRunRequest, nowMs: number): BeamlineRecord {
  const about = { tenant: DEFAULT_TENANT, hash: 'dry-run', publishedAtMs: nowMs, publishedBy: null }
  return { kind: 'FlowPublished', flow, version: 1, document, ...about }
}

function submission({ flow, input }: DryRunRequest, runId: RunId, nowMs: number): BeamlineRecord {
  return {
    kind: 'SubmitRun',
    runId,
    tenant: DEFAULT_TENANT,
    flow,
    version: 1,
    input: toJsonText(input),
    idempotencyKey: null,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs: nowMs,
    replay: null,
  }
}

function cancelLater(
  { cancelAfterMs }: DryRunRequest,
  runId: RunId,
  log: Log,
  environment: Environment,
  problems: string[],
): void {
  if (cancelAfterMs === null) return
  environment.after(cancelAfterMs, () => {
    const about = { tenant: DEFAULT_TENANT, reason: 'dry run', requestedBy: null, force: false, replyTo: null }
    append(log, 'result', { kind: 'CancelRun', runId, ...about }, problems)
  })
}
