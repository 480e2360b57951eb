/** What the projector's thread and its owner say to each other. */
import type { ReadModelErrorCode } from '../../../topology/read-model/port.ts'
import type { KafkaSource } from '../kafka-source.ts'
import type { RetentionOptions } from '../retention.ts'
import type { Deployment } from './catalog.ts'
import type { ConnectionConfig } from './connection.ts'

export interface ThreadSetup {
  readonly source: { readonly kind: 'embedded'; readonly folder: string } | KafkaSource
  readonly connection: ConnectionConfig
  readonly deployment: Deployment
  /** Of the thread, 0..19. */
  readonly nice: number
  readonly maxPayloadBytes?: number
  readonly retention?: Partial<RetentionOptions>
}

export type ToThread = 'poke' | 'wake' | 'close'

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly code: ReadModelErrorCode; readonly message: string }
  | { readonly kind: 'positions'; readonly positions: readonly number[] }
  | { readonly kind: 'problem'; readonly message: string }
