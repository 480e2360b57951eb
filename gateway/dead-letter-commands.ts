/** Commands about dead letters: sent to every partition, the tasks' answers merged. */
import {
  type DlqDiscardBody,
  type DlqPlanBody,
  type DlqReplayBody,
  mergeDiscards,
  mergePlans,
  mergeReplays,
} from '../schemas/dlq-plan.ts'
import type { JsonText } from '../schemas/json.ts'
import type { LetterFilter } from '../schemas/records/dlq.ts'
import type { BeamlineRecord } from '../schemas/records/index.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { ReplyTo } from '../schemas/records/shared.ts'
import type { Log } from '../topology/log/port.ts'
import { RequestError } from './errors.ts'
import { outRecord } from './out-record.ts'
import type { Replies } from './replies.ts'

export interface ReplayRequest {
  readonly replayId: string
  readonly filter: LetterFilter
  /** Letters per second over all partitions; 0: as fast as possible. */
  readonly ratePerSecond: number
  /** Letters in all; `null`: every one that matches. */
  readonly limit: number | null
  readonly patch: JsonText | null
  readonly requestedBy: string | null
  readonly reason: string | null
}

export interface DeadLetterCommands {
  plan(filter: LetterFilter, sample: number): Promise<DlqPlanBody>
  /** What each partition would do, by its number. */
  planEach(filter: LetterFilter, sample: number): Promise<readonly DlqPlanBody[]>
  replay(request: ReplayRequest): Promise<DlqReplayBody>
  discard(filter: LetterFilter, reason: string, requestedBy: string | null): Promise<DlqDiscardBody>
}

export function createDeadLetterCommands(log: Log, replies: Replies): DeadLetterCommands {
  const everywhere = Array.from({ length: log.partitions }, (_, partition) => partition)
  const send = async <B>(command: (replyTo: ReplyTo, partition: number) => BeamlineRecord): Promise<B[]> => {
    const waiting = everywhere.map((partition) => ({ partition, expected: replies.expect('the command') }))
    const records = waiting.map(({ partition, expected }) =>
      outRecord('dlq', partition, null, command(expected.replyTo, partition)),
    )
    try {
      await log.append(records)
    } catch (error) {
      for (const { expected } of waiting) expected.forget()
      throw error
    }
    const answers = await Promise.all(waiting.map(({ expected }) => expected.reply))
    return answers.map((reply) => bodyOf<B>(reply))
  }
  const planEach = (filter: LetterFilter, sample: number): Promise<DlqPlanBody[]> =>
    send((replyTo) => ({ kind: 'PlanReplay', filter, sample, replyTo }))
  return {
    planEach,
    plan: async (filter, sample) => mergePlans(await planEach(filter, sample), sample),
    async replay(request) {
      const { ratePerSecond, limit, ...rest } = request
      const shares = divide(limit, await planEach(request.filter, 0))
      const total = shares.reduce((sum, share) => sum + share, 0)
      // Every partition is told, also one that has no share: a repeated command is answered with the first one's numbers.
      const bodies = await send<DlqReplayBody>((replyTo, partition) => ({
        kind: 'ReplayDeadLetters',
        ...rest,
        ratePerSecond: total === 0 ? ratePerSecond : (ratePerSecond * shares[partition]!) / total,
        limit: limit === null ? null : shares[partition]!,
        replyTo,
      }))
      return mergeReplays(bodies)
    },
    async discard(filter, reason, requestedBy) {
      return mergeDiscards(
        await send<DlqDiscardBody>((replyTo) => ({
          kind: 'DiscardDeadLetters',
          filter,
          reason,
          requestedBy,
          replyTo,
        })),
      )
    },
  }
}

/** What of `limit` each partition takes, by how many letters it has. */
function divide(limit: number | null, plans: readonly DlqPlanBody[]): readonly number[] {
  let left = limit ?? Number.POSITIVE_INFINITY
  return plans.map((plan) => {
    const share = Math.min(left, plan.matched - plan.refused)
    left -= share
    return share
  })
}

function bodyOf<B>(reply: Reply): B {
  const body = JSON.parse(reply.body) as B & { readonly message?: string; readonly details?: object }
  if (reply.ok) return body
  throw new RequestError('invalid_request', body.message ?? `the command was refused: ${reply.code}`, {
    details: { code: reply.code.toUpperCase(), ...body.details },
  })
}
