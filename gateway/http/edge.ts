/** What the routes share. */
import type { RunId, TenantId } from '../../schemas/ids.ts'
import type { RunView } from '../../topology/read-model/port.ts'
import type { BulkOperations } from '../bulk-operations.ts'
import type { DeadLetterCommands } from '../dead-letter-commands.ts'
import type { Definitions } from '../definitions.ts'
import type { LiveEvents } from '../live/live-events.ts'
import type { GatewayDependencies, GatewayOptions } from '../ports.ts'
import type { Publisher } from '../publish.ts'
import type { Replies } from '../replies.ts'
import type { SubmitBatch } from '../submit-batch.ts'
import type { Submit } from '../submit-run.ts'

export interface Edge extends Omit<GatewayDependencies, 'options'> {
  readonly options: Required<GatewayOptions>
  readonly definitions: Definitions
  readonly replies: Replies
  readonly publisher: Publisher
  readonly submit: Submit
  readonly submitBatch: SubmitBatch
  readonly deadLetters: DeadLetterCommands
  readonly bulk: BulkOperations
  readonly live: LiveEvents
  /** As the read model's, with a bound on how many wait. @throws {RequestError} */
  readonly awaitRun: (tenant: TenantId, runId: RunId, waitMs: number, gone: AbortSignal) => Promise<RunView | null>
}
