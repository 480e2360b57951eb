/** How much work the process has accepted and not finished, cheap to ask: the log's part is looked up at most every 100 ms, and only while somebody asks. */
import { RUNS } from '../../processors/result/run-store.ts'
import type { Environment } from '../environment.ts'
import type { Log, PartitionInfo } from '../log/port.ts'
import type { Node } from './node.ts'

/** Default of how old the log's part may be. */
const REFRESH_MS = 100

export interface NodeLoad {
  /** Runs that were begun and have not ended, in this process's tasks. */
  readonly unfinishedRuns: number
  /** Submissions that are durable and not decided, in all tasks of the deployment. */
  readonly undecided: number
  /** How long the log has been asked without an answer, ms. */
  readonly unknownForMs: number
}

export function sampleLoad(
  log: Pick<Log, 'describe'>,
  node: Pick<Node, 'tasks'>,
  environment: Environment,
  refreshMs: number = REFRESH_MS,
): () => NodeLoad {
  let askedAt = Number.NEGATIVE_INFINITY
  let undecided = 0
  let sampling = false
  const refresh = (): void => {
    sampling = true
    askedAt = environment.monotonic()
    log
      .describe()
      .then(
        (partitions) => {
          undecided = partitions.reduce((sum, info) => sum + lagOf(info), 0)
        },
        // a log that cannot be described says so in its health, which is asked first
        () => undefined,
      )
      .finally(() => {
        sampling = false
      })
  }
  return () => {
    if (!sampling && environment.monotonic() - askedAt >= refreshMs) refresh()
    const unfinishedRuns = node.tasks.reduce((sum, task) => sum + (task.state?.store(RUNS).rows.size ?? 0), 0)
    const unknownForMs = sampling ? environment.monotonic() - askedAt : 0
    return { unfinishedRuns, undecided, unknownForMs }
  }
}

function lagOf({ topic, nextOffset, committedOffset }: PartitionInfo): number {
  return topic === 'ingest' ? nextOffset - (committedOffset ?? 0) : 0
}
