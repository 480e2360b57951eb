/** What the read model's thread and its owner say to each other. */
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type {
  LetterGroup,
  LetterQuery,
  LetterView,
  ReadModelCounts,
  RunQuery,
  RunSummary,
  RunView,
} from '../../../topology/read-model/port.ts'
import type { KafkaSource } from './kafka-feed.ts'
import type { EventRecord, ProjectionOptions } from './projection.ts'

/** Where the thread gets events: it reads the embedded log's folder itself when poked, follows Kafka by itself, or is handed them. */
export type EventSource =
  | { readonly kind: 'embedded'; readonly folder: string }
  | KafkaSource
  | { readonly kind: 'push' }

export interface WorkerSetup {
  readonly projection: ProjectionOptions
  readonly source: EventSource
}

/** Requests that get an answer, with the type of it. */
export interface Calls {
  apply: { params: { partition: number; records: readonly EventRecord[]; nextOffset?: number }; result: null }
  getRun: { params: { tenant: TenantId; runId: RunId }; result: RunView | null }
  awaitRun: { params: { tenant: TenantId; runId: RunId }; result: RunView | null }
  listRuns: { params: RunQuery; result: readonly RunSummary[] }
  letterGroups: { params: { tenant: TenantId }; result: readonly LetterGroup[] }
  letters: { params: LetterQuery; result: readonly LetterView[] }
  counts: { params: null; result: ReadModelCounts }
}
export type CallName = keyof Calls

export type ToWorker =
  | {
      [N in CallName]: {
        readonly kind: 'call'
        readonly id: number
        readonly name: N
        readonly params: Calls[N]['params']
      }
    }[CallName]
  /** There may be new events. Answered by `progress`. */
  | { readonly kind: 'poke' }
  /** Answer the waiting `awaitRun` of this id now. */
  | { readonly kind: 'giveUp'; readonly id: number }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'ready'; readonly rebuilt: string | null; readonly positions: readonly number[] }
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown; readonly error: string | null }
  | {
      readonly kind: 'progress'
      readonly positions: readonly number[]
      readonly more: boolean
      readonly error: string | null
    }
