/** A whole node on a log: tasks and the pool `io`, with echo steps; submissions are appended, ends are read from `events`. */
import { realEnvironment } from '../../../connectors/environment.ts'
import { echoChain } from '../../../load/bench/flow-documents.ts'
import { submission } from '../../../load/bench/submission.ts'
import { builtInBlocks } from '../../../processors/execute/blocks/registry.ts'
import { decodeRecord, encodeRecord } from '../../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, homeOf, newRunId, type RunId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { Topic } from '../../../schemas/topics.ts'
import type { Log, LogReader, OutRecord } from '../../../topology/log/port.ts'
import { Node } from '../../../topology/node/node.ts'
import type { CommitStats } from '../../../topology/task/observer.ts'
import { createTopology } from '../../../topology/topology.ts'

const ENDS: ReadonlySet<string> = new Set(['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut', 'RunRejected'])

export interface Engine {
  readonly node: Node
  /** Resolves with the kind of the event that ended the run. */
  run(index: number): Promise<string>
  close(): Promise<void>
  /** Stops as a crash would; the log's client is the caller's to close. */
  kill(): Promise<void>
}

export interface EngineOptions {
  readonly workerId: string
  readonly steps?: number
  readonly concurrency?: number
  readonly onCommit?: (stats: CommitStats) => void
  readonly onTrouble?: (what: string, error: unknown) => void
  /** A submission was written. */
  readonly onSubmitted?: (runId: RunId) => void
}

export async function startEngine(log: Log, options: EngineOptions): Promise<Engine> {
  const { workerId, steps = 3, concurrency = 64, onCommit, onTrouble, onSubmitted } = options
  const blocks = builtInBlocks(realEnvironment)
  const node = new Node({
    log,
    environment: realEnvironment,
    topology: createTopology(),
    workerId,
    tasks: true,
    pools: [{ pool: 'io', concurrency, blocks: blocks.blocks }],
    taskObserver: {
      phase: () => {},
      restored: () => {},
      restoreProgress: () => {},
      committed: (stats) => onCommit?.(stats),
      counted: () => {},
      deadLettered: (_task, topic, offset, code, message) =>
        onTrouble?.(`dead letter ${topic} ${offset} ${code}`, message),
      reopening: (taskId, error) => onTrouble?.(`task ${taskId} reopens`, error),
    },
    onTaskStopped: (taskId, error) => onTrouble?.(`task ${taskId} stopped`, error),
  })
  const waiting = new Map<string, (kind: string) => void>()
  // where the events end now, before there are any of ours
  const readers = (await log.describe())
    .filter(({ topic }) => topic === 'events')
    .map(({ partition, nextOffset }) => log.read('events', partition, { offset: nextOffset }))
  let closed = false
  const follow = async (reader: LogReader): Promise<void> => {
    while (!closed) {
      for (const { value } of await reader.next(1_000)) {
        const event = decodeRecord(value)
        if (!ENDS.has(event.kind)) continue
        const { runId } = event as { runId: RunId }
        waiting.get(runId)?.(event.kind)
        waiting.delete(runId)
      }
    }
  }
  for (const reader of readers) follow(reader).catch((error: unknown) => onTrouble?.('events', error))
  await node.start()
  const flow = `echo-${steps}`
  await publish(log, flow, echoChain(flow, steps))
  const end = async (): Promise<void> => {
    closed = true
    for (const reader of readers) reader.close()
    await blocks.close()
  }
  return {
    node,
    async run(index) {
      const runId = newRunId(realEnvironment.randomU32() & 0xffff, () => realEnvironment.randomU32())
      const ended = new Promise<string>((resolve) => waiting.set(runId, resolve))
      const record = submission(flow, toJsonText({ index, text: 'x'.repeat(900) }), runId, Date.now())
      await log.append([out('ingest', homeOf(runId, log.partitions), runId, record)])
      onSubmitted?.(runId)
      return ended
    },
    async close() {
      await node.drain()
      await end()
    },
    async kill() {
      node.kill()
      await end()
    },
  }
}

async function publish(log: Log, flow: string, document: object): Promise<void> {
  const text = toJsonText(document)
  const record: BeamlineRecord = {
    kind: 'FlowPublished',
    tenant: DEFAULT_TENANT,
    flow,
    version: 1,
    document: text,
    hash: '0'.repeat(64),
    publishedAtMs: Date.now(),
    publishedBy: null,
  }
  await log.append(Array.from({ length: log.partitions }, (_, partition) => out('control', partition, null, record)))
}

function out(topic: Topic, partition: number, key: string | null, message: BeamlineRecord): OutRecord {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}
