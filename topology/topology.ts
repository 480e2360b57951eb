/** The graph as data: which processors a task runs, in the order it polls their topics. */
import { control } from '../processors/control/control.ts'
import { createDlq, type DlqOptions } from '../processors/dlq/dlq.ts'
import { ingest } from '../processors/ingest/ingest.ts'
import { result } from '../processors/result/result.ts'
import { RUN_COUNT, RUNS } from '../processors/result/run-store.ts'
import { createRoute, type RouteOptions } from '../processors/route/route.ts'
import type { Processor } from '../processors/turn.ts'
import type { TaskState } from './task/state.ts'

export interface Topology {
  /** One per task topic, in the order of `TASK_TOPICS`. */
  readonly processors: readonly Processor[]
  /** False while the task holds all the unfinished work it may: `ingest` is then left unread. */
  readonly admits: (state: TaskState) => boolean
}

export interface TopologyOptions {
  /** Unfinished runs of one task, above which it reads no more submissions and replays wait. Default 25,000. */
  readonly maxRunsPerTask?: number
  readonly route?: RouteOptions
  readonly dlq?: DlqOptions
}

export function createTopology(options: TopologyOptions = {}): Topology {
  const maxRuns = options.maxRunsPerTask ?? 25_000
  const dlq = createDlq({ mayBegin: (turn) => turn.index(RUN_COUNT).size < maxRuns, ...options.dlq })
  return {
    processors: [control, result, createRoute(options.route ?? {}), dlq, ingest],
    admits: (state) => state.store(RUNS).rows.size < maxRuns,
  }
}
