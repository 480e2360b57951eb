/** What the read model's thread and its owner say to each other. */
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { ReadModelErrorCode, ReadModelState, RunView } from '../../../topology/read-model/port.ts'
import type { EventRecord } from '../events.ts'
import type { KafkaSource } from '../kafka-source.ts'
import type { Answer, Asked, Question } from '../queries/read-queries.ts'
import type { ProjectionOptions } from './projection.ts'

/** Where the thread gets events: it reads the embedded log's folder itself when poked, follows Kafka by itself, or is handed them. */
export type EventSource =
  | { readonly kind: 'embedded'; readonly folder: string }
  | KafkaSource
  | { readonly kind: 'push' }

export interface WorkerSetup {
  readonly projection: ProjectionOptions
  readonly source: EventSource
  /** Of the thread, 0..19. */
  readonly nice: number
}

/** Of the two projections: the one that is asked, and the one that is being built to take its place. */
export type Build = 'serving' | 'next'

interface OwnCalls {
  apply: {
    params: { build: Build; partition: number; records: readonly EventRecord[]; nextOffset?: number }
    result: null
  }
  awaitRun: { params: { tenant: TenantId; runId: RunId }; result: RunView | null }
  state: { params: null; result: ReadModelState }
  /** The positions from which the next one is to be fed, also if it is under way already; `null` if it serves already. */
  rebuild: { params: null; result: { readonly positions: readonly number[] | null } }
}

/** Requests that get an answer, with the type of it. */
export type Calls = OwnCalls & { readonly [Q in Question]: { params: Asked<Q>; result: Answer<Q> } }
export type CallName = keyof Calls

export interface Call<N extends CallName = CallName> {
  readonly kind: 'call'
  readonly id: number
  readonly name: N
  readonly params: Calls[N]['params']
}

export type ToWorker =
  | Call
  /** There may be new events. Answered by `progress`. */
  | { readonly kind: 'poke' }
  /** Answer the waiting `awaitRun` of this id now. */
  | { readonly kind: 'giveUp'; readonly id: number }
  | { readonly kind: 'close' }

export interface CallError {
  readonly code: ReadModelErrorCode
  readonly message: string
}

export interface Positions {
  /** Of the build that has come least far. */
  readonly positions: readonly number[]
  /** Whether there is a next build. */
  readonly rebuilding: boolean
}

export type FromWorker =
  | ({ readonly kind: 'ready'; readonly rebuilt: string | null } & Positions)
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown; readonly error: CallError | null }
  | ({ readonly kind: 'progress'; readonly more: boolean; readonly error: string | null } & Positions)
