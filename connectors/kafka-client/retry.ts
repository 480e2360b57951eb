/** Repeating what failed for a passing reason, within bounds, and the words for it when it is given up. */
import type { Environment } from '../../topology/environment.ts'
import { KafkaClientError, type KafkaClientErrorCode } from './contract.ts'
import type { Health } from './health.ts'
import { ProtocolError } from './protocol-error.ts'
import { ConnectionError, type SendOptions } from './socket.ts'

export interface RetryOptions {
  /** Given up after so long. Default 30,000. */
  readonly deadlineMs?: number
  /** First wait between attempts; doubles up to `maxWaitMs`. Default 5 and 500. */
  readonly firstWaitMs?: number
  readonly maxWaitMs?: number
  /** How long a topic may be unknown, right after its creation for instance. Default 3,000. */
  readonly unknownTopicMs?: number
  /** What counts as the same trouble for `health`. Default: the first word of `what`. */
  readonly kind?: string
}

export interface RetryContext {
  readonly environment: Environment
  readonly health: Health
  closed(): boolean
  /** Leaders and coordinators may have moved. */
  onStale(): void
}

const DEADLINE_MS = 30_000

/**
 * How long to wait for an answer that takes a broker milliseconds and may be asked for again; a broker that has stopped is not to be waited for as long as
 * one that has much to write.
 */
export const QUESTION: SendOptions = { timeoutMs: 5_000 }

export async function retry<T>(
  context: RetryContext,
  what: string,
  attempt: () => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { environment, health } = context
  const kind = options.kind ?? what.split(' ', 1)[0]!
  const startedMs = environment.monotonic()
  for (let tries = 1; ; tries++) {
    if (context.closed()) throw new KafkaClientError('CLOSED', `${what}: the Kafka client is closed`)
    try {
      const result = await attempt()
      health.succeeded(kind)
      return result
    } catch (error) {
      const passing = passingFor(error, options)
      const elapsedMs = environment.monotonic() - startedMs
      if (isPassing(error)) report(health, kind, what, error)
      if (context.closed() || elapsedMs >= passing) throw asClientError(error, what)
      if (mayHaveMoved(error)) context.onStale()
      await wait(environment, waitMs(environment, tries, options))
    }
  }
}

/** Tells of trouble that is sat out; a topic that is not there, or offsets of a transaction that is not ended, say nothing about the cluster. */
export function report(health: Health, kind: string, what: string, error: unknown): void {
  const message = `${what}: ${(error as Error).message}`
  if (reactionOf(error) === 'topic' || isUnsettled(error)) health.noticed(kind, message)
  else health.failed(kind, message)
}

export function wait(environment: Environment, ms: number): Promise<void> {
  return new Promise((resolve) => environment.after(ms, resolve))
}

/** Resolves when the work has ended, well or not, or the time is over. */
export function settleWithin(environment: Environment, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = environment.after(ms, resolve)
    const done = (): void => {
      // A timer would keep a process that has nothing else to do.
      cancel()
      resolve()
    }
    work.then(done, done)
  })
}

function waitMs(environment: Environment, tries: number, options: RetryOptions): number {
  const longest = Math.min((options.firstWaitMs ?? 5) * 2 ** Math.min(tries - 1, 20), options.maxWaitMs ?? 500)
  return longest / 2 + ((environment.randomU32() % 1024) / 1024) * (longest / 2)
}

/** For how long such an error is worth repeating. */
function passingFor(error: unknown, options: RetryOptions): number {
  if (!isPassing(error)) return 0
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS
  return reactionOf(error) === 'topic' ? Math.min(deadlineMs, options.unknownTopicMs ?? 3_000) : deadlineMs
}

function isUnsettled(error: unknown): boolean {
  return error instanceof ProtocolError && error.errorName === 'UNSTABLE_OFFSET_COMMIT'
}

function reactionOf(error: unknown): string | null {
  return error instanceof ProtocolError ? error.reaction : null
}

/** True if the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.kind !== 'authentication'
  return error instanceof ProtocolError && ['again', 'stale', 'topic'].includes(error.reaction)
}

/** True if leaders or coordinators have to be asked for again. */
export function mayHaveMoved(error: unknown): boolean {
  return error instanceof ConnectionError || reactionOf(error) === 'stale' || reactionOf(error) === 'topic'
}

/** The error in the contract's terms; `what` begins the message. */
export function asClientError(error: unknown, what: string): KafkaClientError {
  if (error instanceof KafkaClientError) return error
  const { message } = error as Error
  return new KafkaClientError(codeOf(error), `${what}: ${message}${adviceFor(error)}`, { cause: error })
}

function codeOf(error: unknown): KafkaClientErrorCode {
  if (error instanceof ConnectionError) return error.kind === 'authentication' ? 'AUTHENTICATION_FAILED' : 'UNREACHABLE'
  if (!(error instanceof ProtocolError)) return 'REFUSED'
  if (error.errorName === 'OFFSET_OUT_OF_RANGE') return 'OFFSET_OUT_OF_RANGE'
  switch (error.reaction) {
    case 'stale':
    case 'again':
      return 'UNREACHABLE'
    case 'topic':
      return 'UNKNOWN_TOPIC'
    case 'fenced':
      return 'FENCED'
    case 'denied':
      return 'NOT_AUTHORIZED'
    case 'large':
      return 'RECORD_TOO_LARGE'
    case 'fatal':
      return 'REFUSED'
  }
}

/** Which ACL would help: the resource is in the message, the operation follows from the request. */
function adviceFor(error: unknown): string {
  if (!(error instanceof ProtocolError) || error.reaction !== 'denied') return ''
  const operation = NEEDED[error.operation]
  return operation === undefined ? '' : `; needed is an ACL that allows ${operation}`
}

/** What the broker checks for each request. */
const NEEDED: Readonly<Record<string, string>> = {
  Metadata: 'Describe on the topic',
  Produce: 'Write on the topic (and on the transactional id, for transactions)',
  Fetch: 'Read on the topic',
  ListOffsets: 'Describe on the topic',
  FindCoordinator: 'Describe on the group or transactional id',
  OffsetFetch: 'Describe on the group and on the topic',
  OffsetCommit: 'Read on the group and on the topic',
  JoinGroup: 'Read on the group',
  SyncGroup: 'Read on the group',
  Heartbeat: 'Read on the group',
  LeaveGroup: 'Read on the group',
  InitProducerId: 'Write on the transactional id',
  AddPartitionsToTxn: 'Write on the transactional id and on the topic',
  AddOffsetsToTxn: 'Write on the transactional id and Read on the group',
  TxnOffsetCommit: 'Write on the transactional id and Read on the group and on the topic',
  EndTxn: 'Write on the transactional id',
}
